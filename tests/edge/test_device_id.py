"""A device's own name stays the same, differs from others', and tells nobody its serial number."""

import pytest

from edge.device_id import find_device_id

SERIAL, MACHINE = "proc/device-tree/serial-number", "etc/machine-id"


@pytest.fixture
def root(tmp_path):
    def write(files):
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        return tmp_path

    return write


def test_it_is_made_of_the_boards_serial_number(root):
    """Cards are copied with their machine-id: two boards with the same one differ all the same."""
    machine = {MACHINE: "0123456789abcdef0123456789abcdef\n"}
    first = find_device_id(root({SERIAL: "10000000abcdef01\0"} | machine))
    second = find_device_id(root({SERIAL: "10000000abcdef02\0"} | machine))
    assert first != second
    assert find_device_id(root({SERIAL: "10000000abcdef01\0"} | machine)) == first
    assert len(first) == 12
    assert int(first, 16)


def test_without_a_serial_number_it_is_the_machines(root):
    """The number itself is not to be seen in it."""
    number = "0123456789abcdef0123456789abcdef"
    found = find_device_id(root({MACHINE: f"{number}\n"}))
    assert len(found) == 12
    assert found not in number


@pytest.mark.parametrize("files", [{}, {MACHINE: ""}, {MACHINE: "uninitialized\n"}])
def test_where_there_is_neither_it_is_empty(root, files):
    """All machines that have not been set up yet would share one."""
    assert find_device_id(root(files)) == ""
