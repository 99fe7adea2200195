"""Chooses where an axis has its marks."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta

_STEPS_S = (60, 300, 600, 1800, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600)
_DAY_S = 86400
_MARKS = 12


def round_up(value: float) -> float:
    """The next even number of one digit, and some zeros or places behind the point."""
    if value <= 0:
        return 1.0
    power = 10 ** math.floor(math.log10(value))
    return float(next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value * 0.999))


def time_marks(start: float, end: float) -> Iterator[tuple[float, str]]:
    """Moments, s since 1970, with their names in local time: hours within a day or so, else days, months or years."""
    step_s = next((step for step in _STEPS_S if (end - start) / step <= _MARKS), None)
    if step_s is not None:
        yield from _hours(start, end, step_s)
    else:
        yield from _days(start, end, math.ceil((end - start) / _DAY_S / _MARKS))


def _hours(start: float, end: float, step_s: int) -> Iterator[tuple[float, str]]:
    moment = datetime.fromtimestamp(start).replace(hour=0, minute=0, second=0, microsecond=0)
    several = end - start > _DAY_S
    while (at := moment.timestamp()) <= end:
        if at >= start:
            midnight = several and not (moment.hour or moment.minute)
            yield at, f"{moment:%a %d}" if midnight else f"{moment:%H:%M}"
        moment += timedelta(seconds=step_s)


def _days(start: float, end: float, days: int) -> Iterator[tuple[float, str]]:
    moment = datetime.fromtimestamp(start).replace(hour=0, minute=0, second=0, microsecond=0)
    while (at := moment.timestamp()) <= end:
        if at >= start:
            yield at, f"{moment:%d %b}" if end - start < 300 * _DAY_S else f"{moment:%b %Y}"  # most of a year
        moment += timedelta(days=days)
