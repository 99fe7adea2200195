"""All targets of the fuzzers: every parser that reads what others have written."""

import fuzz_files
import fuzz_media
import fuzz_servers
import fuzz_training
from fuzz_base import Target

TARGETS = fuzz_files.TARGETS + fuzz_media.TARGETS + fuzz_servers.TARGETS + fuzz_training.TARGETS
"""All targets, the one that takes seconds to prepare last."""


def find(name: str) -> Target:
    """Return the target with a name; blanks may be given as hyphens."""
    return next(target for target in TARGETS if target.name == name.replace("-", " "))
