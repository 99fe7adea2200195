"""A cascade is found in three places, and what is no cascade is refused with its name."""

import cv2
import pytest

from edge.errors import ConfigError
from edge.vision.cascade import find_cascade, open_cascade

NAME = "haarcascade_frontalface_alt2.xml"


def test_a_file_in_the_present_folder_comes_first(tmp_path, monkeypatch):
    """Somebody's own file goes over the one of the same name that OpenCV brings."""
    (tmp_path / NAME).write_bytes(find_cascade(NAME).read_bytes())
    monkeypatch.chdir(tmp_path)
    assert find_cascade(NAME).resolve() == tmp_path / NAME
    assert not open_cascade(NAME).empty()


def test_a_folder_is_no_cascade(tmp_path):
    """A path that is there, and is no file."""
    with pytest.raises(ConfigError, match="expected the Haar cascade"):
        find_cascade(str(tmp_path))


def test_a_file_that_opencv_reads_and_that_has_no_cascade(tmp_path):
    """OpenCV's own format, and nothing in it: OpenCV does not complain, and would find no face."""
    path = tmp_path / "nothing.xml"
    path.write_text('<?xml version="1.0"?>\n<opencv_storage>\n</opencv_storage>\n')
    with pytest.raises(ConfigError, match=r"nothing\.xml: expected a Haar cascade, found a file that has none"):
        open_cascade(str(path))


def test_an_opencv_without_cascades_is_named(monkeypatch):
    """OpenCV 5 dropped them: the error says which OpenCV was found."""
    monkeypatch.delattr(cv2, "CascadeClassifier")
    with pytest.raises(ConfigError, match=rf"OpenCV 4, found a file that OpenCV {cv2.__version__} cannot load"):
        open_cascade(NAME)
