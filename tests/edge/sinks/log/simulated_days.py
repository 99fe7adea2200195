"""Simulates days in seconds: people come and go in front of a camera, and the real log sees them on a simulated clock.

All visits and emotions are drawn from a seeded random generator.
"""

import contextlib
import random
import time
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

from edge.labels import EMOTIONS
from edge.records import Box, Observation, Reading
from edge.sinks.log import archive, events, lines, rotation
from edge.sinks.log.events import ChangeEvents
from edge.sinks.log.jsonl import JsonLinesLog

DAY_S, HOUR_S = 86400.0, 3600.0

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)

CHANGES_A_MINUTE = 12
"""How often the emotion of a face is drawn; in half of the draws it differs from the previous one."""

WEIGHTS = {"angry": 2, "disgust": 0.5, "fear": 1, "happy": 30, "sad": 7, "surprise": 5, "neutral": 46, "uncertain": 8}


class Clock:
    """Replaces the wall clock and the monotonic clock of the log.

    Attributes:
        s: time since the start, s.
    """

    def __init__(self, start):
        """Stop the clock at `start`, a wall time."""
        self.start, self.s = start.timestamp(), 0.0

    def monotonic(self):
        return 1000.0 + self.s

    def now(self, zone=None):
        return datetime.fromtimestamp(self.start + self.s, zone)

    @contextlib.contextmanager
    def running(self):
        """Replace the clocks inside the block."""
        now = self.now

        class SimulatedDatetime(datetime):
            @classmethod
            def now(cls, tz=None):
                return now(tz)

        with contextlib.ExitStack() as stack:
            stack.enter_context(patch.object(time, "monotonic", self.monotonic))
            for module in (archive, events, lines, rotation):
                stack.enter_context(patch.object(module, "datetime", SimulatedDatetime))
            yield self


def live(log, clock, visits, until_s, *, rate_hz, seed=0):
    """Let the simulated time pass.

    Args:
        log: receives the observations.
        clock: the clock to move.
        visits: begin and end of each visit, s.
        until_s: when to stop, s.
        rate_hz: observations per second while there is a face.
        seed: seeds the emotions.
    """
    rng, faces, track_id = random.Random(seed), {}, 0  # noqa: S311  # simulated data, not a secret
    visits = sorted(visits)
    frame = 0
    while clock.s < until_s:
        while visits and visits[0][0] <= clock.s:
            track_id += 1
            faces[track_id] = [visits.pop(0)[1], "neutral"]
        faces = {track: face for track, face in faces.items() if face[0] > clock.s}
        for face in faces.values():
            if rng.random() < CHANGES_A_MINUTE / 60 / rate_hz:
                face[1] = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        readings = tuple(_reading(track, face[1], frame, clock, rng) for track, face in faces.items())
        log.write(Observation(frame, "imx708", clock.monotonic(), clock.monotonic(), readings, tuple(faces)))
        frame += 1
        clock.s += 1 / rate_hz if faces else min(5.0, (visits[0][0] if visits else until_s) - clock.s + 1e-3)


def _reading(track_id, emotion, frame, clock, rng):
    probabilities = {name: round(rng.random(), 4) for name in EMOTIONS}
    box = Box(rng.randrange(400), rng.randrange(300), 117, 117)
    return Reading(track_id, box, emotion, rng.random(), probabilities, frame, clock.monotonic(), latency_s=0.0043)


def open_log(path, policy, *, flush_s=1.0):
    """Open a log of events with the settings of the service.

    Args:
        path: the log.
        policy: when to rotate it; None for never.
        flush_s: time for which lines are collected before they are written, s.
    """
    log = JsonLinesLog(
        Path(path),
        changes=ChangeEvents(
            summary_interval_s=60.0, describe_machine=lambda: {"temperature_c": 55.5, "throttled": []}
        ),
        include_empty=False,
        retry=True,
        flush_s=flush_s,
        rotation=policy,
        is_clock_set=lambda: True,
    )
    log.open()
    return log


def home_day(rng, *, hours):
    """Return the visits of two people on one day: begin and end of each, s; `hours` in total, some minutes each."""
    visits, left_s = [], hours * HOUR_S
    while left_s > 0:
        hour = rng.choices((7.5, 12.5, 18.0, 20.5), (2, 1, 3, 3))[0]
        begin_s = max(0.0, rng.gauss(hour, 1.1)) * HOUR_S
        stay_s = min(left_s, rng.expovariate(1 / 240), 3000.0)
        visits.append((begin_s, begin_s + stay_s))
        left_s -= stay_s
    return visits
