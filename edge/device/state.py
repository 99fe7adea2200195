"""Keeps what the program has found out over restarts, in its state folder."""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from edge.device.files import atomic_write

log = logging.getLogger(__name__)

SERVICE_STATE = Path("/var/lib/edge-emotion")
"""The state folder of the installed service, which systemd names in the environment."""

ROTATIONS = (0, 90, 180, 270)
"""Rotations that a camera's frames can need, degrees, clockwise."""

_FILE = "rotations.json"


def state_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for state: the service's, as systemd names it, else the user's. It may not exist yet."""
    service = environment.get("STATE_DIRECTORY", "").split(":")[0]
    user = environment.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(service) if service else Path(user).expanduser() / "edge-emotion"


class RotationMemory:
    """Remembers by how much the frames of each camera must be turned to be upright.

    A file that cannot be read or written costs a warning, and that the rotation must be found again.

    Args:
        folder: the state folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE
        self._rotations = _read(self._path)

    def find(self, camera: str) -> int | None:
        """Return the rotation of a camera, degrees, clockwise; None if none was found yet."""
        return self._rotations.get(camera)

    def store(self, camera: str, rotation: int) -> None:
        """Keep the rotation of a camera, degrees, clockwise."""
        self._rotations[camera] = rotation
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(self._path) as temporary:
                temporary.write_text(json.dumps(self._rotations, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            log.warning(
                "%s: expected a file that can be written, found: %s: the rotation is lost at the next restart; "
                "set source.rotate to keep it",
                self._path,
                error.strerror or error,
            )


def _read(path: Path) -> dict[str, int]:
    """Return the rotations in the file by camera; none if there is no file, or if it was not written by us."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        return _ignore(path, str(error))
    if not isinstance(content, dict) or any(
        type(rotation) is not int or rotation not in ROTATIONS for rotation in content.values()
    ):
        return _ignore(path, "something else")
    return content


def _ignore(path: Path, found: str) -> dict[str, int]:
    log.warning("%s: expected rotations by camera, found: %s: the file is ignored", path, found)
    return {}
