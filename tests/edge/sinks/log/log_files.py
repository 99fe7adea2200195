"""Writes and reads numbered log lines, and limits the size of files as a full disk does."""

import contextlib
import errno
import gzip
import os
import resource
from datetime import UTC, datetime

from edge.sinks.log.rotated_names import rotated_files

DISK_FULL = os.strerror(errno.EFBIG)
"""The error of the system for a file at its size limit, which stands for a full disk in these tests."""


def numbered_line(number, written_at=None):
    """Return a log line that contains a number."""
    written_at = written_at or datetime.now(UTC)
    return b'{"time":"%s","frame":"%05d"}\n' % (written_at.isoformat().encode(), number)


def line_numbers(path):
    """Return the numbers of all lines in the rotated files, oldest first, and in the log itself."""
    contents = []
    for file in rotated_files(path):
        content = file.path.read_bytes()
        contents.append(gzip.decompress(content) if file.path.suffix == ".gz" else content)
    contents.append(path.read_bytes() if path.exists() else b"")
    assert all(content.endswith(b"\n") for content in contents if content), "a file ends with an incomplete line"
    return [int(line[-8:-3]) for content in contents for line in content.splitlines(keepends=True)]


@contextlib.contextmanager
def file_size_limit(size):
    """Limit the size of every file that this process writes, bytes.

    The limit holds only inside the block: the report of the test run may go to a file as well.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
