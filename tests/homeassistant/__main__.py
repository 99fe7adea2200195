"""Checks the product with a real Home Assistant, as a user sees it: `make test-homeassistant`.

Prints a line for each check, with what was seen. Exit codes: 0, every check holds; 1, at least one fails; 2, the bench
cannot be set up.
"""

import argparse
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
for folder in ("", "edge", "edge/sinks/mqtt"):
    sys.path.append(str(HERE.parent / folder))

from bench import run_check, set_up  # noqa: E402  # the tests' folders must be on the path
from checks import CHECKS  # noqa: E402
from environment import SetupError, prepare  # noqa: E402


def main() -> int:
    """Run the checks, and return the exit code."""
    parser = argparse.ArgumentParser(prog="make test-homeassistant", description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[], help="names of the checks to run after the first one")
    parser.add_argument("--keep-output", action="store_true", help="print Home Assistant's and the product's output")
    options = parser.parse_args()
    with ExitStack() as stack:
        try:
            environment = prepare()
            bench = set_up(stack, environment)
        except (SetupError, AssertionError, OSError) as error:
            print(f"make test-homeassistant: {error}", file=sys.stderr)  # noqa: T201  # the message for the user
            return 2
        print(f"{datetime.now(UTC):%Y-%m-%d}: {environment.describe()}", flush=True)  # noqa: T201  # the report
        first, *others = CHECKS
        chosen = [first, *(check for check in others if not options.only or check.__name__ in options.only)]
        results = [run_check(bench, check) for check in chosen]
        if options.keep_output:
            print(bench.product.output(), bench.home.output(), sep="\n")  # noqa: T201  # for whoever looks for a fault
    print(f"{sum(results)} of {len(results)} checks hold")  # noqa: T201  # the report
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
