"""A hot board is spared in steps that are logged, and used fully again when it has cooled."""

import pytest

from edge.board import Board, name_flags
from edge.heat import MOST_STRAIN, STEP_S, HeatGuard


class Sensors:
    """A folder that looks like a Pi's /sys."""

    def __init__(self, root):
        zone = root / "sys/class/thermal/thermal_zone0"
        firmware = root / "sys/devices/platform/soc/soc:firmware"
        zone.mkdir(parents=True)
        firmware.mkdir(parents=True)
        self._temperature, self._throttled = zone / "temp", firmware / "get_throttled"
        self.set(50.0)

    def set(self, temperature_c, *, throttled="0"):
        self._temperature.write_text(f"{int(temperature_c * 1000)}\n")
        self._throttled.write_text(throttled + "\n")


@pytest.fixture
def sensors(tmp_path):
    return Sensors(tmp_path)


@pytest.fixture
def guard(tmp_path, sensors):  # noqa: ARG001  # the sensors must be there first
    return HeatGuard(Board(tmp_path), limit_c=80.0)


def test_board_reads_temperature_and_flags(tmp_path, sensors):
    """Thousandths of a degree, and the firmware's bits in hexadecimal."""
    sensors.set(61.5, throttled="50005")
    board = Board(tmp_path)
    assert board.temperature_c() == 61.5
    assert board.is_slowed()
    assert board.is_under_voltage()


def test_what_has_been_is_not_what_is(tmp_path, sensors):
    """The upper bits tell of the past: they hold nothing back now."""
    sensors.set(50.0, throttled="50000")
    assert not Board(tmp_path).is_slowed()
    assert not Board(tmp_path).is_under_voltage()


def test_the_hottest_zone_counts(tmp_path, sensors):
    """A cool zone beside it does not hide a hot processor."""
    sensors.set(81.0)
    cool = tmp_path / "sys/class/thermal/thermal_zone1"
    cool.mkdir()
    (cool / "temp").write_text("40000\n")
    assert Board(tmp_path).temperature_c() == 81.0


def test_a_machine_without_sensors(tmp_path):
    """Nothing is known, and nothing is done."""
    board = Board(tmp_path / "nothing")
    assert board.temperature_c() is None
    assert not board.is_slowed()
    assert not board.is_under_voltage()
    guard = HeatGuard(board, limit_c=80.0)
    guard.update(0.0)
    assert guard.strain == 0


def test_a_sensor_that_does_not_answer(tmp_path, sensors):
    """Text that is no number is no temperature."""
    (tmp_path / "sys/class/thermal/thermal_zone0/temp").write_text("busy")
    assert Board(tmp_path).temperature_c() is None
    sensors.set(50.0)


def test_heat_backs_off_step_by_step_and_returns(guard, sensors, caplog):
    """Each step has its time to show and its line in the log; between limit and cooled nothing changes."""
    strains = []
    for number, temperature_c in enumerate([50, 81, 85, 85, 85, 85, 78, 74, 74, 74, 74]):
        sensors.set(temperature_c)
        guard.update(number * (STEP_S + 1))
        strains.append(guard.strain)
    assert strains == [0, 1, 2, 3, 3, 3, 3, 2, 1, 0, 0]
    assert max(strains) == MOST_STRAIN
    assert len(caplog.records) == 6
    assert "1/2" in caplog.text


def test_a_step_is_given_time(guard, sensors):
    """Two looks within ten seconds are one step."""
    sensors.set(85)
    guard.update(0.0)
    guard.update(STEP_S - 1)
    assert guard.strain == 1


def test_the_firmwares_word_counts_at_any_temperature(guard, sensors):
    """Held back for its supply or a soft limit: less is asked of it."""
    sensors.set(60.0, throttled="8")
    guard.update(0.0)
    assert guard.strain == 1


def test_what_the_firmware_holds_back_is_not_cool(guard, sensors, caplog):
    """At any temperature: no step is taken back, and the log names the firmware."""
    sensors.set(60.0, throttled="8")
    strains = []
    for number in range(MOST_STRAIN + 2):
        guard.update(number * (STEP_S + 1))
        strains.append(guard.strain)
    assert strains == [1, 2, 3, 3, 3]
    assert all("held back by the firmware" in record.getMessage() for record in caplog.records)


def test_without_a_temperature_the_firmwares_word_is_enough_to_speed_up_again(tmp_path, guard, sensors):
    """A board that tells no temperature does not stay slow for ever."""
    sensors.set(60.0, throttled="8")
    guard.update(0.0)
    sensors.set(60.0)
    (tmp_path / "sys/class/thermal/thermal_zone0/temp").write_text("busy")
    guard.update(STEP_S + 1)
    assert guard.strain == 0


@pytest.mark.parametrize("place", ["soc/soc:firmware", "axi/axi:firmware", "soc@107c000000/soc@107c000000:firmware"])
def test_the_firmware_is_found_wherever_the_board_has_it(tmp_path, place):
    """Its place in /sys differs from board to board."""
    folder = tmp_path / "sys/devices/platform" / place
    folder.mkdir(parents=True)
    (folder / "get_throttled").write_text("5\n")
    assert Board(tmp_path).throttle_flags() == 5


def test_the_kernels_voltage_sensor_is_better_than_nothing(tmp_path):
    """Where neither /sys nor `vcgencmd` has the firmware's flags; another chip's alarm is not taken for it."""
    for number, (name, alarm) in enumerate([("cpu_thermal", "1"), ("rpi_volt", "0")]):
        folder = tmp_path / f"sys/class/hwmon/hwmon{number}"
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
        (folder / "in0_lcrit_alarm").write_text(f"{alarm}\n")
    assert Board(tmp_path).throttle_flags() == 0
    (folder / "in0_lcrit_alarm").write_text("1\n")
    assert Board(tmp_path).is_under_voltage()
    assert not Board(tmp_path).is_slowed()


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
def test_flags_in_words(flags, names):
    """What is comes first; what still is, is not told as past as well."""
    assert name_flags(flags) == names


def test_a_board_is_described_by_what_it_tells(tmp_path, sensors):
    """For a log: nothing of what it does not have."""
    assert Board(tmp_path / "nothing").describe() == {}
    sensors.set(61.5, throttled="4")
    assert Board(tmp_path).describe() == {"temperature_c": 61.5, "throttled": ["throttled"]}
