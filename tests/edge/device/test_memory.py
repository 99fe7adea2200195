"""Memory is limited within a block and free again after it."""

import resource

import pytest

from edge.device.memory import limited_memory, private_bytes

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
