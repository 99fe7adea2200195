"""Runs a desktop command: turns errors into one line and an exit code, and makes Ctrl-C reliable."""

import io
import logging
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from edge.cli.streams import finish_output, prepare_streams, use_utf8
from edge.errors import EdgeError
from edge.service.journal import LineFormatter
from edge.stages import COMMANDS

INTERRUPTED = 130
"""Exit code after Ctrl-C, the shells' convention. Unlike the runtime, these commands have not finished their work."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Signals that interrupt a command; a service manager's stop is treated like Ctrl-C."""

_received: list[int] = []
"""Signals received inside `latch_interrupts`; a signal handler has nowhere else to store them."""


def program_name(module: str, *, as_called: bool = False) -> str:
    """Return how a stage's command was called.

    Args:
        module: the module that runs as `python -m MODULE`.
        as_called: whether the words can be pasted, with this Python's path; else they are short, for a usage line.
    """
    program = Path(sys.argv[0])
    if program.name == "edge-emotion":
        commands = {name.removesuffix(".__main__"): command for command, (name, _) in COMMANDS.items()}
        return f"{shlex.quote(str(program)) if as_called else program.name} {commands.get(module, module)}"
    return f"{shlex.quote(sys.executable) if as_called else 'python'} -m {module}"


def log_lines() -> None:
    """Log to standard error, each message as one printable line, whatever the names in it contain."""
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def run_program(main: Callable[[], int]) -> NoReturn:
    """Run the `main` of a stage for `python -m`, in any locale and with any standard streams, and end the process."""
    use_utf8()
    prepare_streams()
    try:
        exit_code = main()
    except EdgeError as error:  # from printing the usage
        exit_code = _fail("ERROR", str(error), error.exit_code)
    except SystemExit as end:  # --help, or a wrong command line
        exit_code = end.code if isinstance(end.code, int) else int(end.code is not None)
    sys.exit(finish_output(exit_code))


def run_command(name: str, body: Callable[[], None], *, stopped: str, debug: bool) -> int:
    """Run `body`; return 0, the error's exit code (see `edge.errors`), or 130 after Ctrl-C or SIGTERM.

    Args:
        name: the command's name, which starts the error line.
        body: does the command's work.
        stopped: message after Ctrl-C, unless the KeyboardInterrupt has its own.
        debug: re-raise errors, so that the traceback is shown.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a line of progress reaches a file or a pipe at once
    with latch_interrupts():
        try:
            body()
        except KeyboardInterrupt as stop:
            return _fail(name, str(stop) or stopped, INTERRUPTED)
        except Exception as error:
            if was_interrupted():  # native code can turn the interrupt into another error
                return _fail(name, stopped, INTERRUPTED)
            if debug or not isinstance(error, EdgeError):
                raise
            return _fail(name, str(error), error.exit_code)
    return 0


def _fail(name: str, message: str, code: int) -> int:
    print(f"{name}: {message}", file=sys.stderr)  # noqa: T201  # the command's error output
    return code


@contextmanager
def latch_interrupts() -> Iterator[None]:
    """Make Ctrl-C and SIGTERM raise KeyboardInterrupt at once, and again from `check_interrupt`.

    The first KeyboardInterrupt can be lost where C code calls back into Python, as TensorFlow does while it traces a
    graph.
    """
    before = {number: signal.signal(number, _latch) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _received.clear()


def check_interrupt() -> None:
    """Raise KeyboardInterrupt if a signal arrived earlier inside `latch_interrupts`.

    Raises:
        KeyboardInterrupt: a signal arrived.
    """
    if was_interrupted():
        raise KeyboardInterrupt


def was_interrupted() -> bool:
    """Return whether a signal arrived inside `latch_interrupts`."""
    return bool(_received)


def _latch(number: int, _frame: FrameType | None) -> None:
    _received.append(number)
    raise KeyboardInterrupt
