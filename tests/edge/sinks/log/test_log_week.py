"""A log of events over a week stays small and is written rarely, which spares an SD card."""

import random

import pytest
from simulated_days import DAY_S, MONDAY, Clock, home_day, live, open_log

from edge.settings.sinks import LogSettings
from edge.sinks.log.rotated_names import rotated_files
from edge.sinks.log.rotation import rotation_policy

HOURS_A_DAY = 6
"""Two people, three hours each."""


@pytest.mark.slow
def test_a_week_of_events_is_under_20_mb(tmp_path):
    """With the default settings and two people a day, size and number of writes stay within their limits.

    With one observation a second 8.2 MB are written, 184 times an hour, of which 2.1 MB remain. Four seconds between
    two observations change these figures little, and are simulated in a quarter of the time.
    """
    path, rng = tmp_path / "readings.jsonl", random.Random(1)  # noqa: S311  # simulated data, not a secret
    visits = [
        (day * DAY_S + begin, day * DAY_S + end) for day in range(7) for begin, end in home_day(rng, hours=HOURS_A_DAY)
    ]
    with Clock(MONDAY).running() as clock:
        log = open_log(path, rotation_policy(LogSettings(), retention_days=0))
        live(log, clock, visits, 7 * DAY_S, rate_hz=0.25)
        log.close()
        assert log.error == ""
    on_disk = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert 5e6 < log.bytes_written < 20e6
    assert on_disk < log.bytes_written
    assert log.flushes / 168 < 3600 / 10
    assert 6 <= len(rotated_files(path)) <= 8
