"""The command line: `edge-emotion run`, `python -m edge doctor`.

Exit codes: 0 done (a stop by `q`, Ctrl-C or SIGTERM included), 1 an error nobody foresaw, 2 configuration or command
line, 3 camera, file or log, 4 model, 5 a thread that did not end.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  # what follows does not load there, not even the doctor
    sys.exit(
        f"error: expected Python 3.11 to 3.13, found {sys.version_info[0]}.{sys.version_info[1]}: "
        "use Raspberry Pi OS Bookworm or Trixie"
    )

import argparse
import faulthandler
import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from edge.arguments import new_parser
from edge.errors import EdgeError, OutputClosedError
from edge.runtime.journal import JournalHandler, is_journal

if TYPE_CHECKING:
    from edge.settings import Settings

_INTERRUPTED = 128 + signal.SIGINT
"""As a shell has it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = new_parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if options.debug else logging.INFO,
        format="%(levelname)s: %(message)s",
        handlers=[JournalHandler(sys.stderr) if is_journal(sys.stderr) else logging.StreamHandler(sys.stderr)],
    )
    try:
        code = COMMANDS[options.command](options)
    except EdgeError as error:
        return _report(error, error.exit_code, debug=options.debug)
    except KeyboardInterrupt:
        return _INTERRUPTED  # of a command that has nothing to end in good order
    except BrokenPipeError:
        # As above, but it was the console or the summary. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OutputClosedError.exit_code
    except Exception as error:  # noqa: BLE001  # the last resort: one line for the user, the traceback on request
        return _report(error, 1, debug=options.debug)
    return code


def _report(error: Exception, exit_code: int, *, debug: bool) -> int:
    if exit_code:
        kind = "" if isinstance(error, EdgeError) else f"unexpected {type(error).__name__}: "
        logging.getLogger("edge").error("%s%s", kind, error, exc_info=error if debug else None)
    return exit_code


# Each command imports what it needs by itself: OpenCV takes a while, and `doctor` must run where something is missing.


def _run(options: argparse.Namespace) -> int:
    from edge.run import run  # noqa: PLC0415  # as said above
    from edge.showing import Asked  # noqa: PLC0415  # as said above

    if "WATCHDOG_USEC" in os.environ:
        faulthandler.enable()  # the watchdog ends what hangs with SIGABRT: the journal then has each thread's place
    asked = Asked(view=options.view, annotate=options.annotate)
    run(_settings(options), json_output=options.json, asked=asked)
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from edge.doctor.report import doctor  # noqa: PLC0415  # as said above

    return doctor(options.config, camera=not options.no_camera, as_json=options.json)


def _status(options: argparse.Namespace) -> int:
    from edge.show import show_status  # noqa: PLC0415  # as said above
    from edge.status import STATUS_SOCKET  # noqa: PLC0415  # as said above

    return show_status(options.socket or STATUS_SOCKET, watch=options.watch, as_json=options.json)


def _report_on(options: argparse.Namespace) -> int:
    from edge.report.command import report  # noqa: PLC0415  # as said above

    return report(options)


def _bench(options: argparse.Namespace) -> int:
    from edge.benchmark.report import bench  # noqa: PLC0415  # as said above
    from edge.config import read_settings  # noqa: PLC0415  # as said above
    from edge.settings import Settings  # noqa: PLC0415  # as said above

    settings = read_settings(options.config) if options.config else Settings()
    return bench(settings, seconds=options.seconds, json_path=options.json)


def _display_test(options: argparse.Namespace) -> int:
    from edge.display_test import display_test  # noqa: PLC0415  # as said above

    return display_test(options.config, device=options.device, folder=options.png, seconds=options.seconds)


def _settings(options: argparse.Namespace) -> "Settings":
    """The file's settings, where one is given, with the command line's over them."""
    import msgspec  # noqa: PLC0415  # as said above

    from edge.config import override, read_settings  # noqa: PLC0415  # as said above
    from edge.settings import Settings  # noqa: PLC0415  # as said above

    settings = read_settings(options.config) if options.config else Settings()
    return msgspec.structs.replace(
        settings,
        source=override(settings.source, use=options.source),
        model=override(settings.model, path=options.model, classes=options.classes),
        log=override(settings.log, path=options.log),
        page=override(settings.page, enabled=options.page or None),
    )


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "doctor": _doctor,
    "status": _status,
    "bench": _bench,
    "display-test": _display_test,
    "report": _report_on,
}


def entry() -> NoReturn:
    """Run the command line as the process's only purpose."""
    exit_code = main()
    if threading.active_count() > 1:
        # A thread is stuck in a driver, and was reported. Python's own way out would abort it in the middle of C++
        # code, which ends the process with a signal instead of our exit code.
        logging.shutdown()
        sys.stdout.flush()
        os._exit(exit_code)
    sys.exit(exit_code)


if __name__ == "__main__":
    entry()
