"""Parses the period that a report covers."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from edge.errors import ConfigError

_DATE_LENGTH = len("2026-11-20")


@dataclass(frozen=True, slots=True)
class Period:
    """A time interval; by default all time.

    Attributes:
        start: Unix time, s, included.
        end: Unix time, s, excluded.
    """

    start: float = float("-inf")
    end: float = float("inf")

    def __contains__(self, timestamp: float) -> bool:
        return self.start <= timestamp < self.end


def parse_period(start: str | None, end: str | None) -> Period:
    """Parse ISO 8601 times, in local time if they have no UTC offset.

    Args:
        start: the start; a date alone is the beginning of that day. None is unlimited.
        end: the end; a date alone is the end of that day. None is unlimited.

    Raises:
        ConfigError: a time cannot be parsed, or `start` is not before `end`.
    """
    first = float("-inf") if start is None else _parse(start, "--from")
    last = float("inf") if end is None else _parse(end, "--to", end_of_day=True)
    if first >= last:
        raise ConfigError(f"expected --from before --to, found --from {start} and --to {end}: exchange them")
    return Period(first, last)


def _parse(text: str, option: str, *, end_of_day: bool = False) -> float:
    """Return the Unix time, s."""
    try:
        moment = datetime.fromisoformat(text)
        if end_of_day and len(text) <= _DATE_LENGTH:
            moment = datetime.combine(moment.date() + timedelta(days=1), time())
        return moment.timestamp()
    except (ValueError, OverflowError, OSError) as error:  # also the first and last days of the calendar
        raise ConfigError(
            f"{option}: expected a time such as 2026-11-20 or 2026-11-20T08:30, found {text!r}: use that format"
        ) from error
