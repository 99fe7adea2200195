"""`EmotionReader` reads pictures and streams from Python, with the runtime's own steps."""

import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

import edge
from edge import EmotionReader, Reading
from edge.errors import ConfigError, MediaError, ModelError
from edge.scenes.catalogue import make_scene
from edge.sources.video import VideoSource

FACE = Path(edge.__file__).parent / "assets" / "astronaut_face.png"


@pytest.fixture(scope="module")
def reader():
    return EmotionReader()


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A drawn video of a second, with one face."""
    path = tmp_path_factory.mktemp("clips") / "one.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (640, 480))
    scene = make_scene("one")
    for index in range(25):
        writer.write(scene.frame(index)[0])
    writer.release()
    return path


def test_a_path_a_color_and_a_gray_picture_give_the_same_face(reader):
    """A picture may be a path as text or Path, a BGR array, a gray array or one with a single channel."""
    color, gray = cv2.imread(str(FACE)), cv2.imread(str(FACE), cv2.IMREAD_GRAYSCALE)
    for picture in (FACE, str(FACE), color, gray, gray[..., None]):
        (face,) = reader.read(picture)
        assert face.label == face.emotion == "happy"
        assert face.confidence == max(face.probabilities.values()) > 0.8
        assert tuple(face.probabilities) == reader.labels
        assert sum(face.probabilities.values()) == pytest.approx(1.0, abs=1e-5)
        assert face.box.iou((reader.read(FACE)[0]).box) > 0.9
        assert face.unclear is None


def test_every_face_is_read_and_pictures_do_not_influence_each_other(reader):
    """Of several faces each is read; a picture without a face gives none, and the same picture always the same."""
    picture, boxes = make_scene("three").frame(0)
    faces = reader.read(picture)
    assert len(faces) == len(boxes) == 3
    assert all(any(face.box.iou(box) > 0.5 for box in boxes) for face in faces)
    assert reader.read(np.zeros((480, 640), np.uint8)) == ()
    again = reader.read(picture)
    assert [face.probabilities for face in again] == [face.probabilities for face in faces]


@pytest.mark.parametrize("side", [1, 2, 15, 36])
def test_a_tiny_picture_has_no_face(reader, side):
    assert reader.read(np.full((side, side + 1), 90, np.uint8)) == ()


def test_the_array_is_neither_changed_nor_locked(reader):
    """The caller's array stays as it is, and writable; a slice or a reversed view of one is read as well."""
    picture = cv2.imread(str(FACE), cv2.IMREAD_GRAYSCALE)
    before = picture.copy()
    assert reader.read(picture)
    assert np.array_equal(picture, before)
    picture[0, 0] = 1
    assert len(reader.read(np.repeat(picture, 2, axis=1)[:, ::2])) == 1
    assert len(reader.read(picture[:, ::-1])) == 1


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.zeros((64, 64), np.float32), r"found float32 of shape \(64, 64\): scale it to 0 to 255"),
        (np.zeros((64, 64), bool), r"found bool of shape \(64, 64\): scale it"),
        (
            np.zeros((64, 64, 4), np.uint8),
            r"\(64, 64, 4\): convert it with cv2\.cvtColor\(",
        ),
        (np.zeros((2, 64, 64, 3), np.uint8), "expected an array of uint8, .* found uint8"),
        (np.zeros(64, np.uint8), "expected an array of uint8, .* found uint8"),
        (np.zeros((0, 64), np.uint8), "expected an array of uint8, .* found uint8"),
        (np.array(None), "expected an array of uint8, .* found object"),
        (None, "expected an array or the path of an image, found NoneType"),
        ([[1, 2], [3, 4]], "expected an array or the path of an image, found list"),
        ("no-such.png", "no-such.png: expected a readable image, found: No such file"),
        (FACE.parent, "expected a readable image, found: Is a directory"),
        (Path(__file__), "expected an image, found text"),
    ],
)
def test_what_is_no_picture_is_one_line(reader, picture, message):
    """The error says what was expected and found; None is what cv2.imread returns for a missing file."""
    with pytest.raises(MediaError, match=message) as caught:
        reader.read(picture)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"detect": {"methd": "haar"}}, ConfigError, r"settings: detect\.methd: unknown key: did you mean method\?"),
        ({"smooth": {"min_confidence": 2.0}}, ConfigError, r"settings: smooth\.min_confidence: "),
        ({"detect": 3}, ConfigError, "settings: detect: expected a dict of keys and values, found 3"),
        ({"classes": 4}, ConfigError, r"settings: model\.classes: .*expected one of"),
        ({"model": "none.tflite"}, ModelError, "none.tflite: expected a .tflite model, found no such file"),
        ({"config": "none.toml"}, ConfigError, "none.toml: expected a readable TOML file"),
        ({"classify": {"prior": {"bored": 1.0}}}, ConfigError, "bored"),
    ],
)
def test_a_wrong_setting_is_one_line(settings, error, message):
    """A wrong keyword argument names its section and key, as a wrong line of the configuration does."""
    with pytest.raises(error, match=message):
        EmotionReader(**settings)


