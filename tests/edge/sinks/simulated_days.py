"""Lives days in seconds: people who come and go before a camera, told to the real log on a clock that is moved by hand.

Nobody real is in it: who comes, and what they show, is drawn from a seed.
"""

import contextlib
import random
import time
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

from edge.labels import EMOTIONS
from edge.records import Box, Observation, Reading
from edge.sinks import archive, course, lines, rotation
from edge.sinks.changes import Changes
from edge.sinks.jsonl import JsonLinesLog

DAY_S, HOUR_S = 86400.0, 3600.0

CHANGES_A_MINUTE = 12
"""How often a face's name is drawn anew; in half of the draws it is another one."""

WEIGHTS = {"angry": 2, "disgust": 0.5, "fear": 1, "happy": 30, "sad": 7, "surprise": 5, "neutral": 46, "uncertain": 8}


class Clock:
    """Both clocks of the machine, moved by hand. start: what the wall clock shows first."""

    def __init__(self, start):
        self.start, self.s = start.timestamp(), 0.0

    def monotonic(self):
        return 1000.0 + self.s

    def now(self, zone=None):
        return datetime.fromtimestamp(self.start + self.s, zone)

    @contextlib.contextmanager
    def running(self):
        """In the block the program's clocks are this one."""
        now = self.now

        class Moved(datetime):
            @classmethod
            def now(cls, tz=None):
                return now(tz)

        with contextlib.ExitStack() as stack:
            stack.enter_context(patch.object(time, "monotonic", self.monotonic))
            for module in (archive, course, lines, rotation):
                stack.enter_context(patch.object(module, "datetime", Moved))
            yield self


def live(log, clock, visits, until_s, *, rate_hz, seed=0):
    """Let the time until `until_s` go by. visits: begin and end of each, s. rate_hz: observations a second."""
    dice, faces, number = random.Random(seed), {}, 0  # noqa: S311  # nothing secret
    visits = sorted(visits)
    frame = 0
    while clock.s < until_s:
        while visits and visits[0][0] <= clock.s:
            number += 1
            faces[number] = [visits.pop(0)[1], "neutral"]
        faces = {track: face for track, face in faces.items() if face[0] > clock.s}
        for face in faces.values():
            if dice.random() < CHANGES_A_MINUTE / 60 / rate_hz:
                face[1] = dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        readings = tuple(_reading(track, face[1], frame, clock, dice) for track, face in faces.items())
        log.write(Observation(frame, "imx708", clock.monotonic(), clock.monotonic(), readings, tuple(faces)))
        frame += 1
        clock.s += 1 / rate_hz if faces else min(5.0, (visits[0][0] if visits else until_s) - clock.s + 1e-3)


def _reading(track, emotion, frame, clock, dice):
    probabilities = {name: round(dice.random(), 4) for name in EMOTIONS}
    box = Box(dice.randrange(400), dice.randrange(300), 117, 117)
    return Reading(track, box, emotion, dice.random(), probabilities, frame, clock.monotonic(), 0.0043)


def open_log(path, keeping, *, flush_s=1.0):
    return JsonLinesLog(
        Path(path),
        changes=Changes(summary_interval_s=60.0, describe_machine=lambda: {"temperature_c": 55.5, "throttled": []}),
        say_none=False,
        retry=True,
        flush_s=flush_s,
        keeping=keeping,
        is_clock_set=lambda: True,
    )


def home_day(dice, *, hours):
    """When two people are before the camera on a day, `hours` together: many stays of some minutes each. s."""
    visits, left_s = [], hours * HOUR_S
    while left_s > 0:
        hour = dice.choices((7.5, 12.5, 18.0, 20.5), (2, 1, 3, 3))[0]
        begin_s = max(0.0, dice.gauss(hour, 1.1)) * HOUR_S
        stay_s = min(left_s, dice.expovariate(1 / 240), 3000.0)
        visits.append((begin_s, begin_s + stay_s))
        left_s -= stay_s
    return visits


MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
