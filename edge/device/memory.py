"""Limits the memory that this process may take, so that hostile content cannot take that of the machine."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STATUS = Path("/proc/self/status")


def private_bytes() -> int:
    """Return the size of this process's private memory that `RLIMIT_DATA` limits, bytes; 0 if it is unknown."""
    try:
        status = _STATUS.read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmData:")), 0)


@contextmanager
def limited_memory(more_bytes: int) -> Iterator[None]:
    """Let this process take at most so much more private memory within the block; beyond it, allocations fail.

    Where the present size is unknown, as without /proc, nothing is limited.

    Args:
        more_bytes: beyond the memory that the process has now.
    """
    used, (soft, hard) = private_bytes(), resource.getrlimit(resource.RLIMIT_DATA)
    limits = [limit for limit in (used + more_bytes, soft, hard) if limit != resource.RLIM_INFINITY]
    if not used:
        yield
        return
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