def test_settings_reach_the_steps(tmp_path):
    """Keyword arguments replace single keys of the configuration, whose others hold."""
    config = tmp_path / "edge.toml"
    config.write_text("[model]\nclasses = 6\n[smooth]\nmin_confidence = 1.0\n[page]\nenabled = true\n")
    reader = EmotionReader(config=config, model="edge_accurate", classes=5, detect={"method": "haar"})
    assert reader.labels == ("angry", "happy", "sad", "surprise", "neutral")
    (face,) = reader.read(FACE)
    assert face.label == "uncertain"
    assert sorted(
        EmotionReader(config=str(config), smooth={"min_confidence": 0.0}).read(FACE)[0].probabilities
    ) == sorted(("angry", "fear", "happy", "sad", "surprise", "neutral"))


def test_rotation_turns_a_picture():
    """`source.rotate` holds for single pictures, too: a picture that lies on its side is read upright."""
    picture = cv2.rotate(cv2.imread(str(FACE)), cv2.ROTATE_90_COUNTERCLOCKWISE)
    for rotate in (90, "auto"):
        (face,) = EmotionReader(source={"rotate": rotate}).read(picture)
        assert face.label == "happy"


def test_a_video_streams_every_reading(reader, clip):
    """A video gives the readings of every frame in order, and the same ones each time, however slow the caller is."""
    readings = list(reader.stream(clip))
    assert all(isinstance(reading, Reading) for reading in readings)
    indices = [reading.frame_index for reading in readings]
    assert indices == sorted(indices)
    assert indices[-1] == 24
    assert {reading.track_id for reading in readings} == {1}
    again = [reading.probabilities for reading in reader.stream(str(clip))]
    assert again == [reading.probabilities for reading in readings]


def test_a_folder_streams_its_pictures(reader, tmp_path):
    """Each picture's faces are read for themselves."""
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), cv2.imread(str(FACE)))
    assert [(reading.frame_index, reading.label) for reading in reader.stream(tmp_path)] == [(0, "happy"), (1, "happy")]


def test_a_stream_that_is_left_ends_its_threads(reader, monkeypatch):
    """Leaving the loop stops the pipeline: no thread lives on, and the source is closed."""
    closed = []
    close = VideoSource.close
    monkeypatch.setattr(VideoSource, "close", lambda self: (closed.append(True), close(self)))
    before = set(threading.enumerate())
    readings = reader.stream(Path(edge.__file__).parent / "assets" / "demo.mp4")
    next(readings)
    assert set(threading.enumerate()) - before
    readings.close()
    assert not set(threading.enumerate()) - before
    assert closed


def test_a_live_stream_gives_new_readings(reader):
    """A live source goes on while the caller reads pictures with the same reader."""
    readings = reader.stream("scene:one")
    first = next(readings)
    assert reader.read(FACE)[0].label == "happy"
    assert next(readings).frame_index > first.frame_index
    readings.close()


def test_a_source_that_fails_raises_in_the_loop(reader, clip, monkeypatch):
    """An error of a thread of the pipeline is raised where the readings are asked for."""
    read = VideoSource.read

    def fail(self):
        frame = read(self)
        if frame is not None and frame.index == 10:
            raise MediaError("clip: expected the next frame, found none")
        return frame

    monkeypatch.setattr(VideoSource, "read", fail)
    readings = reader.stream(clip)
    with pytest.raises(MediaError, match="clip: expected the next frame"):
        list(readings)


@pytest.mark.parametrize(
    ("source", "error"), [("none.mp4", MediaError), ("scene:none", ConfigError), (-1, ConfigError), (True, ConfigError)]
)
def test_a_source_that_cannot_be_opened(reader, source, error):
    with pytest.raises(error):
        next(reader.stream(source))


def test_importing_edge_is_free():
    """Importing `edge` loads neither numpy nor OpenCV, and its names are known all the same."""
    code = (
        "import sys, edge; known = dir(edge); assert not {'numpy', 'cv2', 'msgspec'} & set(sys.modules), 'not lazy'\n"
        "assert {'EmotionReader', 'Reading', 'EdgeError'} <= set(known)\n"
        "try: edge.EmotionReeder\nexcept AttributeError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603  # our own words
    assert done.stdout == "module 'edge' has no attribute 'EmotionReeder'\n", done.stderr
