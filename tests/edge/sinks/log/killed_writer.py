"""Writes numbered lines into a log that is rotated after every few lines, until it is killed. The tests start it.

`killed_writer.py FOLDER steps` kills one process after another, before its first, second, … file access. For each it
prints a line: the number of the access, how many lines were written, the numbers of the lines found afterwards, those
found after the next run, and how many files that run leaves uncompressed.

`killed_writer.py LOG endless` prints the number of each written line, until someone else kills it.
"""

import itertools
import os
import shutil
import signal
import sys
import zlib
from pathlib import Path

from log_files import line_numbers, numbered_line

from edge.sinks.log.archive import Archive, RetentionLimits
from edge.sinks.log.file import LinesFile
from edge.sinks.log.jsonl import RotatingFile
from edge.sinks.log.rotation import Rotation, RotationPolicy

POLICY = RotationPolicy(max_bytes=300, max_age_s=1e9, retention=RetentionLimits(max_bytes=1 << 40))
LINES = 16
AUDITED = {"open", "os.rename", "os.remove", "os.truncate", "os.utime", "os.mkdir"}


def write_lines(path, first, count, progress):
    """Write, rotate and tidy on one thread, so that the order of file accesses is always the same.

    Args:
        path: the log.
        first: the number of the first line.
        count: how many lines to write.
        progress: file descriptor to which the number of written lines is saved.
    """
    archive = Archive(path, POLICY.retention)
    rotation = Rotation(path, archive, POLICY, on_change=lambda: None)
    file = LinesFile(path, retry=True, flush_s=0.0, rotation=rotation)
    for number in range(first, first + count):
        file.add([numbered_line(number)])
        os.pwrite(progress, b"%05d" % (number + 1), 0)
        archive.tidy()
    file.close()


def die_before(step):
    """Make this process kill itself before access number `step` to a file of the log."""
    accesses = itertools.count(1)

    def count_access():
        if next(accesses) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(event, arguments):
        if event in AUDITED and "readings" in str(arguments[0]):
            count_access()

    class Compressor:
        """Counts the end of compression as an access: by then the compressed file is open and incomplete."""

        def __init__(self, *arguments, **options):
            self._compressor = compressobj(*arguments, **options)
            self.compress = self._compressor.compress

        def flush(self):
            count_access()
            return self._compressor.flush()

    compressobj, zlib.compressobj = zlib.compressobj, Compressor
    sys.addaudithook(audit)


def run_steps(folder):
    for step in itertools.count(1):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        path = folder / "readings.jsonl"
        progress = os.open(folder / "progress", os.O_RDWR | os.O_CREAT)
        child = os.fork()
        if not child:
            die_before(step)
            write_lines(path, 0, LINES, progress)
            os._exit(0)
        was_killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
        written = int(os.pread(progress, 5, 0) or 0)
        found = line_numbers(path)
        write_lines(path, 1000, 2, os.open(folder / "next_progress", os.O_RDWR | os.O_CREAT))  # the next run
        found_next = [number for number in line_numbers(path) if number < 1000]
        row = (step, written, ",".join(map(str, found)), ",".join(map(str, found_next)), len(uncompressed(folder)))
        sys.stdout.write(" ".join(map(str, row)) + "\n")
        if not was_killed:
            return


def uncompressed(folder):
    """Return the rotated files that are not compressed, or not completely."""
    return [p for p in folder.iterdir() if p.name.startswith("readings.0") and not p.name.endswith(".gz")]


def run_endless(path):
    first = max(line_numbers(path), default=-1) + 1
    file = RotatingFile(path, retry=True, flush_s=0.0, policy=POLICY, is_clock_set=lambda: True)
    for number in itertools.count(first):
        file.lines.add([numbered_line(number)])
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    run_steps(Path(sys.argv[1])) if sys.argv[2] == "steps" else run_endless(Path(sys.argv[1]))
