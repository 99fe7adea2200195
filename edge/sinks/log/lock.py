"""Keeps two processes from writing the same log."""

import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import IO

from edge.device.files import ROOT, read_text

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
"""Errors of a file system without locks: the log is then written without one."""


def lock(file: IO[bytes], root: Path = ROOT) -> None:
    """Lock an open file until it is closed; devices and pipes are not locked.

    Args:
        file: the file.
        root: the folder that holds /proc.

    Raises:
        OSError: another process has locked it; `strerror` names that process.
    """
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OSError(error.errno, f"{_holder(file, root)} writes it") from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def _holder(file: IO[bytes], root: Path) -> str:
    """Return the process that has locked the file, as text.

    Source: proc_locks(5): number, FLOCK, ADVISORY, WRITE, process, MAJOR:MINOR:INODE, range.
    """
    inode = str(os.fstat(file.fileno()).st_ino)
    for line in (read_text(root / "proc/locks") or "").splitlines():
        words = line.split()
        if len(words) > 5 and words[1] == "FLOCK" and words[5].rpartition(":")[2] == inode:  # noqa: PLR2004  # the inode
            name = read_text(root / "proc" / words[4] / "comm")
            return f"process {words[4]}" + (f" ({name.strip()})" if name else "")
    return "another process"
