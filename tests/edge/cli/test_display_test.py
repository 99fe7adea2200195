"""`display-test` shows every screen on the display, or writes the screens as pictures."""

import cv2
import numpy as np
import pytest

from edge.cli import main as command_line
from edge.errors import SinkError
from edge.sinks.display.examples import EXAMPLES
from edge.sinks.display.layout import draw_screen


class FakePanel:
    """A display that keeps the pictures it gets."""

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
    """A list of each display that was opened, with its settings; no time passes between two screens."""
    calls = []

    def open_panel(settings):
        calls.append((settings, FakePanel()))
        return calls[-1][1]

    monkeypatch.setattr("edge.cli.display_test.open_panel", open_panel)
    monkeypatch.setattr("edge.cli.display_test.INSTALLED_CONFIG", tmp_path / "none.toml")
    monkeypatch.setattr("threading.Event.wait", lambda *_: False)
    return calls


def test_every_screen_is_shown(opened, capsys):
    """The screens are shown in turn and named, then the display is dimmed and closed."""
    assert command_line.main(["display-test", "--device", "st7735"]) == 0
    ((settings, panel),) = opened
    assert settings.device == "st7735"
    expected = [draw_screen(screen, width=160, height=128, colored=True) for screen in EXAMPLES.values()]
    assert len(panel.pictures) == len(expected) + 1
    assert all(np.array_equal(*pair) for pair in zip(panel.pictures, expected, strict=False))
    assert panel.dimmed
    assert panel.closed == 1
    assert capsys.readouterr().out.splitlines() == ["st7735, 160x128; Ctrl-C ends it", *EXAMPLES, "dimmed"]


@pytest.mark.parametrize("source", ["option", "installed"])
def test_settings_come_from_the_configuration(opened, tmp_path, monkeypatch, source):
    """The given configuration is read, else the installed one."""
    path = tmp_path / "edge.toml"
    path.write_text('[display]\ndevice = "sh1106"\nrotate = 180\n')
    if source == "installed":
        monkeypatch.setattr("edge.cli.display_test.INSTALLED_CONFIG", path)
    assert command_line.main(["display-test", *(["--config", str(path)] if source == "option" else [])]) == 0
    assert (opened[0][0].device, opened[0][0].rotate) == ("sh1106", 180)


def test_display_is_closed_after_an_error(opened, monkeypatch, caplog):
    """A display that fails is closed, with one line and exit code 3."""

    def fail(*_parts):
        raise SinkError("st7735: no answer")

    monkeypatch.setattr(FakePanel, "show", fail)
    assert command_line.main(["display-test", "--device", "st7735"]) == 3
    assert caplog.messages == ["st7735: no answer"]
    assert opened[0][1].closed == 1


def test_no_configured_display_is_an_error(opened, caplog):
    """Without a display the error names the options to add."""
    assert command_line.main(["display-test"]) == 2
    assert "found none: add --device ssd1306, or --png FOLDER" in caplog.text
    assert opened == []


def test_unknown_display_is_an_error(opened, caplog):
    """The error names the displays that are known."""
    assert command_line.main(["display-test", "--device", "ssd1305"]) == 2
    assert "device: invalid enum value 'ssd1305': expected one of '', 'ssd1306', 'sh1106'" in caplog.text
    assert opened == []


@pytest.mark.slow
def test_screens_are_written_as_pictures(opened, tmp_path, capsys):
    """`--png` writes a picture with all screens for each common display, prints the paths, and opens no display."""
    folder = tmp_path / "new" / "pictures"
    assert command_line.main(["display-test", "--png", str(folder)]) == 0
    names = capsys.readouterr().out.splitlines()
    assert len(names) == 5
    assert all(cv2.imread(name).shape[1] > 1000 for name in names)
    assert opened == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "config", "name", "is_colored"),
    [
        (["--device", "sh1106"], "", "sh1106-128x64.png", False),
        (["--device", "st7789"], "height = 135\nrotate = 90", "st7789-135x240.png", True),
        ([], 'device = "ssd1306"\nheight = 32', "ssd1306-128x32.png", False),
        (["--device", "framebuffer"], "", "framebuffer-320x240.png", True),
    ],
)
def test_the_picture_is_that_of_the_display(tmp_path, capsys, words, config, name, is_colored):
    """With `--device`, or a display in the given configuration, its screens alone are drawn, in its size."""
    path = tmp_path / "edge.toml"
    path.write_text(f"[display]\n{config}\n")
    assert command_line.main(["display-test", "--config", str(path), *words, "--png", str(tmp_path / "out")]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line == str(tmp_path / "out" / name)
    picture = cv2.imread(line)
    assert bool((picture.max(axis=2) != picture.min(axis=2)).any()) == is_colored


def test_a_wrong_display_is_an_error_with_png_as_well(tmp_path, caplog):
    """`--png` does not hide a device that does not exist."""
    assert command_line.main(["display-test", "--device", "ssd1305", "--png", str(tmp_path)]) == 2
    assert "expected one of" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_written_is_an_error(tmp_path, caplog):
    """A file in place of the folder gives exit code 3 and one line."""
    (tmp_path / "file").touch()
    assert command_line.main(["display-test", "--png", str(tmp_path / "file")]) == 3
    assert "expected a place to write, found: " in caplog.text
