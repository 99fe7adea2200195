"""`display-test` shows every screen on the display, or writes what it would show."""

import cv2
import numpy as np
import pytest

from edge import __main__ as command_line
from edge.errors import SinkError
from edge.sinks.display.screens import draw_screen
from edge.sinks.display.tour import SCREENS


class Glass:
    """A display that notes what it is shown."""

    width, height, colored = 160, 128, True

    def __init__(self):
        self.pictures, self.dimmed, self.closed = [], False, 0

    def show(self, picture):
        self.pictures.append(picture)

    def dim(self, *, dimmed):
        self.dimmed = dimmed

    def close(self):
        self.closed += 1


@pytest.fixture
def opened(monkeypatch, tmp_path):
    """The settings that a display was opened with, and the display; no time passes between two screens."""
    calls = []

    def open_panel(settings):
        calls.append((settings, Glass()))
        return calls[-1][1]

    monkeypatch.setattr("edge.display_test.open_panel", open_panel)
    monkeypatch.setattr("edge.display_test.INSTALLED_CONFIG", tmp_path / "none.toml")
    monkeypatch.setattr("threading.Event.wait", lambda *_: False)
    return calls


def test_every_screen_is_shown_and_named(opened, capsys):
    """In turn, then dimmed, then cleared."""
    assert command_line.main(["display-test", "--device", "st7735"]) == 0
    ((settings, glass),) = opened
    assert settings.device == "st7735"
    expected = [draw_screen(screen, width=160, height=128, colored=True) for screen in SCREENS.values()]
    assert len(glass.pictures) == len(expected) + 1
    assert all(np.array_equal(*pair) for pair in zip(glass.pictures, expected, strict=False))
    assert glass.dimmed
    assert glass.closed == 1
    assert capsys.readouterr().out.splitlines() == ["st7735, 160x128; Ctrl-C ends it", *SCREENS, "dimmed"]


@pytest.mark.parametrize("source", ["option", "installed"])
def test_the_settings_are_those_of_the_file(opened, tmp_path, monkeypatch, source):
    """The one that is named, else the service's."""
    path = tmp_path / "edge.toml"
    path.write_text('[display]\ndevice = "sh1106"\nrotate = 180\n')
    if source == "installed":
        monkeypatch.setattr("edge.display_test.INSTALLED_CONFIG", path)
    assert command_line.main(["display-test", *(["--config", str(path)] if source == "option" else [])]) == 0
    assert (opened[0][0].device, opened[0][0].rotate) == ("sh1106", 180)


def test_a_fault_in_between_clears_the_display(opened, monkeypatch, caplog):
    """One line, and exit code 3."""

    def fail(*_parts):
        raise SinkError("st7735: no answer")

    monkeypatch.setattr(Glass, "show", fail)
    assert command_line.main(["display-test", "--device", "st7735"]) == 3
    assert caplog.messages == ["st7735: no answer"]
    assert opened[0][1].closed == 1


def test_without_a_display_it_says_what_to_do(opened, caplog):
    assert command_line.main(["display-test"]) == 2
    assert "found none: add --device ssd1306, or --png FOLDER" in caplog.text
    assert opened == []


def test_an_unknown_display_is_told_with_those_that_are_known(opened, caplog):
    assert command_line.main(["display-test", "--device", "ssd1305"]) == 2
    assert "device: invalid enum value 'ssd1305': expected one of '', 'ssd1306', 'sh1106'" in caplog.text
    assert opened == []


def test_without_a_display_one_can_look_at_pictures(opened, tmp_path, capsys):
    """One for each common display, with all screens, named on standard output; no display is touched."""
    folder = tmp_path / "new" / "pictures"
    assert command_line.main(["display-test", "--png", str(folder)]) == 0
    names = capsys.readouterr().out.splitlines()
    assert len(names) == 5
    assert all(cv2.imread(name).shape[1] > 1000 for name in names)
    assert opened == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path, caplog):
    (tmp_path / "file").touch()
    assert command_line.main(["display-test", "--png", str(tmp_path / "file")]) == 3
    assert "expected a place to write, found: " in caplog.text
