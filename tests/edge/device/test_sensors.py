"""The board's sensors are read from /sys or `vcgencmd`, and a machine without them is no error."""

import pytest
from waiting import LIMIT_S

from edge.device import sensors
from edge.device.sensors import KEEP_S, Sensors, Vcgencmd, describe_flags


@pytest.fixture
def clock(monkeypatch):
    """The monotonic clock as a list of one value, s, that a test can change."""
    seconds = [1000.0]
    monkeypatch.setattr(sensors.time, "monotonic", lambda: seconds[0])
    return seconds


@pytest.fixture
def install_vcgencmd(tmp_path, monkeypatch):
    """Return a function that installs a shell script as `vcgencmd`; it logs its arguments in the file `calls`."""
    monkeypatch.setattr(sensors, "_TIMEOUT_S", LIMIT_S)

    def install(body):
        path = tmp_path / "usr/bin/vcgencmd"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\necho $1 >> {tmp_path}/calls\n{body}\n")
        path.chmod(0o755)
        return Vcgencmd(tmp_path)

    return install


OUTPUTS = "case $1 in get_throttled) echo throttled=0x50005;; measure_volts) echo volt=0.8500V;; esac"


def test_temperature_and_flags_are_read_from_sys(tmp_path, sys_files):
    """Millidegrees become degrees, and the flags are hexadecimal."""
    sys_files.set(61.5, throttled="50005")
    board = Sensors(tmp_path)
    assert board.temperature_c() == 61.5
    assert board.is_throttled()
    assert board.is_under_voltage()


def test_flags_since_boot_do_not_count_as_now(tmp_path, sys_files):
    """The upper 16 bits describe the past, so they mean neither throttling nor under-voltage now."""
    sys_files.set(50.0, throttled="50000")
    assert not Sensors(tmp_path).is_throttled()
    assert not Sensors(tmp_path).is_under_voltage()


def test_hottest_zone_counts(tmp_path, sys_files):
    """A second, cooler thermal zone does not hide a hot processor."""
    sys_files.set(81.0)
    cool = tmp_path / "sys/class/thermal/thermal_zone1"
    cool.mkdir()
    (cool / "temp").write_text("40000\n")
    assert Sensors(tmp_path).temperature_c() == 81.0


def test_machine_without_sensors(tmp_path):
    """Without any sensor there is no temperature, no throttling and no under-voltage."""
    board = Sensors(tmp_path)
    assert board.temperature_c() is None
    assert not board.is_throttled()
    assert not board.is_under_voltage()


def test_temperature_that_is_no_number_is_none(tmp_path, sys_files):
    """A zone whose file holds other text gives no temperature."""
    sys_files.temperature.write_text("busy")
    assert Sensors(tmp_path).temperature_c() is None


@pytest.mark.parametrize("place", ["soc/soc:firmware", "axi/axi:firmware", "soc@107c000000/soc@107c000000:firmware"])
def test_firmware_flags_are_found_on_every_board(tmp_path, place):
    """The folder of `get_throttled` in /sys differs from board to board."""
    folder = tmp_path / "sys/devices/platform" / place
    folder.mkdir(parents=True)
    (folder / "get_throttled").write_text("5\n")
    assert Sensors(tmp_path).throttle_flags() == 5


def test_voltage_alarm_replaces_missing_flags(tmp_path):
    """Without /sys flags and `vcgencmd` the alarm of `rpi_volt` is used, and another chip's alarm is not."""
    for number, (name, alarm) in enumerate([("cpu_thermal", "1"), ("rpi_volt", "0")]):
        folder = tmp_path / f"sys/class/hwmon/hwmon{number}"
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
        (folder / "in0_lcrit_alarm").write_text(f"{alarm}\n")
    assert Sensors(tmp_path).throttle_flags() == 0
    (folder / "in0_lcrit_alarm").write_text("1\n")
    assert Sensors(tmp_path).is_under_voltage()
    assert not Sensors(tmp_path).is_throttled()


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        (0, []),
        (0x1, ["under-voltage"]),
        (0x50005, ["under-voltage", "throttled"]),
        (0x50004, ["throttled", "under-voltage since boot"]),
        (0xE0000, ["frequency capped since boot", "throttled since boot", "soft temperature limit since boot"]),
    ],
)
def test_flags_are_described_in_words(flags, names):
    """Present flags come first, and a flag that is still set is not listed as past as well."""
    assert describe_flags(flags) == names


def test_log_fields_hold_only_what_the_board_has(tmp_path, sys_files):
    """A value that the board does not have is left out, not logged as null."""
    assert Sensors(tmp_path / "nothing").log_fields() == {}
    sys_files.set(61.5, throttled="4")
    assert Sensors(tmp_path).log_fields() == {"temperature_c": 61.5, "throttled": ["throttled"]}


def test_vcgencmd_outputs_are_parsed(install_vcgencmd):
    """`throttled=0x50005` and `volt=0.8500V` become numbers."""
    vcgencmd = install_vcgencmd(OUTPUTS)
    assert vcgencmd.throttle_flags() == 0x50005
    assert vcgencmd.core_v() == 0.85


def test_vcgencmd_output_is_kept_for_a_while(install_vcgencmd, clock, tmp_path):
    """Twenty queries within twice `KEEP_S` start two processes."""
    vcgencmd = install_vcgencmd(OUTPUTS)
    for _ in range(20):
        vcgencmd.throttle_flags()
        clock[0] += KEEP_S / 10
    assert (tmp_path / "calls").read_text().split() == ["get_throttled"] * 2


@pytest.mark.parametrize("body", ["exit 1", "echo VCHI initialization failed", "echo throttled=", "echo volt=highV"])
def test_vcgencmd_that_fails_gives_none(install_vcgencmd, body):
    """An error, or output in another format, gives no value."""
    vcgencmd = install_vcgencmd(body)
    assert vcgencmd.throttle_flags() is None
    assert vcgencmd.core_v() is None


def test_vcgencmd_that_hangs_is_ended(install_vcgencmd, monkeypatch):
    """A query ends after its time limit, and its process is killed."""
    monkeypatch.setattr(sensors, "_TIMEOUT_S", 0.05)
    assert install_vcgencmd("exec sleep 60").throttle_flags() is None


def test_vcgencmd_that_cannot_be_executed_gives_none(install_vcgencmd, tmp_path):
    """A binary for another machine is treated like a missing tool."""
    vcgencmd = install_vcgencmd("")
    (tmp_path / "usr/bin/vcgencmd").write_bytes(b"\x7fELF for another machine")
    assert vcgencmd.throttle_flags() is None


def test_machine_without_vcgencmd(tmp_path):
    """Without the tool every value is None."""
    assert Vcgencmd(tmp_path).throttle_flags() is None
    assert Vcgencmd(tmp_path).core_v() is None


def test_sys_comes_before_vcgencmd(install_vcgencmd, tmp_path):
    """`vcgencmd` is used only while /sys has no flags, since each call starts a process."""
    install_vcgencmd(OUTPUTS)
    assert Sensors(tmp_path).throttle_flags() == 0x50005
    assert Sensors(tmp_path).core_v() == 0.85
    flags = tmp_path / "sys/devices/platform/soc/soc:firmware/get_throttled"
    flags.parent.mkdir(parents=True)
    flags.write_text("0\n")
    assert Sensors(tmp_path).throttle_flags() == 0
