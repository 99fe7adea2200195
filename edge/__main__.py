"""Entry point of `edge-emotion` and `python -m edge`; the commands are in `edge.cli.main`."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  # an older Python cannot import the rest, and needs a message that says so
    sys.exit(
        f"error: expected Python 3.11 to 3.13, found {sys.version_info[0]}.{sys.version_info[1]}: "
        "use Raspberry Pi OS Bookworm or Trixie"
    )

import os
from typing import NoReturn

from edge.cli.streams import finish_output, prepare_streams, use_utf8
from edge.device.memory import shortage_of
from edge.errors import EdgeError
from edge.runtime.signals import SIGNALS
from edge.stages import COMMANDS as COMMANDS_OF_STAGES


def entry() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    use_utf8()
    prepare_streams()
    if not COMMANDS_OF_STAGES.keys() & set(sys.argv[1:2]):
        # The runtime uses no BLAS. It would reserve 40 MB for each core, and end the process where it cannot.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        SIGNALS.install(hang_up_reloads="NOTIFY_SOCKET" in os.environ)
        from edge.cli.main import main  # noqa: PLC0415  # slow to import: a signal that comes meanwhile is handled

        exit_code = main()
        SIGNALS.finish()
    except EdgeError as error:  # from printing the usage
        print(f"ERROR: {error}", file=sys.stderr)  # noqa: T201  # logging is not configured yet
        exit_code = error.exit_code
    except SystemExit as end:  # --help, or a wrong command line
        exit_code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:
        shortage = None if SIGNALS.has_raised else shortage_of(error)
        if shortage is not None:
            print(f"ERROR: {shortage}", file=sys.stderr)  # noqa: T201  # logging may not be configured yet
            exit_code = shortage.exit_code
        elif SIGNALS.has_raised:
            SIGNALS.finish()
            exit_code = SIGNALS.exit_code(sys.argv[1] if len(sys.argv) > 1 else "")
        else:
            raise
    exit_code = finish_output(exit_code)
    if not SIGNALS.is_alone:
        # A thread is stuck in a driver, which has been reported. Python's own exit would stop it in the middle of C++
        # code, and the process would end by a signal instead of our exit code.
        import logging  # noqa: PLC0415  # loaded by now

        logging.shutdown()
        os._exit(exit_code)
    sys.exit(exit_code)


if __name__ == "__main__":
    entry()
