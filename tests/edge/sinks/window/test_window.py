"""The window shows the newest annotated frame and ends the run on `q`."""

import os
import sys
import threading

import numpy as np
import pytest
from samples import opened
from waiting import wait_for

from edge.errors import SinkError
from edge.records import Box, Frame, FrameWithReadings, Observation, Reading
from edge.sinks.colors import COLORS
from edge.sinks.window import backends
from edge.sinks.window.backends import has_opencv_windows, open_window
from edge.sinks.window.sink import Window

pygame = pytest.importorskip("pygame", reason="pygame is not installed: make extras")


@pytest.fixture(autouse=True)
def _headless_screen(monkeypatch):
    """Make SDL draw into memory."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


@pytest.fixture
def ended():
    return threading.Event()


@pytest.fixture
def window(ended):
    window = opened(Window("clip", on_end=ended.set))
    yield window
    window.close()


def make_item(size=(480, 640)):
    gray = np.full(size, 100, np.uint8)
    face = Reading(1, Box(100, 100, 200, 200), "fear", 0.9, {"fear": 0.9}, 0, 0.0, 0.0)
    return FrameWithReadings(Frame(gray, 0, 0.0, 0.0, "clip"), Observation(0, "clip", 0.0, 0.0, (face,), (1,)))


def color_at(x, y):
    surface = pygame.display.get_surface()
    return tuple(surface.get_at((x, y))[:3]) if surface else None


def test_the_window_shows_the_annotated_frame(window, ended):
    """It has the size and the colours of the frame, and does not end the run."""
    window.write(make_item())
    wait_for(lambda: color_at(100, 200) == COLORS["fear"])
    assert pygame.display.get_surface().get_size() == (640, 480)
    assert pygame.display.get_caption()[0] == "clip"
    assert color_at(5, 5) == (100, 100, 100)
    assert not ended.is_set()


@pytest.mark.parametrize("event", ["q", "close"])
def test_q_or_closing_the_window_ends_the_run(window, ended, event):
    """Frames that arrive later are ignored."""
    window.write(make_item())
    wait_for(lambda: color_at(5, 5))
    is_key = event == "q"
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_q) if is_key else pygame.event.Event(pygame.QUIT))
    assert ended.wait(60)
    window.write(make_item())


def test_another_key_does_not_end_the_run(window, ended):
    """The key `x` is read and ignored: the window then still reads the next event."""
    window.write(make_item())
    wait_for(lambda: color_at(5, 5))
    for key in (pygame.K_x, pygame.K_y):
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))
        wait_for(lambda: not pygame.event.peek(pygame.KEYDOWN))
    assert not ended.is_set()


def test_q_ends_the_run_while_no_frame_arrives(window, ended):
    """The window responds to keys while the camera is lost."""
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_q))
    assert ended.wait(60)
    window.write(make_item())


def test_a_resized_window_keeps_the_aspect_ratio_of_the_frame(window):
    """The rest of the window is black."""
    window.write(make_item())
    wait_for(lambda: color_at(5, 5))
    pygame.display.set_mode((640, 960))  # as if the user had resized it
    window.write(make_item())
    wait_for(lambda: color_at(320, 480) == (100, 100, 100) and color_at(320, 100) == (0, 0, 0))


def test_a_frame_larger_than_the_desktop_is_scaled_down(window):
    """The window is not wider than the desktop."""
    width, height = pygame.display.get_desktop_sizes()[0]
    window.write(make_item((2 * height, 2 * width)))
    wait_for(lambda: color_at(5, 5))
    assert pygame.display.get_surface().get_width() <= width


def test_a_still_image_is_shown_for_a_while(ended):
    """`write` blocks, so that a folder of images can be viewed, until the window is closed."""
    window = opened(Window("stills", on_end=ended.set, hold_s=100))
    writer = threading.Thread(target=window.write, args=(make_item(),))
    writer.start()
    wait_for(lambda: color_at(5, 5))
    assert writer.is_alive()
    window.close()
    writer.join(60)
    assert not writer.is_alive()


def test_a_failure_of_the_window_ends_the_run(ended):
    """The user wants to see the video, so that the run does not continue without the window."""

    class BrokenWindow:
        def show(self, _picture):
            raise SinkError("the window: broken")

        def is_close_requested(self):
            return False

        def close(self):
            pass

    window = opened(Window("clip", on_end=ended.set, open_window=lambda _title: BrokenWindow()))
    with pytest.raises(SinkError, match="broken"):
        wait_for(lambda: window.write(make_item()))
    window.close()


@pytest.mark.parametrize("driver", ["nonesuch", None])
def test_a_missing_screen_is_an_error(monkeypatch, driver, ended):
    """It is raised when the window is opened; a headless driver that SDL falls back to is not a screen."""
    for name in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    if driver:
        monkeypatch.setenv("SDL_VIDEODRIVER", driver)
    with pytest.raises(SinkError, match=r"the window: expected a screen, found: .*: start it on the desktop"):
        opened(Window("clip", on_end=ended.set))


def test_neither_pygame_nor_opencv_windows_is_an_error(monkeypatch):
    """The error has the commands that install pygame."""
    monkeypatch.setitem(sys.modules, "pygame", None)
    monkeypatch.setattr(backends, "has_opencv_windows", lambda: False)
    with pytest.raises(SinkError, match=r"expected the package pygame, .* found neither: .*pygame"):
        open_window("clip")


@pytest.mark.parametrize(
    ("trial", "found"), [("raise SystemExit('no display')", "no display"), ("import os; os.abort()", "none")]
)
def test_opencv_without_a_screen_is_an_error(monkeypatch, trial, found):
    """Without pygame OpenCV is tried in another process, which its GUI toolkit may abort."""
    monkeypatch.setitem(sys.modules, "pygame", None)
    monkeypatch.setattr(backends, "has_opencv_windows", lambda: True)
    monkeypatch.setattr(backends, "_TRIAL", trial)
    with pytest.raises(SinkError, match=f"expected a screen, found: {found}: start it"):
        open_window("clip")


def test_opencv_shows_pictures_and_reads_keys(monkeypatch):
    """With a screen it shows the picture, and reports both `q` and the close button of the window."""
    monkeypatch.setattr(backends, "_TRIAL", "")
    calls, keys, visible = [], iter([ord("x"), ord("q"), -1]), iter([1.0, 0.0])
    monkeypatch.setattr("cv2.imshow", lambda title, picture: calls.append((title, picture.shape)))
    monkeypatch.setattr("cv2.waitKey", lambda _ms: next(keys))
    monkeypatch.setattr("cv2.getWindowProperty", lambda *_: next(visible))
    monkeypatch.setattr("cv2.destroyAllWindows", lambda: calls.append("closed"))
    screen = backends.OpencvWindow("clip")
    assert not screen.is_close_requested(), "the window is not open yet"
    screen.show(np.zeros((4, 6, 3), np.uint8))
    assert [screen.is_close_requested() for _ in range(3)] == [False, True, True]
    screen.close()
    assert calls == [("clip", (4, 6, 3)), "closed"]


def test_headless_opencv_has_no_windows(monkeypatch):
    """The build information has the GUI toolkit, or `NONE`."""
    monkeypatch.setattr("cv2.getBuildInformation", lambda: "  GUI:                           NONE\n")
    assert not has_opencv_windows()
    monkeypatch.setattr("cv2.getBuildInformation", lambda: "  GUI:                           QT5\n    QT: YES")
    assert has_opencv_windows()


@pytest.mark.usefixtures("window")
def test_pygame_prints_no_greeting():
    """A greeting on standard output would be between the JSON lines."""
    assert os.environ["PYGAME_HIDE_SUPPORT_PROMPT"]
