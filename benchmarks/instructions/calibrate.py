#!/usr/bin/env python3
"""Derives the A72's instructions per cycle in a Haar cascade from published times of a real Pi 4.

Images and times are in the repository that `boards.A72_IPC` names; clone it and run `calibrate.py CLONE`. The times are
of haarcascade_frontalface_alt2 on one thread, scale 1.1 and 2 neighbours, mean of 300 runs.
"""

import argparse
import re
import sys
from pathlib import Path

from report import count, set_up

IMAGES = "data/test_imgs"
TIMES = "results/blog_revisit_results/linux/cascade_haar_alt2"
STATED_GHZ = 1.5
POSSIBLE_GHZ = 1.8
"""The clock that the measurement names, and the default clock of newer Pi 4s."""


def main() -> int:
    """Print the table and return the exit code."""
    parser = argparse.ArgumentParser(description="Derive a Cortex-A72's instructions per cycle in a Haar cascade.")
    parser.add_argument("clone", type=Path, help="folder of the cloned repository")
    clone = parser.parse_args().clone.resolve()
    if not (clone / IMAGES).is_dir():
        parser.error(f"{clone / IMAGES}: expected the images here, found no folder: see boards.A72_IPC")
    counted = count("A72", set_up(), images=clone / IMAGES).instructions
    sys.stdout.write("image     million      ms   per cycle at 1.5 GHz   at 1.8 GHz\n")
    for name, instructions in counted.items():
        times = clone / TIMES / f"{name}_threads_1_time.txt"
        match = re.search(r"([0-9.]+)\s*$", times.read_text(encoding="ascii")) if times.is_file() else None
        if match is None:
            continue  # an image without a published time
        ms = float(match[1])
        stated, possible = (instructions / (ms * ghz * 1e6) for ghz in (STATED_GHZ, POSSIBLE_GHZ))
        sys.stdout.write(f"{name:8} {instructions / 1e6:8.1f} {ms:7.1f} {stated:22.3f} {possible:12.3f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
