"""Diverts what native code (TensorFlow's C++) writes to standard error into the log."""

import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator

log = logging.getLogger(__name__)

STANDARD_ERROR = 2
"""File descriptor of standard error."""


@contextlib.contextmanager
def capture_native_logs() -> Iterator[None]:
    """Divert native output on standard error to the log at level DEBUG, and ignore Python warnings.

    Python's own `sys.stderr` still reaches the terminal, so that progress bars stay visible.
    """
    sys.stderr.flush()
    original = os.dup(STANDARD_ERROR)
    with tempfile.TemporaryFile() as captured:
        try:
            with (
                warnings.catch_warnings(),
                os.fdopen(os.dup(original), "w") as terminal,
                contextlib.redirect_stderr(terminal),
            ):
                warnings.simplefilter("ignore")
                os.dup2(captured.fileno(), STANDARD_ERROR)
                yield
        finally:
            os.dup2(original, STANDARD_ERROR)
            os.close(original)
            captured.seek(0)
            text = captured.read().decode(errors="replace").strip()
            if text:
                log.debug("native output: %s", text)
