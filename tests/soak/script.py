"""Writes the script of a simulation from a seed: light, people, faults, and what must be noticed of them.

All times are seconds from the start, which is a midnight.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from edge.scenes.drawn_head import HAPPY, NEUTRAL, SURPRISED, Expression

DAY_S, HOUR_S, MINUTE_S = 86_400.0, 3600.0, 60.0

FIRST_HOUR, LAST_HOUR = 7.5, 21.5
"""People come between these hours."""

LIGHTS_ON_HOUR, LIGHTS_OFF_HOUR = 6.5, 22.5

EXPRESSIONS: dict[str, Expression] = {"neutral": NEUTRAL, "happy": HAPPY, "surprise": SURPRISED}
"""Expressions of the drawn person, by the label that they must get."""

ARRIVAL_S, DEPARTURE_S, CHANGE_S = 12.0, 4.0, 5.0
"""Time until an arrival, a departure or another expression is in the log, s. An empty room is looked at every 5 s."""

WALK_S = 2.0
"""Time that a person takes to walk in or out, s."""

KILLED_AGO_S, RESTART_S = 4.0, 3.0
"""Time before a kill whose lines may be lost, and until systemd starts the next process, s."""

HANG_NOTICED_S = 6.0
"""Time after which a camera that hangs is opened again, s."""

SLOT_S = 20 * MINUTE_S
"""Faults begin in different slots of a day, so that no two overlap."""

FAULTS_A_DAY = {
    "absent": 2,
    "hung": 1,
    "frozen": 1,
    "odd frames": 2,
    "broker gone": 1,
    "disk full": 1,
    "reload": 1,
    "clock step": 1,
    "viewers": 3,
    "killed": 1,
}

_LENGTHS_S = {
    "absent": (15, 300),
    "hung": (20, 60),
    "frozen": (40, 200),
    "odd frames": (1, 2),
    "broker gone": (20, 400),
    "disk full": (700, 900),
    "viewers": (40, 60),
}

_NOTICED_S = {"absent": (6, 8), "hung": (6, 12), "frozen": (18, 10), "killed": (0, 18), "reload": (2, 12)}
"""Time until a fault has ended the faces, and time from its end until they are back in the log, s."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A person in front of the camera.

    Attributes:
        arrives_s, leaves_s: first and last time at which the whole face is in view, s.
        place: 0 on the left, 1 on the right.
        size_px: side of the face, px.
        moods: times, s, and labels of the expressions; the first one is that of the arrival.
    """

    arrives_s: float
    leaves_s: float
    place: int
    size_px: float
    moods: tuple[tuple[float, str], ...]

    def mood_at(self, time_s: float) -> str | None:
        """Return the label of the expression; None while the person is away."""
        if not self.arrives_s <= time_s < self.leaves_s:
            return None
        return next(label for began_s, label in reversed(self.moods) if began_s <= time_s)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens to the device.

    Attributes:
        kind: one of `FAULTS_A_DAY`, or `dark`.
        start_s, end_s: when it begins and ends, s.
        step_s: size of a clock step, s.
    """

    kind: str
    start_s: float
    end_s: float
    step_s: float = 0.0

    @property
    def is_blind(self) -> bool:
        """Whether no face is seen meanwhile."""
        return self.kind in _NOTICED_S

    @property
    def sees_again_s(self) -> float:
        """Time at which the camera works again, s: one that hangs is opened again while the old call hangs on."""
        return min(self.end_s, self.start_s + HANG_NOTICED_S) if self.kind == "hung" else self.end_s

    @property
    def notice_s(self) -> tuple[float, float]:
        """Time until it has ended the faces, and time from its end until they are back, s."""
        return _NOTICED_S[self.kind]


@dataclass(frozen=True, slots=True)
class Script:
    """The events of a simulation: visits and faults.

    Attributes:
        seconds: length, s.
        visits: the people, by time of arrival.
        faults: the faults, by time of their beginning; a black night is one of them.
    """

    seconds: float
    visits: tuple[Visit, ...]
    faults: tuple[Fault, ...]

    def of_kind(self, *kinds: str) -> list[Fault]:
        """Return the faults of these kinds."""
        return [fault for fault in self.faults if fault.kind in kinds]

    def visible_at(self, time_s: float) -> Counter[str]:
        """Return the labels that must be in view in the log."""
        if any(fault.is_blind and fault.start_s <= time_s < fault.sees_again_s for fault in self.faults):
            return Counter()
        return Counter(mood for visit in self.visits if (mood := visit.mood_at(time_s)))

    def changes(self) -> list[tuple[float, float, float]]:
        """Return each time at which `visible_at` may change, and the stretch in which the log may differ from it, s."""
        found = [change for visit in self.visits for change in _changes_of(visit)]
        for fault in self.faults:
            if fault.is_blind:
                until_gone_s, until_back_s = fault.notice_s
                ago_s = KILLED_AGO_S if fault.kind == "killed" else 0.0
                found.append((fault.start_s, fault.start_s - ago_s, fault.start_s + until_gone_s))
                found.append((fault.sees_again_s, fault.sees_again_s, fault.sees_again_s + until_back_s))
        return sorted(found)

    def agenda(self, *kinds: str) -> list[tuple[float, str]]:
        """Return when faults of these kinds begin and end, s, as `reload begins`, in order of time."""
        moments = [(fault.start_s, f"{fault.kind} begins") for fault in self.of_kind(*kinds)]
        moments += [
            (fault.end_s, f"{fault.kind} ends") for fault in self.of_kind(*kinds) if fault.end_s > fault.start_s
        ]
        return sorted(moments)

    def wall_offset_s(self, time_s: float) -> float:
        """Return by how much the wall clock has been set since the start, s."""
        return sum(fault.step_s for fault in self.faults if fault.start_s <= time_s)


