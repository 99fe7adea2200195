"""Checks in a process of its own that the HDF5 library can read a Keras file: damaged ones make it hang or crash.

The program's part, below, imports nothing of this project: it is started by its path.
"""

import io
import resource
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

CPU_S, BYTES_PER_S = 5, 20 << 20
"""Processor time that reading may take: so many seconds, and one more for each of so many bytes."""


class UnreadableHdf5Error(Exception):
    """A file that the HDF5 library cannot read; the message says what happens."""


def check_hdf5(path: Path) -> None:
    """Check that the HDF5 library neither hangs nor crashes while it reads a `.keras` or `.h5` file.

    A file that is refused with an error passes: whoever loads it meets the same error. The library holds Python's lock
    while it hangs, so that no thread, no time-out and no Ctrl-C could end it in this process.

    Raises:
        UnreadableHdf5Error: it hangs or crashes.
    """
    # -P: the modules next to this file are not importable by their bare names.
    command = [sys.executable, "-P", __file__, str(path.absolute())]
    code = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode  # noqa: S603  # ours
    if code in {-signal.SIGXCPU, -signal.SIGKILL}:
        raise UnreadableHdf5Error("content on which the HDF5 library hangs")
    if code < 0:
        raise UnreadableHdf5Error(f"content on which the HDF5 library crashes ({signal.Signals(-code).name})")


def main(path: Path) -> None:
    """Read everything in the file's HDF5 parts, within a limit of processor time after which the system ends this."""
    seconds = CPU_S + path.stat().st_size // BYTES_PER_S
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import h5py  # noqa: PLC0415  # only this process needs it

    def read(_name: str, part: h5py.Group | h5py.Dataset) -> None:
        dict(part.attrs)
        if isinstance(part, h5py.Dataset):
            part[()]

    for content in _hdf5_parts(path):
        with h5py.File(content, "r") as file:
            read("/", file)
            file.visititems(read)


def _hdf5_parts(path: Path) -> Iterator[IO[bytes]]:
    """Yield the file, or the HDF5 files in it if it is an archive."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            if member.endswith(".h5"):
                yield io.BytesIO(archive.read(member))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
