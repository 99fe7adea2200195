"""What the program has found out is kept over restarts, and a damaged file costs a warning at most."""

import json
from pathlib import Path

import pytest

from edge.device.state import RotationMemory, state_folder


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"STATE_DIRECTORY": "/var/lib/edge-emotion:/other", "XDG_STATE_HOME": "/x"}, "/var/lib/edge-emotion"),
        ({"XDG_STATE_HOME": "/x"}, "/x/edge-emotion"),
        ({}, "~/.local/state/edge-emotion"),
    ],
)
def test_the_state_folder_is_the_service_s_or_the_user_s(environment, folder):
    """Systemd names the service's folder; a user has one in the place that XDG gives it."""
    assert state_folder(environment) == Path(folder).expanduser()


def test_each_camera_has_its_own_rotation(tmp_path):
    """A stored rotation is found by the next process, for its camera alone, and the folder is made if it is absent."""
    memory = RotationMemory(tmp_path / "state")
    assert memory.find("picamera") is None
    memory.store("picamera", 180)
    memory.store("/dev/video0", 90)
    memory.store("picamera", 0)
    again = RotationMemory(tmp_path / "state")
    assert [again.find(name) for name in ("picamera", "/dev/video0", "/dev/video1")] == [0, 90, None]
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["rotations.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff",
        b"{",
        b"[180]",
        b'{"picamera": 45}',
        b'{"picamera": "180"}',
        b'{"picamera": true}',
        b'{"picamera": 180.0}',
        b"[" * 100_000,
    ],
    ids=range(9),
)
def test_a_broken_or_foreign_file_is_ignored_with_one_warning(tmp_path, caplog, content):
    """A file that is not ours says so in one line, and the next turn replaces it."""
    path = tmp_path / "rotations.json"
    path.write_bytes(content)
    memory = RotationMemory(tmp_path)
    assert memory.find("picamera") is None
    (line,) = caplog.messages
    assert line.startswith(f"{path}: expected rotations by camera, found: ")
    assert "\n" not in line
    memory.store("picamera", 270)
    assert json.loads(path.read_text()) == {"picamera": 270}


def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path, caplog):
    """A turn still holds for this run if it cannot be kept for the next one."""
    (tmp_path / "file").write_text("")
    memory = RotationMemory(tmp_path / "file")
    memory.store("picamera", 180)
    assert memory.find("picamera") == 180
    (line,) = [line for line in caplog.messages if "can be written" in line]
    assert "set source.rotate to keep it" in line