def _changes_of(visit: Visit) -> Iterator[tuple[float, float, float]]:
    yield visit.arrives_s, visit.arrives_s - WALK_S, visit.arrives_s + ARRIVAL_S
    for time_s, _ in visit.moods[1:]:
        yield time_s, time_s, time_s + CHANGE_S
    yield visit.leaves_s, visit.leaves_s, visit.leaves_s + WALK_S + DEPARTURE_S


def write_script(seed: int, days: int) -> Script:
    """Write the script of some days.

    Processes are killed in the first half only, so that the last one runs for long enough to judge its memory.
    """
    dice = random.Random(seed)  # noqa: S311  # not a secret
    visits, faults = [], []
    for day in range(days):
        midnight_s = day * DAY_S
        visits += [visit for place in (0, 1) for visit in _visits_of_day(dice, midnight_s, place)]
        faults += _faults_of_day(dice, midnight_s, with_kill=day < days / 2)
        if day + 1 < days and dice.random() < 0.6:  # else a lamp stays on
            faults.append(
                Fault("dark", midnight_s + LIGHTS_OFF_HOUR * HOUR_S, midnight_s + DAY_S + LIGHTS_ON_HOUR * HOUR_S)
            )
    return Script(
        days * DAY_S,
        tuple(sorted(visits, key=lambda visit: visit.arrives_s)),
        tuple(sorted(faults, key=lambda fault: fault.start_s)),
    )


def write_short_script(seed: int) -> Script:
    """Write the script of a quarter of an hour with three visits, and a fault of most kinds."""
    dice = random.Random(seed)  # noqa: S311  # not a secret
    visits = [
        new_visit(dice, arrives_s, stays_s, place)
        for arrives_s, stays_s, place in ((90, 150, 0), (170, 200, 1), (620, 150, 0))
    ]
    faults = [
        Fault("absent", 430.0, 465.0),
        Fault("broker gone", 500.0, 540.0),
        Fault("odd frames", 560.0, 561.0),
        Fault("clock step", 580.0, 580.0, 90.0),
        Fault("reload", 660.0, 660.0),
        Fault("viewers", 700.0, 730.0),
        Fault("killed", 800.0, 800.0 + RESTART_S),
    ]
    return Script(15 * MINUTE_S, tuple(visits), tuple(faults))


def _visits_of_day(dice: random.Random, midnight_s: float, place: int) -> Iterator[Visit]:
    now_s = midnight_s + FIRST_HOUR * HOUR_S + dice.uniform(0, HOUR_S)
    while now_s < midnight_s + LAST_HOUR * HOUR_S:
        visit = new_visit(dice, now_s, dice.uniform(40, 240), place)
        yield visit
        now_s = visit.leaves_s + MINUTE_S + dice.expovariate(1 / (2 * HOUR_S))


def new_visit(dice: random.Random, arrives_s: float, stays_s: float, place: int) -> Visit:
    """Return a visit with another expression now and then."""
    moods, at_s = [(arrives_s, "neutral")], arrives_s + dice.uniform(15, 40)
    while at_s < arrives_s + stays_s - 15:
        moods.append((at_s, dice.choice([label for label in EXPRESSIONS if label != moods[-1][1]])))
        at_s += dice.uniform(15, 40)
    return Visit(arrives_s, arrives_s + stays_s, place, dice.uniform(68, 82), tuple(moods))


def _faults_of_day(dice: random.Random, midnight_s: float, *, with_kill: bool) -> Iterator[Fault]:
    kinds = [kind for kind, times in FAULTS_A_DAY.items() for _ in range(times) if with_kill or kind != "killed"]
    first, last = round(FIRST_HOUR * HOUR_S / SLOT_S), round(LAST_HOUR * HOUR_S / SLOT_S)
    for kind, slot in zip(kinds, dice.sample(range(first, last), len(kinds)), strict=True):
        yield new_fault(dice, kind, midnight_s + slot * SLOT_S + dice.uniform(0, SLOT_S / 5))


def new_fault(dice: random.Random, kind: str, start_s: float) -> Fault:
    """Return a fault of that kind, with a length from the dice."""
    if kind == "clock step":
        return Fault(kind, start_s, start_s, dice.choice((-1, 1)) * dice.uniform(70, 300))
    length_s = {"killed": RESTART_S, "reload": 0.0}.get(kind)
    return Fault(kind, start_s, start_s + (dice.uniform(*_LENGTHS_S[kind]) if length_s is None else length_s))
