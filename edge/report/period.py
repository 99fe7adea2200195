"""Reads from when until when a report is to go."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from edge.errors import ConfigError

_DATE_LENGTH = len("2026-11-20")


@dataclass(frozen=True, slots=True)
class Period:
    """start, end: s since 1970; infinite where there is none."""

    start: float = float("-inf")
    end: float = float("inf")


def read_period(start: str | None, end: str | None) -> Period:
    """Read ISO 8601, in local time unless it says otherwise. A date alone is its beginning, or its end.

    Raises:
        ConfigError: one of them is no time, or the first is not before the second.
    """
    first = float("-inf") if start is None else _read(start, "--from").timestamp()
    last = float("inf") if end is None else _read(end, "--to", whole_day=True).timestamp()
    if first >= last:
        raise ConfigError(f"expected --from before --to, found --from {start} and --to {end}: exchange them")
    return Period(first, last)


def _read(text: str, option: str, *, whole_day: bool = False) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"{option}: expected a time such as 2026-11-20 or 2026-11-20T08:30, found {text!r}: write it so"
        ) from error
    if whole_day and len(text) <= _DATE_LENGTH:
        moment = datetime.combine(moment.date() + timedelta(days=1), time())
    return moment
