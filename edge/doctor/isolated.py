"""The process in which an isolated check runs: asked by one argument, it answers one line of JSON."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from edge.doctor.catalogue import CHECKS
from edge.doctor.context import Context
from edge.doctor.runner import look


def main() -> None:
    """Run the check that the first argument names."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries write to standard output, too, and only the answer may go there
    request = json.loads(sys.argv[1])
    config = request["config"]
    context = Context(config=Path(config) if config else None, root=Path(request["root"]))
    check = next(check for check in CHECKS if check.name == request["name"])
    answers.write(json.dumps(asdict(look(check, context))))
    answers.flush()
    # A driver's thread, or a library's destructors, could still crash or hang on the way out.
    os._exit(0)
