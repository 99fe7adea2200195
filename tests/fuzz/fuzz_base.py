"""Defines a fuzz target: a parser, and what it guarantees for any input.

A target takes bytes, gives them to its parser, and raises if the parser does anything but accept them or refuse them as
documented: with its own kind of error, in one line, within `CPU_S` and `MEMORY_BYTES`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.device.memory import limited_memory
from edge.errors import EdgeError, printable

CPU_S = 5.0
"""Processor time that one input may take, s."""

MEMORY_BYTES = 512 << 20
"""Memory that one input may take, bytes."""

MAX_LINE = 5000
"""Longest message for the user, characters."""

JSON_WORDS = (b"null", b"1e308", b"-1", b"\\ud800", b"[", b"{", b'"', b"99999999999999999999", b"true", b",", b":")
"""Words for targets that read JSON."""

TryOne = Callable[[bytes], None]


@dataclass(frozen=True)
class Target:
    """A parser under test.

    Attributes:
        name: short name.
        seeds: returns valid inputs.
        prepare: context manager that yields the function to call for each input; its argument is an empty folder.
        words: bytes that mean something in the format.
        examples: number of inputs that `make test` tries.
    """

    name: str
    seeds: Callable[[], list[bytes]]
    prepare: Callable[[Path], "Iterator[TryOne]"]
    words: tuple[bytes, ...] = ()
    examples: int = 100

    @contextmanager
    def opened(self, folder: Path) -> Iterator[TryOne]:
        """Yield a function that tries one input, and raises if the promise is broken."""
        with contextmanager(self.prepare)(folder) as try_one:

            def check(content: bytes) -> None:
                began_s = time.process_time()
                with limited_memory(MEMORY_BYTES):
                    try_one(content)
                used_s = time.process_time() - began_s
                assert used_s < CPU_S, f"took {used_s:.1f} s of processor time"

            yield check


def try_as_file(path: Path, read: Callable[[Path], object], *kinds: type[Exception]) -> TryOne:
    """Return a function that writes each input to `path` and reads it; errors of these kinds refuse it."""

    def try_one(content: bytes) -> None:
        path.write_bytes(content)
        with refused_as(*kinds):
            read(path)

    return try_one


@contextmanager
def refused_as(*kinds: type[Exception]) -> Iterator[None]:
    """Accept errors of these kinds with a message of one line; any other goes on."""
    try:
        yield
    except kinds as error:
        _check_message(str(error), is_for_user=isinstance(error, EdgeError))


def _check_message(text: str, *, is_for_user: bool) -> None:
    assert text.strip(), "an error without a message"
    assert len(text) <= MAX_LINE, f"a message of {len(text)} characters"
    assert not is_for_user or printable(text) == text, repr(text)
