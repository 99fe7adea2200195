"""Memory is limited within a block and free again after it; a shortage is recognized and named."""

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Sequence

import cv2
import pytest
from waiting import LIMIT_S

from edge.device.memory import limited_memory, private_bytes, shortage_of
from edge.errors import ModelError
from edge.model.bundled import BUNDLED_MODEL

MB = 1 << 20


def test_an_allocation_beyond_the_limit_fails():
    """Within the block 100 MB fail where 50 are left; after it they succeed."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with limited_memory(50 * MB):
        assert len(bytearray(10 * MB)) == 10 * MB
        with pytest.raises(MemoryError):
            bytearray(100 * MB)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert len(bytearray(100 * MB)) == 100 * MB


def test_a_lower_limit_stays():
    """A limit that the process was given is not raised, and is there again afterwards."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    low = private_bytes() + 300 * MB
    resource.setrlimit(resource.RLIMIT_DATA, (low, hard))
    try:
        with limited_memory(4000 * MB):
            assert resource.getrlimit(resource.RLIMIT_DATA)[0] == low
        assert resource.getrlimit(resource.RLIMIT_DATA)[0] == low
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def test_where_the_size_is_unknown_nothing_is_limited(tmp_path, monkeypatch):
    monkeypatch.setattr("edge.device.memory._STATUS", tmp_path / "none")
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with limited_memory(0):
        assert resource.getrlimit(resource.RLIMIT_DATA) == before


def raised_from(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ImportError("libx.so: failed to map segment from shared object"),
        ImportError("\n\nIMPORTANT: read this\n\nlibx.so: cannot allocate memory in static TLS block"),
        RuntimeError("can't start new thread"),
        RuntimeError("std::bad_alloc"),
        cv2.error("alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 9 bytes in function 'f'"),
        raised_from(ValueError("numpy"), ImportError("libx.so: failed to map segment from shared object")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_shortage_is_recognized(error):
    """However a library reports it, the message names what was expected, what was found and what to do."""
    shortage = shortage_of(error)
    assert str(shortage).startswith("expected more memory, or another thread, found ")
    assert str(shortage).endswith(": raise the limit, or end other programs")
    assert "read this" not in str(shortage)
    assert shortage.exit_code == 6


@pytest.mark.parametrize(
    "error",
    [ValueError("no"), FileNotFoundError(errno.ENOENT, "no such file", "bad_alloc.mp4"), ModelError("bad_alloc")],
)
def test_other_errors_are_no_shortage(error):
    """A file's name that reads like a shortage is none, and our own errors name their reason themselves."""
    assert shortage_of(error) is None


@pytest.mark.parametrize("megabytes", [100, 400])
def test_address_space_is_required_before_it_is_needed(megabytes):
    """Under a limit of 200 MB the process gets 100 MB; the system refuses 400 MB, and the message names the limit."""
    code = f"from edge.device.memory import *; require_address_space({megabytes} << 20)"
    done = _run_alone(code, ["prlimit", f"--as={200 * MB}"])
    refusal = "expected 400 MB of address space, found a limit of 200 MB (ulimit -v): raise the limit"
    assert (refusal in done.stderr) == (megabytes == 400)
    assert done.returncode == (megabytes == 400)


_VALUE = """
def value_mb(key):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) >> 10
"""


@pytest.mark.parametrize(("first", "is_small"), [("share_arena()", True), ("pass", False)])
def test_threads_share_an_arena(first, is_small):
    """Ten threads that allocate take no 64 MB of address space each, which they do without the setting."""
    code = f"""{_VALUE}
import threading
from edge.device.memory import *
{first}
before, together = value_mb("VmSize:"), threading.Barrier(10)
def allocate():
    kept = [bytes(100_000) for _ in range(10)]
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range(10)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(value_mb("VmSize:") - before)
"""
    assert (int(_run_alone(code).stdout) < 300) == is_small


@pytest.mark.parametrize(("last", "is_small"), [("give_back_memory()", True), ("pass", False)])
def test_memory_that_nobody_uses_goes_back_to_the_system(last, is_small):
    """50 MB of freed memory below a block that stays in use are resident no more."""
    code = f"""{_VALUE}
from edge.device.memory import *
before = value_mb("VmRSS:")
blocks = [bytes(100_000) for _ in range(500)]
stays = bytes(100_000)
del blocks
{last}
print(value_mb("VmRSS:") - before)
"""
    assert (int(_run_alone(code).stdout) < 20) == is_small


def _run_alone(code: str, wrapper: Sequence[str] = ()) -> "subprocess.CompletedProcess[str]":
    """Run code in a Python process of its own."""
    return subprocess.run(  # noqa: S603  # ours
        [*wrapper, sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        env=os.environ | {"PYTHONPATH": str(BUNDLED_MODEL.parents[1])},
    )
