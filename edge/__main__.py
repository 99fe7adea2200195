"""The command line: `edge-emotion run`, `python -m edge doctor`.

Exit codes: 0 done (a stop by `q`, Ctrl-C or SIGTERM included), 1 an error nobody foresaw, 2 configuration or command
line, 3 camera, file or log, 4 model, 5 a thread that did not end.
"""

import argparse
import faulthandler
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from edge import __version__
from edge.errors import EdgeError, OutputClosedError
from edge.runtime.journal import JournalHandler, is_journal

if TYPE_CHECKING:
    from edge.settings import Settings

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_LONGEST_BENCH_S = 3600
_INTERRUPTED = 128 + signal.SIGINT
"""As a shell has it."""

_EXIT_CODES = "exit codes: 0 done, 2 configuration, 3 camera, file or log, 4 model, 5 a thread that did not end"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if options.debug else logging.INFO,
        format="%(levelname)s: %(message)s",
        handlers=[JournalHandler(sys.stderr) if is_journal(sys.stderr) else logging.StreamHandler(sys.stderr)],
    )
    try:
        code: int = options.command(options)
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
        model=override(settings.model, path=options.model),
        log=override(settings.log, path=options.log),
        page=override(settings.page, enabled=options.page or None),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-emotion",
        description="Names the apparent facial expression of each face a camera sees. No image is stored or sent.",
        epilog=_EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=f"edge-emotion {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_run(commands)
    _add_doctor(commands)
    _add_status(commands)
    _add_bench(commands)
    _add_display_test(commands)
    _add_report(commands)
    for command in commands.choices.values():
        command.add_argument("--debug", action="store_true", help="log more, and show the traceback of an error")
    return parser


def _add_run(commands: "Commands") -> None:
    command = commands.add_parser("run", help="read a camera or files, log expressions", epilog=_EXIT_CODES)
    command.add_argument(
        "--source",
        metavar="auto|camera|picamera|/dev/videoN|scene:NAME|FILE|FOLDER",
        help="where frames come from (default: auto: the Pi camera, else the first other one, else a clip)",
    )
    command.add_argument("--model", metavar="FILE", help="a .tflite model with its .json beside it")
    command.add_argument("--config", metavar="FILE", type=Path, help="settings in TOML")
    command.add_argument("--log", metavar="FILE", help="the JSON-lines log; appended to (default: readings.jsonl)")
    command.add_argument("--json", action="store_true", help="print readings to standard output, for a pipe")
    command.add_argument("--page", action="store_true", help="serve the live page, on http://127.0.0.1:8470")
    command.add_argument("--view", action="store_true", help="show the annotated video in a window; q ends the run")
    command.add_argument(
        "--annotate", metavar="FILE", type=Path, help="write a video file's annotated video: .mp4, .mkv or .avi"
    )
    command.set_defaults(command=_run)


def _add_doctor(commands: "Commands") -> None:
    command = commands.add_parser(
        "doctor",
        help="say whether it would run here, and how to mend what is wrong",
        epilog="exit codes: 0 it would run, else that of the first check that failed: 1 the machine or its system, "
        "2 configuration or cascade, 3 camera or log, 4 model or interpreter",
    )
    command.add_argument("--config", metavar="FILE", type=Path, help="settings in TOML (default: the installed ones)")
    command.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    command.add_argument("--no-camera", action="store_true", help="leave the camera alone")
    command.set_defaults(command=_doctor)


def _add_status(commands: "Commands") -> None:
    command = commands.add_parser(
        "status",
        help="ask the running service how it is",
        epilog="exit codes: 0 frames are processed, 3 no service answers, or its camera is lost",
    )
    command.add_argument("--watch", action="store_true", help="ask every second, until Ctrl-C")
    command.add_argument("--json", action="store_true", help="print JSON, one line an answer")
    command.add_argument("--socket", metavar="FILE", type=Path, help="where the service answers (default: in /run)")
    command.set_defaults(command=_status)


def _add_bench(commands: "Commands") -> None:
    command = commands.add_parser(
        "bench", help="measure this device in a minute, for the table of devices", epilog=_EXIT_CODES
    )
    command.add_argument(
        "--seconds", type=_seconds, default=60.0, metavar="S", help="how long (default: 60; drawing comes on top)"
    )
    command.add_argument("--json", metavar="FILE", type=Path, help="write all figures to this file")
    command.add_argument("--config", metavar="FILE", type=Path, help="settings in TOML")
    command.set_defaults(command=_bench)


def _add_display_test(commands: "Commands") -> None:
    command = commands.add_parser("display-test", help="show every screen on the small display", epilog=_EXIT_CODES)
    command.add_argument("--config", metavar="FILE", type=Path, help="settings in TOML (default: the installed ones)")
    command.add_argument("--device", metavar="NAME", help="instead of display.device, such as ssd1306")
    command.add_argument("--png", metavar="FOLDER", type=Path, help="write pictures of common displays instead")
    command.add_argument("--seconds", type=_seconds, default=2.0, metavar="S", help="for each screen (default: 2)")
    command.set_defaults(command=_display_test)


def _add_report(commands: "Commands") -> None:
    command = commands.add_parser("report", help="make a page and pictures of what a log says", epilog=_EXIT_CODES)
    command.add_argument(
        "logs", metavar="LOG", nargs="+", type=Path, help="a log, or a folder of logs; rotated ones count"
    )
    command.add_argument("--from", dest="start", metavar="TIME", help="2026-11-20 or 2026-11-20T08:30, local time")
    command.add_argument("--to", dest="end", metavar="TIME", help="likewise; a date alone is the end of that day")
    command.add_argument("--out", metavar="FOLDER", type=Path, help="for page and pictures (default: report)")
    command.add_argument("--text", action="store_true", help="print text instead")
    command.add_argument("--csv", action="store_true", help="print seconds by emotion over time instead, as CSV")
    command.set_defaults(command=_report_on)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 1 <= seconds <= _LONGEST_BENCH_S:
        raise argparse.ArgumentTypeError(f"expected 1 to {_LONGEST_BENCH_S} seconds, found {text}")
    return seconds


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
