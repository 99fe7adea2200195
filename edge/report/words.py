"""Says times and lengths of time in words."""

from datetime import datetime

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


_TENTHS_S = 10
"""Below it tenths are worth telling."""


def length(seconds: float) -> str:
    """A length of time with two units at most."""
    if seconds < _TENTHS_S:
        return f"{seconds:.1f} s"
    if round(seconds) < _MINUTE_S:
        return f"{seconds:.0f} s"
    for unit, name, part, part_name in (
        (_DAY_S, "d", _HOUR_S, "h"),
        (_HOUR_S, "h", _MINUTE_S, "min"),
        (_MINUTE_S, "min", 1, "s"),
    ):
        if round(seconds / part) * part >= unit:
            whole, rest = divmod(round(seconds / part) * part, unit)
            return f"{whole} {name} {rest // part} {part_name}"
    return ""


def hours_minutes(seconds: float) -> str:
    """h:mm, as a clock has it."""
    return f"{round(seconds / _MINUTE_S) // 60}:{round(seconds / _MINUTE_S) % 60:02d}"


def clock_time(moment: float) -> str:
    """Local time to the second; moment: s since 1970."""
    return f"{datetime.fromtimestamp(moment):%Y-%m-%d %H:%M:%S}"


def zone(moment: float) -> str:
    """The local time zone."""
    return f"{datetime.fromtimestamp(moment).astimezone():%Z}"
