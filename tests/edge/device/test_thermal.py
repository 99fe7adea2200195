"""A hot board is slowed down in steps that are logged, and runs at full speed again once it has cooled."""

import pytest

from edge.device.sensors import Sensors
from edge.device.thermal import MAX_LEVEL, STEP_S, ThermalThrottle


@pytest.fixture
def throttle(tmp_path, sys_files):  # noqa: ARG001  # creates the files that Sensors looks for
    return ThermalThrottle(Sensors(tmp_path), limit_c=80.0)


def test_level_rises_with_heat_and_falls_when_cooled(throttle, sys_files, caplog):
    """Each step is logged, and between `limit_c` and the cooled temperature the level stays."""
    levels = []
    for number, temperature_c in enumerate([50, 81, 85, 85, 85, 85, 78, 74, 74, 74, 74]):
        sys_files.set(temperature_c)
        throttle.update(number * (STEP_S + 1))
        levels.append(throttle.level)
    assert levels == [0, 1, 2, 3, 3, 3, 3, 2, 1, 0, 0]
    assert max(levels) == MAX_LEVEL
    assert len(caplog.records) == 6
    assert "1/2" in caplog.text


def test_level_rises_once_within_the_step_time(throttle, sys_files):
    """Two updates within `STEP_S` raise the level by one."""
    sys_files.set(85)
    throttle.update(0.0)
    throttle.update(STEP_S - 1)
    assert throttle.level == 1


def test_firmware_throttling_raises_the_level_at_any_temperature(throttle, sys_files):
    """A weak supply or a soft temperature limit slows the run down even on a cool board."""
    sys_files.set(60.0, throttled="8")
    throttle.update(0.0)
    assert throttle.level == 1


def test_level_stays_while_the_firmware_throttles(throttle, sys_files, caplog):
    """A cool board that the firmware still throttles does not speed up, and the log names the firmware."""
    sys_files.set(60.0, throttled="8")
    levels = []
    for number in range(MAX_LEVEL + 2):
        throttle.update(number * (STEP_S + 1))
        levels.append(throttle.level)
    assert levels == [1, 2, 3, 3, 3]
    assert all("throttled by the firmware" in record.getMessage() for record in caplog.records)


def test_level_falls_without_a_temperature(throttle, sys_files):
    """A board that reports no temperature speeds up once the firmware no longer throttles."""
    sys_files.set(60.0, throttled="8")
    throttle.update(0.0)
    sys_files.set(60.0)
    sys_files.temperature.write_text("busy")
    throttle.update(STEP_S + 1)
    assert throttle.level == 0


def test_machine_without_sensors_is_never_slowed(tmp_path):
    """Without a temperature or flags the level stays 0."""
    throttle = ThermalThrottle(Sensors(tmp_path), limit_c=80.0)
    throttle.update(0.0)
    assert throttle.level == 0
