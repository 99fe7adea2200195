"""Writes numbered lines into a log that is rotated after each few, until it is killed: started by the tests.

`killed_writer.py LOG steps`: one process after the other dies before its first, second, ... access to a file; a line
is printed for each: the access, how many lines were written, which are found then, which after the next run, and how
many files that leaves unfinished.
`killed_writer.py LOG on`: goes on until somebody else kills it; prints each number that has been written.
"""

import gzip
import itertools
import os
import shutil
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from edge.sinks.archive import Archive, Limits
from edge.sinks.kept_file import KeptFile
from edge.sinks.lines_file import LinesFile
from edge.sinks.rotated import rotated_files
from edge.sinks.rotation import Keeping, Rotation

KEEPING = Keeping(most_bytes=300, longest_s=1e9, limits=Limits(most_bytes=1 << 40))
LINES = 16
WATCHED = {"open", "os.rename", "os.remove", "os.truncate", "os.utime", "os.mkdir"}


def line(number):
    return b'{"time":"%s","frame":"%05d"}\n' % (datetime.now(UTC).isoformat().encode(), number)


def frames_of(path):
    """The numbers of all lines, old files first."""
    contents = [
        gzip.decompress(old.path.read_bytes()) if old.path.suffix == ".gz" else old.path.read_bytes()
        for old in rotated_files(path)
    ]
    contents.append(path.read_bytes() if path.exists() else b"")
    return [int(text[-8:-3]) for content in contents for text in content.splitlines(keepends=True)]


def work(path, first, count, told):
    """Write, rotate, tidy, one after the other, so that each step has its number."""
    archive = Archive(path, KEEPING.limits)
    rotation = Rotation(path, archive, KEEPING, on_change=lambda: None)
    file = LinesFile(path, retry=True, flush_s=0.0, rotation=rotation)
    for number in range(first, first + count):
        file.add([line(number)])
        os.pwrite(told, b"%05d" % (number + 1), 0)
        archive.tidy()
    file.close()


def die_before(step):
    """Let this process be killed before its access number `step` to a file of the log."""
    counted = itertools.count(1)

    def look(event, arguments):
        if event in WATCHED and "readings" in str(arguments[0]) and next(counted) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def write(packer, data):
        look("open", ["half of readings"])
        return real(packer, data)

    real, gzip.GzipFile.write = gzip.GzipFile.write, write
    sys.addaudithook(look)


def steps(folder):
    for step in itertools.count(1):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        path = folder / "readings.jsonl"
        told = os.open(folder / "told", os.O_RDWR | os.O_CREAT)
        child = os.fork()
        if not child:
            die_before(step)
            work(path, 0, LINES, told)
            os._exit(0)
        died = os.WIFSIGNALED(os.waitpid(child, 0)[1])
        written = int(os.pread(told, 5, 0) or 0)
        found = frames_of(path)
        work(path, 1000, 2, os.open(folder / "other", os.O_RDWR | os.O_CREAT))  # the next run
        after = [frame for frame in frames_of(path) if frame < 1000]
        answer = (step, written, ",".join(map(str, found)), ",".join(map(str, after)), len(leftovers(folder)))
        sys.stdout.write(" ".join(map(str, answer)) + "\n")
        if not died:
            return


def leftovers(folder):
    """What is neither the log nor a compressed file of it; the newest one may be waiting."""
    return [p for p in folder.iterdir() if p.name.startswith("readings.0") and not p.name.endswith(".gz")]


def on(path):
    first = max(frames_of(path), default=-1) + 1
    kept = KeptFile(path, retry=True, flush_s=0.0, keeping=KEEPING, is_clock_set=lambda: True)
    for number in itertools.count(first):
        kept.lines.add([line(number)])
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    steps(Path(sys.argv[1])) if sys.argv[2] == "steps" else on(Path(sys.argv[1]))
