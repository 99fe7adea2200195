"""Log records reach the journal with their levels and fields, and standard error if the journal is absent."""

import io
import logging
import os
import socket
import struct
import sys

import pytest
from waiting import LIMIT_S

from edge.service.journal import JournalHandler, is_journal


@pytest.fixture
def journal(tmp_path):
    """A socket in place of the journal's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "journal"))
        receiver.settimeout(LIMIT_S)
        yield receiver


@pytest.fixture
def logger():
    logger = logging.getLogger("edge.test_journal")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


def fields_of(entry):
    """Parse an entry as the journal does."""
    fields = {}
    while entry:
        line, _, entry = entry.partition(b"\n")
        key, equals, value = line.partition(b"=")
        if not equals:
            (size,) = struct.unpack_from("<Q", entry)
            value, entry = entry[8 : 8 + size], entry[8 + size + 1 :]
        fields[key.decode()] = value.decode()
    return fields


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.CRITICAL, "2"), (logging.ERROR, "3"), (logging.WARNING, "4"), (logging.INFO, "6"), (logging.DEBUG, "7")],
)
def test_level_becomes_a_priority(journal, logger, level, priority):
    """Each level of logging becomes its syslog priority, by which `journalctl -p warning` selects."""
    logger.addHandler(JournalHandler(io.StringIO(), journal.getsockname()))
    logger.log(level, "camera %s", "gone")
    fields = fields_of(journal.recv(4096))
    assert (fields["MESSAGE"], fields["PRIORITY"]) == ("camera gone", priority)
    assert fields["SYSLOG_IDENTIFIER"] == "edge-emotion"
    assert fields["LOGGER"] == "edge.test_journal"
    assert fields["CODE_FILE"] == __file__


def test_extra_fields_become_fields_of_the_entry(journal, logger):
    """A call's `fields` become journal fields with the prefix EDGE_, as in `journalctl EDGE_STATE=running -o json`."""
    logger.addHandler(JournalHandler(io.StringIO(), journal.getsockname()))
    logger.info("fine", extra={"fields": {"state": "running", "fps": 29.8}})
    fields = fields_of(journal.recv(4096))
    assert (fields["EDGE_STATE"], fields["EDGE_FPS"]) == ("running", "29.8")


def test_passwords_reach_neither_the_message_nor_the_fields(journal, logger):
    """A camera's address may stand in both."""
    logger.addHandler(JournalHandler(io.StringIO(), journal.getsockname()))
    error = "rtsp://admin:secret@camera/1: the connection was lost"
    logger.error("%s", error, extra={"fields": {"camera_error": error}})
    fields = fields_of(journal.recv(4096))
    assert fields["MESSAGE"] == fields["EDGE_CAMERA_ERROR"] == "rtsp://***@camera/1: the connection was lost"


def test_newline_cannot_add_a_field(journal, logger):
    """A value of several lines, such as a traceback, is sent with its length, so no line of it becomes a field."""
    logger.addHandler(JournalHandler(io.StringIO(), journal.getsockname()))
    logger.error("failed", exc_info=LookupError("first\nPRIORITY=0"))
    fields = fields_of(journal.recv(1 << 16))
    assert fields["PRIORITY"] == "3"
    assert fields["MESSAGE"].startswith("failed\nLookupError")
    assert fields["MESSAGE"].endswith("PRIORITY=0")


def test_message_goes_to_the_stream_without_a_journal(tmp_path, logger):
    """If nothing listens at the socket, the message is written to the stream, with its priority in front."""
    stream = io.StringIO()
    logger.addHandler(JournalHandler(stream, str(tmp_path / "nobody")))
    logger.warning("camera gone")
    assert stream.getvalue() == "<4>camera gone\n"


def test_entry_that_is_too_long_goes_to_the_stream(journal, logger):
    """The message of an entry that exceeds the size of a datagram is written to the stream."""
    stream = io.StringIO()
    logger.addHandler(JournalHandler(stream, journal.getsockname()))
    logger.warning("failed", exc_info=LookupError("x\n" * (1 << 19)))
    assert stream.getvalue().startswith("<4>failed\nLookupError: x\n")


def test_the_end_of_a_long_traceback_is_kept(journal, logger):
    """The error stands last, and is what the reader wants."""
    logger.addHandler(JournalHandler(io.StringIO(), journal.getsockname()))
    logger.error("failed", exc_info=LookupError("a line\n" * 1000 + "the end"))
    assert fields_of(journal.recv(1 << 16))["MESSAGE"].endswith("the end")


def test_message_that_cannot_be_formatted_does_not_end_the_program(journal, capsys):
    """A faulty format is reported on standard error, as by every handler of `logging`."""
    handler = JournalHandler(io.StringIO(), journal.getsockname())
    handler.handle(logging.LogRecord("edge", logging.WARNING, __file__, 1, "%d", ("no number",), None))
    handler.close()
    assert "Logging error" in capsys.readouterr().err


def test_stream_is_the_journals_if_systemd_names_it(tmp_path):
    """A stream leads to the journal only if its device and inode are those in JOURNAL_STREAM."""
    with (tmp_path / "a").open("w") as journal, (tmp_path / "b").open("w") as other:
        status = os.fstat(journal.fileno())
        environment = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert is_journal(journal, environment)
        assert not is_journal(other, environment)
        assert not is_journal(journal, {})
    assert not is_journal(io.StringIO(), environment)
    assert not is_journal(sys.__stderr__, environment)
