"""The device id is stable, differs between boards, and does not reveal the serial number."""

import pytest

from edge.device.info import find_device_id

SERIAL, MACHINE = "proc/device-tree/serial-number", "etc/machine-id"


@pytest.fixture
def write_files(tmp_path):
    """Return a function that writes files, by path and content, and returns the root."""

    def write(files):
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        return tmp_path

    return write


def test_id_comes_from_the_boards_serial_number(write_files):
    """Two boards with copies of one SD card, so with the same machine-id, have different ids."""
    machine = {MACHINE: "0123456789abcdef0123456789abcdef\n"}
    first = find_device_id(write_files({SERIAL: "10000000abcdef01\0"} | machine))
    second = find_device_id(write_files({SERIAL: "10000000abcdef02\0"} | machine))
    assert first != second
    assert find_device_id(write_files({SERIAL: "10000000abcdef01\0"} | machine)) == first
    assert len(first) == 12
    assert int(first, 16)


def test_id_comes_from_the_machine_id_without_a_serial_number(write_files):
    """The id is derived from the machine-id but is no part of it."""
    number = "0123456789abcdef0123456789abcdef"
    found = find_device_id(write_files({MACHINE: f"{number}\n"}))
    assert len(found) == 12
    assert found not in number


def test_id_stays_the_same_between_versions(write_files):
    """The id of a known serial number is fixed, since brokers and Home Assistant know devices by it."""
    assert find_device_id(write_files({SERIAL: "10000000abcdef01\0"})) == "f9b5451956e9"


@pytest.mark.parametrize("files", [{}, {MACHINE: ""}, {MACHINE: "uninitialized\n"}])
def test_id_is_empty_without_a_number(write_files, files):
    """A machine that is not set up yet gets no id, because all such machines would share one."""
    assert find_device_id(write_files(files)) == ""
