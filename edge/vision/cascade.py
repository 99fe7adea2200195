"""Opens a Haar cascade."""

from pathlib import Path

import cv2

from edge.errors import ConfigError

DEBIAN_CASCADES = Path("/usr/share/opencv4/haarcascades")
"""Where Debian's package opencv-data puts the cascades."""


def find_cascade(name: str) -> Path:
    """Return the cascade file `name`: a path as it is, or a file name that OpenCV or Debian's opencv-data has.

    Raises:
        ConfigError: it is in none of the places.
    """
    bundled = getattr(cv2, "data", None)
    folders = [Path()] + ([Path(bundled.haarcascades)] if bundled is not None else []) + [DEBIAN_CASCADES]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise ConfigError(
        f"expected the Haar cascade {name}, found it neither in opencv-python (cv2.data) nor in {DEBIAN_CASCADES}"
        " nor as a path: install opencv-python-headless<5 or opencv-data, or set detect.cascade"
    )


def open_cascade(name: str) -> cv2.CascadeClassifier:
    """Open the cascade file `name`, looked up by `find_cascade`. One thread alone may use what is returned.

    Raises:
        ConfigError: the cascade is missing, or no cascade.
    """
    path = find_cascade(name)
    try:
        cascade = cv2.CascadeClassifier(str(path))
    except (cv2.error, AttributeError, SystemError) as error:  # OpenCV's binding raises each of them
        raise ConfigError(
            f"{path}: expected a Haar cascade and OpenCV 4, found a file that OpenCV {cv2.__version__} cannot load:"
            " set detect.cascade"
        ) from error
    if cascade.empty():
        raise ConfigError(f"{path}: expected a Haar cascade, found a file that has none: set detect.cascade")
    return cascade
