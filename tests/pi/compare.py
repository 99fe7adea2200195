#!/usr/bin/env python3
"""Compares what two machines answered (`answers.py`), reading by reading; exit code 1 where they differ too much.

    compare.py WANTED.jsonl FOUND.jsonl

The rules, for the same pixels:
- equally many readings, of the same frames and tracks, with the same names;
- a box lies at most a pixel off, and nearly all are equal: OpenCV rounds floats differently with other instructions;
- where the face cut out is the same, the int8 net in TFLite's reference kernels, which define it, gives equal answers;
- in XNNPACK's kernels, as the product runs it, its answers differ by one step of 256 at most, and seldom, and never in
  the name: XNNPACK rounds differently on different processors.

A video decoder rounds differently, too, by up to 3 levels of luma here. So of the clip as each machine decodes it
nearly all readings must overlap by half and have the same name.
"""

import json
import sys
from pathlib import Path
from typing import Any

DECODED = "clip, decoded here"

BOX_PX = 1
EQUAL_BOXES = 0.99
STEPS = 1
EQUAL_ANSWERS = 0.97
"""What a box and an answer may be off, and the share that must be equal. Measured: 0.999 and 0.986."""

DECODED_IOU = 0.5
DECODED_ALIKE = 0.98

Reading = dict[str, Any]


def compare(wanted: list[Reading], found: list[Reading]) -> tuple[list[str], list[str]]:
    """Return what was counted, and what breaks a rule: nothing where all is as it should be."""
    given = [[reading for reading in readings if reading["stream"] != DECODED] for readings in (wanted, found)]
    decoded = [[reading for reading in readings if reading["stream"] == DECODED] for readings in (wanted, found)]
    if not all(given) or len({bool(readings) for readings in decoded}) > 1:
        return [], ["expected faces in both logs, found none in one"]
    keys = [[(r["stream"], r["frame"], r["track"], r["emotion"]) for r in readings] for readings in given]
    if keys[0] != keys[1]:
        extra = sorted(set(keys[1]) - set(keys[0]))[:3]
        lacking = sorted(set(keys[0]) - set(keys[1]))[:3]
        return [], [f"expected the same faces and names, found {extra} too many and {lacking} lacking"]
    pairs = list(zip(*given, strict=True))
    judged = [_boxes(pairs), _reference(pairs), _shipped(pairs), *([_decoded(*decoded)] if decoded[0] else [])]
    return [counted for counted, _ in judged], [line for _, broken in judged for line in broken]


def _boxes(pairs: list[tuple[Reading, Reading]]) -> tuple[str, list[str]]:
    off = [max(abs(p - q) for p, q in zip(a["box"], b["box"], strict=True)) for a, b in pairs]
    return _judge("boxes equal", [distance == 0 for distance in off], EQUAL_BOXES, f"{max(off)} px", max(off) <= BOX_PX)


def _reference(pairs: list[tuple[Reading, Reading]]) -> tuple[str, list[str]]:
    key = "int8, reference"
    equal = [a[key] == b[key] for a, b in pairs if key in a and a["face"] == b["face"]]
    return _judge("int8 answers equal, reference kernels", equal, 1.0, "", bool(equal))


def _shipped(pairs: list[tuple[Reading, Reading]]) -> tuple[str, list[str]]:
    same_face = [(a["int8"], b["int8"]) for a, b in pairs if a["face"] == b["face"]]
    off = [max(abs(p - q) for p, q in zip(a, b, strict=True)) for a, b in same_face]
    best_alike = all(a.index(max(a)) == b.index(max(b)) for a, b in same_face)
    fine = bool(off) and max(off) <= STEPS and best_alike
    equal = [distance == 0 for distance in off]
    return _judge("int8 answers equal, kernels as shipped", equal, EQUAL_ANSWERS, f"{max(off, default=0)}", fine)


def _decoded(wanted: list[Reading], found: list[Reading]) -> tuple[str, list[str]]:
    by_frame: dict[int, list[Reading]] = {}
    for reading in found:
        by_frame.setdefault(reading["frame"], []).append(reading)
    alike = [
        any(
            _iou(reading["box"], other["box"]) >= DECODED_IOU and reading["emotion"] == other["emotion"]
            for other in by_frame.get(reading["frame"], [])
        )
        for reading in wanted
    ]
    alike += [False] * max(0, len(found) - len(wanted))
    return _judge("readings alike, clip decoded by each", alike, DECODED_ALIKE, "", True)


def _judge(what: str, holds: list[bool], least: float, furthest: str, fine: bool) -> tuple[str, list[str]]:
    """Return what was counted, and a complaint where too few hold or one is too far off."""
    share = sum(holds) / len(holds) if holds else 0.0
    counted = f"{what}: {sum(holds)} of {len(holds)}" + (f", the furthest off by {furthest}" if furthest else "")
    broken = [] if fine and share >= least else [f"expected at least {least:.1%} within the rules, found {counted}"]
    return counted, broken


def _iou(a: list[int], b: list[int]) -> float:
    """Overlap of two boxes [x, y, w, h]."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    inside = max(0, width) * max(0, height)
    return inside / (a[2] * a[3] + b[2] * b[3] - inside)


def main() -> int:
    """Run the command line; returns the exit code."""
    wanted, found = (
        [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()] for path in sys.argv[1:]
    )
    counted, broken = compare(wanted, found)
    sys.stdout.writelines(f"  {line}\n" for line in counted)
    sys.stderr.writelines(f"  {line}\n" for line in broken)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
