"""Defines the command line: its commands and their options."""

import argparse
from typing import TYPE_CHECKING, NoReturn

from edge import __version__
from edge.device.files import user_path
from edge.errors import redact
from edge.labels import CLASS_SETS
from edge.stages import COMMANDS as STAGES
from edge.stages import find_stages


class _Parser(argparse.ArgumentParser):
    """Shows no password in its messages."""

    def error(self, message: str) -> NoReturn:
        """Print the message and the usage, and exit with code 2."""
        super().error(redact(message))


if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[_Parser]

_MAX_SECONDS = 3600
_MAX_PORT = 65535
_EXIT_CODES = (
    "exit codes: 0 success, 2 configuration, 3 camera, file or log, 4 model, 5 a thread that did not end, "
    "6 too little memory"
)


def new_parser() -> argparse.ArgumentParser:
    """Return the parser, whose result has the command's name in `command`, and that command's options."""
    parser = _Parser(
        prog="edge-emotion",
        description="Names the apparent facial expression of each face a camera sees. No image is stored or sent.",
        epilog=_EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=f"edge-emotion {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    _add_run(commands)
    _add_doctor(commands)
    _add_status(commands)
    _add_bench(commands)
    _add_display_test(commands)
    _add_report(commands)
    _add_mcp(commands)
    for command in commands.choices.values():
        command.add_argument("--debug", action="store_true", help="log more, and show the traceback of an error")
    if find_stages():
        for name, (_, description) in STAGES.items():
            commands.add_parser(name, help=f"{description}; on a desktop", add_help=False)
    return parser


def _add_run(commands: "Commands") -> None:
    command = commands.add_parser(
        "run", help="recognize expressions in a camera's frames or in files, and log them", epilog=_EXIT_CODES
    )
    command.add_argument(
        "--source",
        metavar="auto|camera|picamera|0|/dev/videoN|URL|gst:PIPELINE|scene:NAME|FILE|FOLDER",
        help="where frames come from (default: auto: the Pi camera, else another camera, else the bundled clip)",
    )
    command.add_argument(
        "--loop",
        action="store_true",
        help="repeat a file or scene without end, at its own rate, like a camera",
    )
    command.add_argument(
        "--rotate",
        metavar="0|90|180|270|auto",
        type=_rotation,
        help="rotate each frame clockwise; auto finds out from the faces (default: auto for cameras, 0 for files)",
    )
    command.add_argument(
        "--model", metavar="FILE|NAME", help="a .tflite model with its manifest, or the name of a bundled model"
    )
    command.add_argument(
        "--classes",
        type=int,
        choices=tuple(CLASS_SETS),
        help="number of emotions to predict (default: all that the model has)",
    )
    settings = command.add_mutually_exclusive_group()
    settings.add_argument("--config", metavar="FILE", type=user_path, help="settings in TOML")
    settings.add_argument(
        "--instance", metavar="NAME", help="run as the service edge-emotion@NAME, with /etc/edge-emotion/NAME.toml"
    )
    command.add_argument(
        "--log", metavar="FILE", help="the JSON-lines log, which is appended to (default: readings.jsonl)"
    )
    command.add_argument("--json", action="store_true", help="print readings to standard output as JSON lines")
    command.add_argument("--page", action="store_true", help="serve the live page at http://127.0.0.1:8470")
    command.add_argument("--view", action="store_true", help="show the annotated video in a window; q ends the run")
    command.add_argument(
        "--annotate",
        metavar="FILE",
        type=user_path,
        help="write the annotated video: .mp4, .mkv or .avi; for a video file only",
    )


def _add_doctor(commands: "Commands") -> None:
    command = commands.add_parser(
        "doctor",
        help="check whether edge-emotion would run on this machine, and say how to fix what is wrong",
        epilog="exit codes: 0 it would run, else that of the first check that failed: 1 board or system, "
        "2 configuration or cascade, 3 camera or log, 4 model or interpreter",
    )
    settings = command.add_mutually_exclusive_group()
    settings.add_argument(
        "--config", metavar="FILE", type=user_path, help="TOML settings (default: the installed ones)"
    )
    settings.add_argument("--instance", metavar="NAME", help="check the service edge-emotion@NAME")
    command.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    command.add_argument("--no-camera", action="store_true", help="do not open the camera")


def _add_status(commands: "Commands") -> None:
    command = commands.add_parser(
        "status",
        help="show the status of the running service, or of a run started by hand",
        epilog="exit codes: 0 frames are processed, 3 no service responds, or it processes no frames",
    )
    command.add_argument("--watch", action="store_true", help="update every second, until Ctrl-C")
    command.add_argument("--json", action="store_true", help="print JSON, one line for each status")
    service = command.add_mutually_exclusive_group()
    service.add_argument("--instance", metavar="NAME", help="show the service edge-emotion@NAME")
    service.add_argument(
        "--socket",
        metavar="FILE",
        type=user_path,
        help="socket (default: the service's, else your newest run's)",
    )


def _add_bench(commands: "Commands") -> None:
    command = commands.add_parser(
        "bench", help="measure this device's speed in a minute, for the table of devices", epilog=_EXIT_CODES
    )
    command.add_argument(
        "--seconds",
        type=_seconds,
        default=60.0,
        metavar="S",
        help="duration (default: 60), without the time to draw the scenes",
    )
    command.add_argument("--json", metavar="FILE", type=user_path, help="write all figures to this file")
    command.add_argument("--config", metavar="FILE", type=user_path, help="settings in TOML")


def _add_display_test(commands: "Commands") -> None:
    command = commands.add_parser("display-test", help="show every screen on the small display", epilog=_EXIT_CODES)
    command.add_argument("--config", metavar="FILE", type=user_path, help="TOML settings (default: the installed ones)")
    command.add_argument("--device", metavar="NAME", help="replaces display.device, such as ssd1306")
    command.add_argument(
        "--png",
        metavar="FOLDER",
        type=user_path,
        help="write the screens as pictures instead, of that display or of all common ones",
    )
    command.add_argument(
        "--seconds", type=_seconds, default=2.0, metavar="S", help="duration of each screen (default: 2)"
    )


def _add_report(commands: "Commands") -> None:
    command = commands.add_parser("report", help="summarize logs as an HTML page, text or CSV", epilog=_EXIT_CODES)
    command.add_argument(
        "logs",
        metavar="LOG",
        nargs="+",
        type=user_path,
        help="a log or a folder of logs, rotated files included",
    )
    command.add_argument(
        "--from", dest="start", metavar="TIME", help="start, such as 2026-11-20 or 2026-11-20T08:30, local time"
    )
    command.add_argument(
        "--to", dest="end", metavar="TIME", help="end, in the same form; a date alone means the end of that day"
    )
    command.add_argument("--out", metavar="FOLDER", type=user_path, help="where to write the page (default: report)")
    command.add_argument("--text", action="store_true", help="print text instead")
    command.add_argument("--csv", action="store_true", help="print a row for each reading instead, as CSV")
    command.add_argument("--csv-summary", action="store_true", help="print seconds by emotion over time, as CSV")


def _add_mcp(commands: "Commands") -> None:
    command = commands.add_parser(
        "mcp", help="let an AI assistant ask the running service, over the Model Context Protocol", epilog=_EXIT_CODES
    )
    command.add_argument(
        "--log", metavar="FILE|FOLDER", type=user_path, help="the log (default: the one the service writes)"
    )
    command.add_argument("--socket", metavar="PATH", type=user_path, help="the service's status socket")
    command.add_argument(
        "--http",
        metavar="PORT",
        type=_port,
        help="serve streamable HTTP on 127.0.0.1 at this port (default: standard input and output)",
    )


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= _MAX_PORT:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to {_MAX_PORT}, found {text}")
    return port


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 1 <= seconds <= _MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"expected 1 to {_MAX_SECONDS} seconds, found {text}")
    return seconds


def _rotation(text: str) -> int | str:
    """Return the degrees as a number; the settings check the value and name the valid ones."""
    return int(text) if text.isdecimal() else text
