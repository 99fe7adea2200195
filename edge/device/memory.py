"""Limits the memory that this process may take, and recognizes when the system gives no more."""

import ctypes
import errno
import mmap
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge.errors import EdgeError, ShortageError

RUN_BYTES = 480 << 20
"""Address space that a run takes at least, bytes. Most of it are libraries that are mapped, and never read as a whole:
resident are about 100 MB.

Source: the lowest limit, in steps of 20 MB, under which a run of a video ended well (x86-64, Python 3.11).
"""

_HARDLY_ANY_BYTES = 32 << 20

_M_ARENA_MAX = -8
"""Source: malloc.h of the GNU C library."""

_STATUS = Path("/proc/self/status")

_LIMITS = ((resource.RLIMIT_AS, "ulimit -v"), (resource.RLIMIT_DATA, "ulimit -d"))

_SHORTAGE = re.compile(
    "failed to map segment|cannot allocate memory|unable to allocate|insufficient memory|bad_alloc"
    "|can't start new thread",
    re.IGNORECASE,
)
"""Messages of the dynamic linker, of the C library, of numpy, OpenCV and C++, and of Python's threads."""


def private_bytes() -> int:
    """Return the size of this process's private memory that `RLIMIT_DATA` limits, bytes; 0 if it is unknown."""
    return _status_bytes("VmData:")


def _status_bytes(key: str) -> int:
    try:
        status = _STATUS.read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith(key)), 0)


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


def require_address_space(total_bytes: int) -> None:
    """Check that this process may have so much address space, before libraries fail to get it in ways of their own.

    Raises:
        ShortageError: it may not.
    """
    more_bytes = total_bytes - _status_bytes("VmSize:")
    if more_bytes > 0:
        try:
            _reserve(more_bytes)
        except OSError as error:
            raise _shortage(f"{total_bytes >> 20} MB of address space", "") from error


def share_arena() -> None:
    """Let the C library serve all threads from one arena; call it before the first thread starts.

    Each thread gets an arena of its own otherwise: 64 MB of address space, and memory that the threads of a run leave
    free is not used by those of the next one. With the C library musl, which has no arenas, nothing happens.

    Source: a simulated run with people and 73 reloads (x86-64): 196 MB at its end with arenas, 152 MB with one.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def give_back_memory() -> None:
    """Return the memory that the C library holds free to the system; without effect with the C library musl.

    By itself it keeps what lies below a block in use. It takes 0.2 ms for a run of 100 MB (x86-64).
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def is_used_up() -> bool:
    """Return whether hardly any memory is left within the limits of this process."""
    try:
        _reserve(_HARDLY_ANY_BYTES)
    except OSError:
        return True
    return False


def _reserve(size: int) -> None:
    """Map memory that is never touched, and give it back.

    Raises:
        OSError: the system refuses it.
    """
    mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ).close()


def shortage_of(error: BaseException) -> ShortageError | None:
    """Return the error for the user if memory or a thread that the system refused is behind `error`, else None.

    Libraries report it in many ways, and wrap those: the errors that led to `error` are looked at as well. An
    `EdgeError` names its reason itself.
    """
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, EdgeError):
        if is_shortage(seen):
            return new_shortage(seen)
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return None


def new_shortage(error: BaseException) -> ShortageError:
    """Return the error for the user for memory or a thread that the system has refused with `error`."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return _shortage("more memory, or another thread", f" ({next(filter(says_shortage, lines), lines[0])})")


def is_shortage(error: BaseException) -> bool:
    """Return whether the system has refused memory or a thread, judged by what a library has raised."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or says_shortage(str(error))


def says_shortage(text: str) -> bool:
    """Return whether a library's message says that the system has refused memory or a thread."""
    return _SHORTAGE.search(text) is not None


def _shortage(expected: str, reason: str) -> ShortageError:
    return ShortageError(f"expected {expected}, found {_limits()}{reason}: raise the limit, or end other programs")


def _limits() -> str:
    """Describe the limits that this process has."""
    limits = []
    for kind, command in _LIMITS:
        limit = resource.getrlimit(kind)[0]
        if limit != resource.RLIM_INFINITY:
            limits.append(f"{limit >> 20} MB ({command})")
    return f"a limit of {', '.join(limits)}" if limits else "none left"
