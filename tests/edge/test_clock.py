"""A clock is believed unless something speaks against it."""

from datetime import UTC, datetime

import pytest

from edge.clock import is_set

TODAY = datetime(2027, 5, 17, 12, tzinfo=UTC)


@pytest.fixture
def machine(tmp_path):
    """Makes files below a root, by name and content."""

    def make(**files):
        for name, content in files.items():
            path = tmp_path / PLACES[name]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return tmp_path

    return make


PLACES = {
    "waits": "run/systemd/timesync/waits",
    "synchronized": "run/systemd/timesync/synchronized",
    "hardware": "sys/class/rtc/rtc0/hctosys",
}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, True),
        ({"waits": ""}, False),
        ({"waits": "", "synchronized": ""}, True),
        ({"waits": "", "hardware": "1\n"}, True),
        ({"waits": "", "hardware": "0\n"}, False),
    ],
    ids=[
        "nobody says anything",
        "timesyncd waits",
        "timesyncd has set it",
        "a clock with a battery",
        "one that is not used",
    ],
)
def test_who_has_set_it(machine, files, expected):
    assert is_set(TODAY, root=machine(**files)) is expected


def test_a_time_before_the_program_was_written_is_wrong(machine):
    """Whoever says otherwise: a hardware clock whose battery is empty shows 1970."""
    assert not is_set(datetime(1970, 1, 1, tzinfo=UTC), root=machine(hardware="1"))
