"""A log of weeks stays small, and a card is spared."""

import random

from simulated_days import DAY_S, MONDAY, Clock, home_day, live, open_log

from edge.sink_settings import LogSettings
from edge.sinks.rotated import rotated_files
from edge.sinks.rotation import new_keeping

HOURS_A_DAY = 6
"""Two people, three hours each before the camera."""


def test_a_week_of_changes_is_under_20_mb(tmp_path):
    """With the service's own settings, for two people a day: what was written, and what is left of it on the disk."""
    path, dice = tmp_path / "readings.jsonl", random.Random(1)  # noqa: S311  # nothing secret
    visits = [
        (day * DAY_S + begin, day * DAY_S + end) for day in range(7) for begin, end in home_day(dice, hours=HOURS_A_DAY)
    ]
    with Clock(MONDAY).running() as clock:
        log = open_log(path, new_keeping(LogSettings(), retention_days=0))
        live(log, clock, visits, 7 * DAY_S, rate_hz=1.0)
        log.close()
        assert log.error == ""
    on_disk = sum(file.stat().st_size for file in tmp_path.iterdir())
    # Seen: 8.2 MB written, 184 times an hour, 2.1 MB of them kept.
    assert 5e6 < log.bytes_written < 20e6
    assert on_disk < log.bytes_written
    assert log.flushes / 168 < 3600 / 10
    assert 6 <= len(rotated_files(path)) <= 8
