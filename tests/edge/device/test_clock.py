"""The clock counts as set unless there is evidence against it."""

from datetime import UTC, datetime

import pytest

from edge.device.clock import is_set

TODAY = datetime(2027, 5, 17, 12, tzinfo=UTC)

PATHS = {
    "running": "run/systemd/timesync/running",
    "synchronized": "run/systemd/timesync/synchronized",
    "rtc": "sys/class/rtc/rtc0/hctosys",
}


@pytest.fixture
def write_files(tmp_path):
    """Return a function that writes the files of `PATHS`, by name and content, and returns the root."""

    def write(**files):
        for name, content in files.items():
            path = tmp_path / PATHS[name]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, True),
        ({"running": ""}, False),
        ({"running": "", "synchronized": ""}, True),
        ({"running": "", "rtc": "1\n"}, True),
        ({"running": "", "rtc": "0\n"}, False),
    ],
    ids=[
        "no timesyncd",
        "timesyncd has not set it",
        "timesyncd has set it",
        "set from a hardware clock",
        "hardware clock not used",
    ],
)
def test_clock_is_set_by_timesyncd_or_a_hardware_clock(write_files, files, expected):
    """While systemd-timesyncd runs, the clock is set once it or a hardware clock has set it."""
    assert is_set(TODAY, root=write_files(**files)) is expected


def test_time_before_the_release_is_wrong(write_files):
    """A hardware clock with an empty battery shows 1970: the clock is not set although the kernel used it."""
    assert not is_set(datetime(1970, 1, 1, tzinfo=UTC), root=write_files(rtc="1"))
