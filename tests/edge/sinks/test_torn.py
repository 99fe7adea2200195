"""What a power cut leaves at the end of a log is mended when it is opened again, and nothing else is touched."""

import pytest

from edge.sinks.lines_file import LinesFile
from edge.sinks.torn import mend

LINE = b'{"time":"2026-11-20T14:38:05.985Z","emotion":"happy"}\n'


@pytest.mark.parametrize("length", range(1, len(LINE)))
def test_a_torn_line_is_cut_off(tmp_path, caplog, length):
    """Wherever it was torn; the message says how much went."""
    path = tmp_path / "log.jsonl"
    path.write_bytes(LINE + LINE + LINE[:length])
    mend(path)
    assert path.read_bytes() == LINE + LINE
    assert f"{path}: the last line was torn, as by a power cut: {length} bytes are cut off" in caplog.text


@pytest.mark.parametrize("torn", [b"", LINE[:20]], ids=["between lines", "in a line"])
@pytest.mark.parametrize("zeros", [1, 4096, 200_000])
def test_zeros_are_cut_off(tmp_path, torn, zeros):
    """File systems give a file its new length before its content: what was not written in time is zero."""
    path = tmp_path / "log.jsonl"
    path.write_bytes(LINE + torn + bytes(zeros))
    mend(path)
    assert path.read_bytes() == LINE


def test_a_file_of_one_torn_line_is_empty_afterwards(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(LINE[:30])
    mend(path)
    assert path.read_bytes() == b""


@pytest.mark.parametrize("content", [b"", LINE, LINE * 3, b"a note\n"])
def test_a_whole_file_is_left_alone(tmp_path, caplog, content):
    path = tmp_path / "log.jsonl"
    path.write_bytes(content)
    mend(path)
    assert path.read_bytes() == content
    assert not caplog.records


def test_what_is_not_ours_is_ended_but_not_cut(tmp_path):
    """Somebody names a file of their own as the log: it may end without a newline, and loses nothing."""
    path = tmp_path / "notes.txt"
    path.write_bytes(b"one\ntwo")
    mend(path)
    assert path.read_bytes() == b"one\ntwo\n"


def test_the_log_goes_on_behind_a_torn_line(tmp_path):
    """As a whole: opened again after a power cut, written to, every line can be read."""
    path = tmp_path / "log.jsonl"
    path.write_bytes(LINE + LINE[:25])
    file = LinesFile(path, retry=True)
    file.add([LINE])
    file.close()
    assert path.read_bytes() == LINE + LINE
