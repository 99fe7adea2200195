"""The command line: configures logging, runs a command, and turns every error into one line and an exit code.

Exit codes: 0 success (the stop of a run by `q` or a signal included), 1 an unexpected error, 2 configuration or command
line, 3 camera, file or log, 4 model, 5 a thread that did not end, 6 too little memory, 128 + N a command that signal N
ended.
"""

import argparse
import faulthandler
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from edge.cli.parser import new_parser
from edge.cli.streams import CLOSED, drop_output
from edge.device.memory import RUN_BYTES, require_address_space, share_arena, shortage_of
from edge.errors import EdgeError, OutputClosedError
from edge.runtime.signals import SIGNALS
from edge.service.journal import JournalHandler, LineFormatter, is_journal
from edge.settings.instance import Instance, for_instance, parse_instance
from edge.stages import COMMANDS as COMMANDS_OF_STAGES
from edge.stages import run_stage

if TYPE_CHECKING:
    from edge.settings.schema import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments, run the command and return the exit code.

    Args:
        arguments: without the program's name; those of the process by default.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words and words[0] in COMMANDS_OF_STAGES:
        return _run_stage(words)
    options = new_parser().parse_args(words)
    handler = JournalHandler(sys.stderr) if is_journal(sys.stderr) else logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter("%(levelname)s: %(message)s"))
    logging.basicConfig(level=logging.DEBUG if options.debug else logging.INFO, handlers=[handler])
    try:
        return COMMANDS[options.command](options)
    except KeyboardInterrupt:
        return SIGNALS.exit_code(options.command)
    except Exception as error:  # noqa: BLE001  # each is one line for the user, with its traceback on request
        if isinstance(error, OSError) and error.errno in CLOSED:
            # The reader of the console or the summary has ended: do not try again at exit.
            drop_output()
            return OutputClosedError.exit_code
        return _log_error(shortage_of(error) or error, debug=options.debug)


def _run_stage(words: list[str]) -> int:
    """Run a desktop stage's command, which reads its own options and reports its own errors."""
    try:
        return run_stage(words[0], words[1:])
    except EdgeError as error:
        logging.basicConfig(format="%(message)s")
        return _log_error(error, debug=False)


_UMASK = 0o027
"""Permission bits that no file of a run has, whatever the user's umask allows: a log tells who was there, and when."""


def _log_error(error: Exception, *, debug: bool) -> int:
    """Report an error, and return the exit code."""
    if SIGNALS.has_raised:
        raise error  # the entry point knows that the signal is the reason
    exit_code = error.exit_code if isinstance(error, EdgeError) else 1
    if exit_code:
        kind = "" if isinstance(error, EdgeError) else f"unexpected {type(error).__name__}: "
        logging.getLogger("edge").error("%s%s", kind, error, exc_info=error if debug else None)
    return exit_code


def _run(options: argparse.Namespace) -> int:
    share_arena()
    require_address_space(RUN_BYTES)
    from edge.cli.run import run
    from edge.pipeline.sinks import ViewOptions
    from edge.service.credentials import CredentialWatch, credential_files

    os.umask(os.umask(0o077) | _UMASK)
    if "WATCHDOG_USEC" in os.environ:
        faulthandler.enable()  # the watchdog ends a hung run with SIGABRT: the journal then shows where each thread was
    views = ViewOptions(view=options.view, annotate=options.annotate)

    def read_settings() -> "Settings":
        return _run_settings(options)

    credentials = CredentialWatch(credential_files(_instance(options)))
    run(
        read_settings(),
        json_output=options.json,
        views=views,
        read_settings=read_settings,
        credentials=credentials,
    )
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from edge.doctor.report import doctor

    return doctor(options.config, camera=not options.no_camera, as_json=options.json, instance=_instance(options))


def _instance(options: argparse.Namespace) -> Instance:
    return parse_instance(options.instance) if options.instance is not None else Instance()


def _status(options: argparse.Namespace) -> int:
    from edge.cli.status import show_status
    from edge.status import find_socket

    socket = options.socket
    if options.instance is not None:
        socket = parse_instance(options.instance).socket
    return show_status(socket or find_socket(), watch=options.watch, as_json=options.json)


def _report(options: argparse.Namespace) -> int:
    from edge.report.command import report

    return report(options)


def _mcp(options: argparse.Namespace) -> int:
    from edge.mcp.server import serve
    from edge.status import find_socket

    serve(options.socket or find_socket(), options.log, port=options.http)
    return 0


def _bench(options: argparse.Namespace) -> int:
    from edge.benchmark.command import bench
    from edge.settings.load import read_settings
    from edge.settings.schema import Settings

    settings = read_settings(options.config) if options.config else Settings()
    return bench(settings, seconds=options.seconds, json_path=options.json)


def _display_test(options: argparse.Namespace) -> int:
    from edge.cli.display_test import display_test

    return display_test(options.config, device=options.device, folder=options.png, seconds=options.seconds)


def _run_settings(options: argparse.Namespace) -> "Settings":
    """Return the settings from `--config`, or else the defaults, with the other options applied over them."""
    import msgspec

    from edge.settings.load import override, read_settings
    from edge.settings.schema import Settings

    settings = read_settings(options.config) if options.config else Settings()
    if options.instance is not None:
        instance = _instance(options)
        settings = for_instance(read_settings(instance.config), instance)
    return msgspec.structs.replace(
        settings,
        source=override(settings.source, use=options.source, loop=options.loop or None, rotate=options.rotate),
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
    "report": _report,
    "mcp": _mcp,
}
