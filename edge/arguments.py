"""What the command line takes: the commands, and each one's options."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edge import __version__
from edge.labels import CLASS_SETS

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_LONGEST_BENCH_S = 3600
_EXIT_CODES = "exit codes: 0 done, 2 configuration, 3 camera, file or log, 4 model, 5 a thread that did not end"


def new_parser() -> argparse.ArgumentParser:
    """Make the parser; it gives the command's name as `command`, beside that command's own options."""
    parser = argparse.ArgumentParser(
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
    command.add_argument(
        "--model", metavar="FILE|NAME", help="a .tflite model with its .json beside it, or the name of one that ships"
    )
    command.add_argument(
        "--classes",
        type=int,
        choices=tuple(CLASS_SETS),
        help="answer with so many emotions (default: all that the model knows)",
    )
    command.add_argument("--config", metavar="FILE", type=Path, help="settings in TOML")
    command.add_argument("--log", metavar="FILE", help="the JSON-lines log; appended to (default: readings.jsonl)")
    command.add_argument("--json", action="store_true", help="print readings to standard output, for a pipe")
    command.add_argument("--page", action="store_true", help="serve the live page, on http://127.0.0.1:8470")
    command.add_argument("--view", action="store_true", help="show the annotated video in a window; q ends the run")
    command.add_argument(
        "--annotate", metavar="FILE", type=Path, help="write a video file's annotated video: .mp4, .mkv or .avi"
    )


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


def _add_status(commands: "Commands") -> None:
    command = commands.add_parser(
        "status",
        help="ask the running service how it is",
        epilog="exit codes: 0 frames are processed, 3 no service answers, or its camera is lost",
    )
    command.add_argument("--watch", action="store_true", help="ask every second, until Ctrl-C")
    command.add_argument("--json", action="store_true", help="print JSON, one line an answer")
    command.add_argument("--socket", metavar="FILE", type=Path, help="where the service answers (default: in /run)")


def _add_bench(commands: "Commands") -> None:
    command = commands.add_parser(
        "bench", help="measure this device in a minute, for the table of devices", epilog=_EXIT_CODES
    )
    command.add_argument(
        "--seconds", type=_seconds, default=60.0, metavar="S", help="how long (default: 60; drawing comes on top)"
    )
    command.add_argument("--json", metavar="FILE", type=Path, help="write all figures to this file")
    command.add_argument("--config", metavar="FILE", type=Path, help="settings in TOML")


def _add_display_test(commands: "Commands") -> None:
    command = commands.add_parser("display-test", help="show every screen on the small display", epilog=_EXIT_CODES)
    command.add_argument("--config", metavar="FILE", type=Path, help="settings in TOML (default: the installed ones)")
    command.add_argument("--device", metavar="NAME", help="instead of display.device, such as ssd1306")
    command.add_argument("--png", metavar="FOLDER", type=Path, help="write pictures of common displays instead")
    command.add_argument("--seconds", type=_seconds, default=2.0, metavar="S", help="for each screen (default: 2)")


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


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 1 <= seconds <= _LONGEST_BENCH_S:
        raise argparse.ArgumentTypeError(f"expected 1 to {_LONGEST_BENCH_S} seconds, found {text}")
    return seconds
