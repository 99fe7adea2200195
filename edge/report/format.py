"""Formats durations and times for people."""

from datetime import datetime

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400

_UNITS = (
    (_DAY_S, "d", _HOUR_S, "h"),
    (_HOUR_S, "h", _MINUTE_S, "min"),
    (_MINUTE_S, "min", 1, "s"),
)
"""(seconds, unit, seconds, next smaller unit), from long to short."""

_TENTHS_BELOW_S = 10
"""Shorter durations have a decimal."""


def format_duration(seconds: float) -> str:
    """Format a duration with at most two units, such as `2 h 5 min`."""
    if seconds < _TENTHS_BELOW_S:
        return f"{seconds:.1f} s"
    if round(seconds) < _MINUTE_S:
        return f"{seconds:.0f} s"
    unit_s, unit, part_s, part = next(units for units in _UNITS if round(seconds / units[2]) * units[2] >= units[0])
    whole, rest_s = divmod(round(seconds / part_s) * part_s, unit_s)
    return f"{whole} {unit} {rest_s // part_s} {part}"


def format_hours(seconds: float) -> str:
    """Format a duration as h:mm."""
    minutes = round(seconds / _MINUTE_S)
    return f"{minutes // 60}:{minutes % 60:02d}"


def format_position(seconds: float) -> str:
    """Format a position in a video as m:ss or h:mm:ss."""
    minutes, rest = divmod(int(seconds), _MINUTE_S)
    hours, minutes = divmod(minutes, _MINUTE_S)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def format_count(count: int, noun: str) -> str:
    """Format a number of things, such as `1 file` or `2 files`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def format_time(timestamp: float) -> str:
    """Format a Unix time, s, as local date and time to the second."""
    return f"{datetime.fromtimestamp(timestamp):%Y-%m-%d %H:%M:%S}"


def format_time_zone(timestamp: float) -> str:
    """Return the name of the local time zone at a Unix time, s."""
    return f"{datetime.fromtimestamp(timestamp).astimezone():%Z}"
