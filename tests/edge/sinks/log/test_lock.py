"""Only one process at a time writes a log, and the second one says which process that is."""

import os
import threading

import pytest

from edge.errors import SinkError
from edge.sinks.log.file import LinesFile
from edge.sinks.log.lock import lock


@pytest.mark.parametrize("retry", [False, True])
def test_a_second_writer_is_refused_with_the_name_of_the_first(tmp_path, retry):
    """The lock belongs to the open file, so a second opening in the same process is refused like another process's."""
    path = tmp_path / "log.jsonl"
    first = LinesFile(path, retry=False)
    with pytest.raises(SinkError, match=rf"found: process {os.getpid()} \(.+\) writes it"):
        LinesFile(path, retry=retry)
    first.add([b"1\n"])
    first.close()
    LinesFile(path, retry=retry).close()
    assert path.read_bytes() == b"1\n"


def test_a_refused_writer_does_not_touch_the_log(tmp_path):
    """What looks like a torn line may be one that the other process is writing."""
    path = tmp_path / "log.jsonl"
    first = LinesFile(path, retry=False)
    path.write_bytes(b'{"time":"2026')
    with pytest.raises(SinkError):
        LinesFile(path, retry=True)
    assert path.read_bytes() == b'{"time":"2026'
    first.close()


def test_a_log_that_another_process_has_taken_is_waited_for(tmp_path):
    """If the log was moved and another process has created it again, lines are kept until that process ends."""
    path = tmp_path / "log.jsonl"
    lines = LinesFile(path, retry=True, flush_s=0.0)
    path.rename(tmp_path / "moved.jsonl")
    other = LinesFile(path, retry=False)
    lines.add([b"1\n"])
    assert "writes it" in lines.error
    other.close()
    lines.close()
    assert path.read_bytes() == b"1\n"


def test_a_pipe_is_not_locked(tmp_path):
    """Two programs may write to one pipe or device, such as /dev/null."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = threading.Thread(target=fifo.read_bytes)
    reader.start()
    with fifo.open("wb") as first, fifo.open("wb") as second:
        lock(first)
        lock(second)
    reader.join()


def test_the_process_is_unknown_where_the_kernel_does_not_list_locks(tmp_path):
    """Without /proc/locks the message says that there is another process."""
    path = tmp_path / "log.jsonl"
    with path.open("wb") as first, path.open("wb") as second:
        lock(first)
        with pytest.raises(BlockingIOError, match="another process writes it"):
            lock(second, root=tmp_path)
