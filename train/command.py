"""Turns how a desktop command ended into its exit code, and one line for the user where it failed."""

import sys
from collections.abc import Callable

from edge.errors import EdgeError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: unlike the runtime's, the work of these commands is not done then."""


def run_command(name: str, body: Callable[[], None], *, stopped: str, debug: bool) -> int:
    """Run `body`; return 0, the error's exit code (see `edge.errors`), or 130 after Ctrl-C.

    Args:
        name: stands before the line that tells of a failure.
        body: does the command's work.
        stopped: what the user is told after Ctrl-C, unless the KeyboardInterrupt itself says something.
        debug: raise the error again, so that its traceback shows.
    """
    try:
        body()
    except EdgeError as error:
        if debug:
            raise
        print(f"{name}: {error}", file=sys.stderr)  # noqa: T201  # the command's answer
        return error.exit_code
    except KeyboardInterrupt as stop:
        print(f"{name}: {str(stop) or stopped}", file=sys.stderr)  # noqa: T201  # the command's answer
        return INTERRUPTED
    return 0
