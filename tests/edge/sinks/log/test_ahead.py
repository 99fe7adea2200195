"""A clock that may be ahead removes nothing for its age, until it is confirmed."""

from datetime import UTC, datetime, timedelta

import pytest

from edge.device import clock
from edge.sinks.log.ahead import ClockAhead
from edge.sinks.log.archive import Archive, RetentionLimits
from edge.sinks.log.rotated_names import rotated_files

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


class Machine:
    """A machine whose clock and uptime a test moves."""

    def __init__(self, now=NOW, *, up=HOUR, synchronized=False):
        self.now, self.up, self.synchronized = now, up, synchronized

    def run_for(self, time):
        self.now += time
        self.up += time

    def check(self, path):
        return ClockAhead(path, is_synchronized=lambda: self.synchronized, now=lambda: self.now, uptime=lambda: self.up)


def write_log(path, *moments, mark=""):
    path.write_text("".join(f'{{"time":"{moment.isoformat()}"{mark}}}\n' for moment in moments))


@pytest.mark.parametrize(
    ("newest", "is_ahead"),
    [(NOW - 2 * HOUR, False), (NOW - DAY, False), (NOW - DAY - 2 * HOUR, True), (NOW - 365 * DAY, True)],
    ids=["2 h", "1 d", "26 h", "1 a"],
)
def test_a_clock_that_is_ahead_of_the_log_is_in_doubt(log_path, newest, is_ahead):
    """At the start the newest line tells how late it is at least."""
    write_log(log_path, newest - DAY, newest)
    assert Machine().check(log_path)() is is_ahead


def test_without_a_log_the_clock_is_believed(log_path):
    """A first run has nothing to compare with, and nothing to lose."""
    assert not Machine().check(log_path)()


def test_lines_of_this_boot_do_not_confirm_the_clock(log_path):
    """A restart of the service finds lines that the wrong clock has dated, and is still in doubt."""
    write_log(log_path, NOW - 365 * DAY, NOW - HOUR / 2)
    assert Machine().check(log_path)()


def test_a_rotated_file_tells_the_time_too(log_path):
    """The log itself may be empty, or new."""
    write_log(log_path, NOW - 30 * DAY)
    Archive(log_path, RetentionLimits(max_bytes=1 << 40)).rotate()
    assert Machine().check(log_path)()


def test_a_time_server_confirms_the_clock(log_path):
    """A machine that was off for a month is believed as soon as it has the time from the network."""
    write_log(log_path, NOW - 30 * DAY)
    machine = Machine()
    check = machine.check(log_path)
    assert check()
    machine.synchronized = True
    assert not check()
    machine.synchronized = False
    assert not check()


def test_a_day_of_uptime_confirms_the_clock(log_path):
    """Without a network nobody would ever confirm it."""
    write_log(log_path, NOW - 30 * DAY)
    machine = Machine()
    check = machine.check(log_path)
    machine.run_for(DAY - 2 * HOUR)
    assert check()
    machine.run_for(2 * HOUR)
    assert not check()


def test_a_clock_that_is_set_ahead_while_running_is_in_doubt_for_a_day(log_path):
    """The uptime before the step confirms nothing; a step back ends the doubt."""
    machine = Machine(up=100 * DAY)
    check = machine.check(log_path)
    assert not check()
    machine.now += 365 * DAY
    assert check()
    machine.run_for(DAY - HOUR)
    assert check()
    machine.now -= 365 * DAY
    assert not check()
    machine.now += 365 * DAY
    assert check()
    machine.run_for(DAY)
    assert not check()


@pytest.mark.parametrize(("is_ahead", "left"), [(True, 3), (False, 1)])
def test_nothing_is_removed_for_its_age_while_the_clock_may_be_ahead(log_path, caplog, is_ahead, left):
    """Everything stays, and a single line says why; the limit of size still holds."""
    for days in (400, 300, 1):
        write_log(log_path, datetime.now(UTC) - days * DAY)
        Archive(log_path, RetentionLimits(max_bytes=1 << 40)).rotate()
    archive = Archive(
        log_path, RetentionLimits(max_bytes=1 << 40, max_age_s=30 * 86400.0), is_clock_ahead=lambda: is_ahead
    )
    archive.tidy()
    archive.tidy()
    assert len(rotated_files(log_path)) == left
    assert [record.levelname for record in caplog.records].count("WARNING") == is_ahead
    Archive(log_path, RetentionLimits(max_bytes=0), is_clock_ahead=lambda: True).tidy()
    assert rotated_files(log_path) == []


def test_a_step_is_noticed_though_nothing_was_old_before(log_path):
    """The clock is looked at in each pass, so that the time without a doubt does not confirm a later step."""
    machine = Machine(datetime.now(UTC) - 365 * DAY, up=100 * DAY)
    write_log(log_path, machine.now)
    Archive(log_path, RetentionLimits(max_bytes=1 << 40)).rotate()
    limits = RetentionLimits(max_bytes=1 << 40, max_age_s=400 * 86400.0)
    Archive(log_path, limits, is_clock_ahead=machine.check(log_path)).tidy()
    archive = Archive(log_path, limits, is_clock_ahead=(check := machine.check(log_path)))
    archive.tidy()
    machine.now += 365 * DAY
    archive._limits = RetentionLimits(max_bytes=1 << 40, max_age_s=30 * 86400.0)
    archive.tidy()
    assert check()
    assert len(rotated_files(log_path)) == 1


def test_timesyncd_tells_that_the_clock_is_synchronized(tmp_path):
    """The file exists once a time server was reached since the start of the machine."""
    assert not clock.is_synchronized(root=tmp_path)
    (tmp_path / "run/systemd/timesync").mkdir(parents=True)
    assert not clock.is_synchronized(root=tmp_path)
    (tmp_path / "run/systemd/timesync/synchronized").touch()
    assert clock.is_synchronized(root=tmp_path)
