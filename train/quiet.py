"""Keeps what TensorFlow's C++ code writes to standard error off the screen."""

import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator

log = logging.getLogger(__name__)

STANDARD_ERROR = 2


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Gather native messages and Python warnings; they go to the log at level DEBUG. Progress bars stay visible."""
    sys.stderr.flush()
    kept = os.dup(STANDARD_ERROR)
    with tempfile.TemporaryFile() as noise:
        try:
            with (
                warnings.catch_warnings(),
                os.fdopen(os.dup(kept), "w") as screen,
                contextlib.redirect_stderr(screen),
            ):
                warnings.simplefilter("ignore")
                os.dup2(noise.fileno(), STANDARD_ERROR)
                yield
        finally:
            os.dup2(kept, STANDARD_ERROR)
            os.close(kept)
            noise.seek(0)
            text = noise.read().decode(errors="replace").strip()
            if text:
                log.debug("kept off the screen: %s", text)
