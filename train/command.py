"""Turns how a desktop command ended into its exit code, and one line for the user where it failed."""

import sys
from collections.abc import Callable

from edge.errors import EdgeError
from train.interrupt import kept_interrupts, was_interrupted

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: unlike the runtime's, the work of these commands is not done then."""


def run_command(name: str, body: Callable[[], None], *, stopped: str, debug: bool) -> int:
    """Run `body`; return 0, the error's exit code (see `edge.errors`), or 130 after Ctrl-C or SIGTERM.

    Args:
        name: stands before the line that tells of a failure.
        body: does the command's work.
        stopped: what the user is told after Ctrl-C, unless the KeyboardInterrupt itself says something.
        debug: raise the error again, so that its traceback shows.
    """
    with kept_interrupts():
        try:
            body()
        except KeyboardInterrupt as stop:
            return _say(name, str(stop) or stopped, INTERRUPTED)
        except Exception as error:
            if was_interrupted():  # C++ code may make another error of it
                return _say(name, stopped, INTERRUPTED)
            if debug or not isinstance(error, EdgeError):
                raise
            return _say(name, str(error), error.exit_code)
    return 0


def _say(name: str, line: str, code: int) -> int:
    print(f"{name}: {line}", file=sys.stderr)  # noqa: T201  # the command's answer
    return code
