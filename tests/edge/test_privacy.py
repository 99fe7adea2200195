"""No sink lets a pixel out by default, and with each setting what leaves is what is promised: all sinks there are."""

import base64
import http.client
import importlib
import inspect
import json
import pkgutil
import re
import threading
import time
import typing
import zlib
from dataclasses import is_dataclass

import cv2
import msgspec
import numpy as np
import pytest

pytest.importorskip("flask", reason="without flask not all sinks are there")
pytest.importorskip("waitress", reason="without waitress not all sinks are there")
pytest.importorskip("prometheus_client", reason="without prometheus_client not all sinks are there")
pytest.importorskip("paho.mqtt", reason="without paho.mqtt not all sinks are there")
pytest.importorskip("pygame", reason="without pygame not all sinks are there")
pytest.importorskip("luma.core", reason="without luma.core not all sinks are there")

import edge.sinks
from edge.extras import Surroundings, open_extras
from edge.manifest import read_manifest
from edge.meters import Meters
from edge.outlets import Outlets
from edge.records import Box, Frame, Observation, Reading, Shown
from edge.run import run
from edge.runtime.crew import Crew
from edge.runtime.handover import Policy
from edge.settings import ModelSettings, Settings, SourceSettings
from edge.shipped import SHIPPED_MODEL
from edge.showing import NOTHING, Showing
from edge.sink_settings import DisplaySettings, MetricsSettings, MqttSettings, PageSettings, PrivacySettings
from edge.sinks.changes import Changes
from edge.sinks.console import PlainLines
from edge.sinks.display.sink import Display
from edge.sinks.jsonl import JsonLinesLog, JsonLinesOutput
from edge.status import Status

PICTURE = np.random.default_rng(3).integers(0, 256, (480, 640, 3), np.uint8)
"""Noise: no two places are alike, so that any piece of it is recognised wherever it turns up."""

FACE = Box(200, 140, 160, 160)

SHOWS_PICTURES = {"LivePage", "AnnotatedVideo", "Window"}
"""The sinks that are given pictures at all. One that is added here needs its own proof below."""

MODEL = read_manifest(SHIPPED_MODEL.with_suffix(".json"))


def all_sinks():
    """Every class below edge.sinks that takes something: a new one is found by itself."""
    for module in pkgutil.walk_packages(edge.sinks.__path__, "edge.sinks."):
        for found in vars(importlib.import_module(module.name)).values():
            is_ours = inspect.isclass(found) and found.__module__ == module.name
            if is_ours and hasattr(found, "write") and hasattr(found, "close") and not is_protocol(found):
                yield found


def is_protocol(found):
    return typing.Protocol in found.__bases__


def parts_of(kind, seen=None):
    """All types that a value of `kind` is made of."""
    seen = set() if seen is None else seen
    if kind in seen or isinstance(kind, str):
        return seen
    seen.add(kind)
    inner = list(typing.get_args(kind))
    if is_dataclass(kind) or (inspect.isclass(kind) and issubclass(kind, msgspec.Struct)):
        inner += typing.get_type_hints(kind).values()
    for part in inner:
        parts_of(part, seen)
    return seen


def observation(index, *, captured_at=None):
    reading = Reading(1, FACE, "happy", 0.8, {"happy": 0.8}, index, 0.0, 0.01)
    at = float(index) if captured_at is None else captured_at
    return Observation(index, "camera", at, float(index), (reading,), (1,))


def traces(data, *, depth=0):
    """What in `data` is of a picture: pieces of our pixels as they are, and anything that opens as a picture's file."""
    gray = PICTURE[..., 1]
    pieces = [row[at : at + 12].tobytes() for row in (*PICTURE[::8], *gray[::8]) for at in (0, 100, 300, 500)]
    found = [piece for piece in pieces if piece in data]
    for start in re.finditer(rb"\xff\xd8\xff|\x89PNG|GIF8|RIFF....WEBP|BM....\0\0\0\0", data, flags=re.DOTALL):
        decoded = cv2.imdecode(np.frombuffer(data[start.start() :], np.uint8), cv2.IMREAD_GRAYSCALE)
        found += [] if decoded is None else [decoded]
    if depth < 2:
        packed = [inflated(data[start.start() :]) for start in re.finditer(rb"\x1f\x8b|\x78[\x01\x5e\x9c\xda]", data)]
        words = re.findall(rb"[A-Za-z0-9+/]{64,}", data)
        for inner in (*packed, *(base64.b64decode(word + b"=" * (-len(word) % 4)) for word in words)):
            found += traces(inner, depth=depth + 1)
    return found


def inflated(data):
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(data)
    except zlib.error:
        return b""


def encoded_forms():
    jpeg = cv2.imencode(".jpg", PICTURE)[1].tobytes()
    gray = np.ascontiguousarray(PICTURE[..., 1])
    return {
        "pixels": PICTURE.tobytes(),
        "luma of a part": gray[:40].tobytes(),
        "jpeg": jpeg,
        "png": cv2.imencode(".png", gray)[1].tobytes(),
        "small webp": cv2.imencode(".webp", cv2.resize(PICTURE, (64, 48)))[1].tobytes(),
        "jpeg in json": json.dumps({"image": base64.b64encode(jpeg).decode()}).encode(),
        "deflated": zlib.compress(gray.tobytes()),
    }


@pytest.mark.parametrize("form", encoded_forms())
def test_a_picture_would_be_found(form):
    """The search that all else here rests on finds it between other things, in any of the usual forms."""
    assert traces(b"before" + encoded_forms()[form] + b"after")


def test_most_sinks_are_given_no_pixel():
    """They take readings, and in a reading nothing can hold a picture: whatever such a sink does, none leaves."""
    sinks = list(all_sinks())
    assert len(sinks) > 8
    taken = {sink.__name__: next(iter(typing.get_type_hints(sink.write).values())) for sink in sinks}
    assert {name for name, kind in taken.items() if kind is Shown} == SHOWS_PICTURES
    for name in taken.keys() - SHOWS_PICTURES:
        leaves = {part for part in parts_of(taken[name]) if inspect.isclass(part)}
        assert leaves <= READING_PARTS, name


READING_PARTS = {part for part in parts_of(Observation) if inspect.isclass(part)}


def test_a_reading_holds_no_picture():
    """Nor does what a sink may ask of the run."""
    holders = {np.ndarray, np.generic, bytes, bytearray, memoryview, Frame}
    for kind in (Observation, Status):
        assert not holders & parts_of(kind)
        assert not [part for part in parts_of(kind) if typing.get_origin(part) is np.ndarray]
    assert [part for part in parts_of(Shown) if typing.get_origin(part) is np.ndarray], "the search would see one"


LABELS = MODEL.labels


def status():
    return msgspec.convert(
        dict.fromkeys(("uptime_s", "fps", "latency_ms_p50", "latency_ms_p95"), 1.0)
        | dict.fromkeys(("pid", "frames", "faces", "dropped", "undelivered", "reopens", "log_dropped"), 1)
        | dict.fromkeys(("temperature_c", "throttled", "core_v"))
        | {"version": "1", "state": "running", "since": "", "source": "camera", "log": "log.jsonl"},
        Status,
    )


def frame(index, picture=PICTURE):
    gray = np.ascontiguousarray(picture[..., 1])
    return Frame(gray, index, time.monotonic(), float(index), "camera", picture)


class Running:
    """All that `settings` open, and given frames until it is left. addresses: what each says of where it is."""

    def __init__(self, settings, *sinks, scene=PICTURE):
        self.meters = Meters()
        extras = open_extras(settings, Surroundings(status, self.meters, MODEL, MODEL.labels))
        self._guards = [*extras.sinks, *extras.viewers, *extras.servers]
        self._scene = scene
        self._left = threading.Event()
        self._outlets = Outlets(
            [*sinks, *extras.sinks],
            extras.viewers,
            Policy.NEWEST_WINS,
            self.meters,
            servers=extras.servers,
            counts_only=settings.privacy.counts_only,
        )
        self._crew = Crew()
        self._crew.add("name", self._feed, ends=[self._outlets])
        self._outlets.enlist(self._crew)
        self._thread = threading.Thread(target=self._run)

    def _feed(self):
        index = 0
        while not self._left.wait(0.01):  # a frame is a minute, so that there are counts to tell
            self._outlets.put(frame(60 * index, self._scene), observation(60 * index, captured_at=time.monotonic()))
            index += 1

    def _run(self):
        self._crew.run(stop=lambda: None, check=lambda: None, check_every_s=0.1)

    def __enter__(self):
        self._thread.start()
        for _ in range(1000):
            if all(guard.note for guard in self._guards) and self.meters.emotions:
                return self
            time.sleep(0.01)
        raise AssertionError("not all was opened")

    def __exit__(self, *_):
        self._left.set()
        self._thread.join(10)

    def ask(self, name, path, **headers):
        """Status and the whole answer, headers included."""
        (note,) = [guard.note for guard in self._guards if guard.name == name]
        host, _, rest = note.removeprefix("http://").partition(":")
        line = http.client.HTTPConnection(host, int(re.match(r"\d+", rest)[0]), timeout=10)
        try:
            line.request("GET", path, headers=headers)
            answer = line.getresponse()
            told = b"".join(iter(answer.readline, b"\n")) if path == "/events" else answer.read()
            told += answer.readline() if path == "/events" else b""  # after the greeting, the first event
            return answer.status, str(answer.headers).encode() + told
        finally:
            line.close()

    def still(self):
        """What a watcher is shown."""
        for _ in range(100):
            code, told = self.ask("page", "/frame?watcher=ann&after=0")
            if code == 200:
                return told
        raise AssertionError("nothing is shown")


def everything(folder, **privacy):
    """Settings with every sink that needs no hardware."""
    return Settings(
        page=PageSettings(enabled=True, port=0),
        metrics=MetricsSettings(enabled=True, port=0),
        mqtt=MqttSettings(host="127.0.0.1", port=1, queue=str(folder / "queue.sqlite3")),  # nobody is there: all waits
        privacy=PrivacySettings(**privacy),
    )


@pytest.fixture
def told(tmp_path, capfdbinary):
    """Let all sinks there are take the picture for a while; return all that each of them has let out, by its name."""

    def let_out(**privacy):
        pages = {}
        with (tmp_path / "console").open("w") as stream:
            logs = {name: tmp_path / f"{name}.jsonl" for name in ("changes", "all")}
            sinks = [
                JsonLinesLog(logs["changes"], changes=Changes(summary_interval_s=1.0), say_none=True),
                JsonLinesLog(logs["all"], changes=None, say_none=True),
                JsonLinesOutput(say_none=True),
                PlainLines(frames=lambda: 1, stream=stream),
            ]
            with Running(everything(tmp_path, **privacy), *sinks) as running:
                stream_due = time.monotonic() + 1.1
                for path in ("/", "/status", "/events", "/healthz"):
                    pages[path] = running.ask("page", path)[1]
                pages["/metrics"] = running.ask("metrics", "/metrics")[1]
                while time.monotonic() < stream_due:  # the console's line
                    threading.Event().wait(0.05)
        out, err = capfdbinary.readouterr()
        files = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        return pages | files | {"stdout": out, "stderr": err}

    return let_out


def test_no_sink_lets_a_pixel_out(told):
    """All of them at work, each having something to tell, and nobody watching the page: not a pixel, in any form."""
    let_out = told()
    for name in ("changes.jsonl", "all.jsonl", "stdout", "console", "/metrics", "/events"):
        assert b"happy" in let_out[name], name
    assert any(b"happy" in content for name, content in let_out.items() if name.startswith("queue.sqlite3"))
    assert {name: found for name, content in let_out.items() if (found := traces(content))} == {}


def test_nothing_is_opened_that_was_not_asked_for():
    """By default neither page nor broker, no window and no video: the log, and what stands on the console."""
    extras = open_extras(Settings(), Surroundings(status, Meters(), MODEL, MODEL.labels))
    assert (extras.sinks, extras.viewers, extras.servers) == ([], [], [])
    assert Showing(NOTHING, None, ask_stop=lambda: None).viewers == []


def test_a_whole_run_keeps_no_pixel(tmp_path, monkeypatch, capfdbinary, demo_clip, interpreter_package):
    """As it comes, on a picture with a face in it: what is said of the face is all that is anywhere afterwards."""
    film = cv2.VideoCapture(str(demo_clip))
    film.set(cv2.CAP_PROP_POS_FRAMES, 150)
    shot = film.read()[1]
    picture = np.vstack([shot, np.resize(PICTURE, (120, shot.shape[1], 3))])
    cv2.imwrite(str(tmp_path / "face.png"), picture)
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    model = ModelSettings(interpreter=interpreter_package)
    run(Settings(source=SourceSettings(use="../face.png"), model=model), json_output=True)
    out, err = capfdbinary.readouterr()
    files = {path.name: path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file()}
    assert files.keys() == {"readings.jsonl"}
    assert b'"emotion":"' in out
    for content in (out, err, *files.values()):
        assert traces(content) == []
    assert traces((tmp_path / "face.png").read_bytes()), "it would have been found"


def likeness(image, picture):
    """Correlation of the fine detail, which is what tells one face from another: 1 is the same, 0 has nothing of it."""
    gray = picture[..., 1].astype(np.float32)
    image = cv2.resize(image, gray.shape[::-1]).astype(np.float32)
    gray -= cv2.blur(gray, (31, 31))
    image -= cv2.blur(image, (31, 31))
    return float((image * gray).mean() / (image.std() * gray.std() + 1e-6))


def shown_with(tmp_path, *, scene=PICTURE, **privacy):
    """What a watcher is sent, headers included."""
    with Running(everything(tmp_path, **privacy), scene=scene) as running:
        return running.still()


def test_the_full_picture_is_for_who_watches(tmp_path):
    """The page alone shows it, to somebody who asks for it."""
    (image,) = traces(shown_with(tmp_path, picture="full"))
    assert likeness(image, PICTURE) > 0.8


def test_of_a_blurred_picture_no_face_is_left(tmp_path):
    """Its fine detail is gone everywhere, and what was in the face changes nothing at all in what leaves."""
    other = PICTURE.copy()
    other[FACE.y : FACE.y + FACE.h, FACE.x : FACE.x + FACE.w] = (
        255 - other[FACE.y : FACE.y + FACE.h, FACE.x : FACE.x + FACE.w]
    )
    first, second = (shown_with(tmp_path, scene=scene, picture="blur") for scene in (PICTURE, other))
    (image,), (same,) = traces(first), traces(second)
    assert abs(likeness(image, PICTURE)) < 0.1
    assert np.array_equal(image, same)


def test_boxes_alone_are_no_picture(tmp_path):
    """Where faces are, and nothing of what they look like."""
    let_out = shown_with(tmp_path, picture="boxes")
    assert traces(let_out) == []
    assert b'"box":[200,140,160,160]' in let_out


def test_counts_only_holds_for_all_of_them(told):
    """By minute and emotion: no track, no place, no time of a face anywhere, and no picture though it is asked for."""
    let_out = told(counts_only=True, picture="full")
    for name in ("changes.jsonl", "all.jsonl", "stdout"):
        lines = [json.loads(line) for line in let_out[name].splitlines()]
        assert lines, name
        assert {line["event"] for line in lines} == {"counts"}, name
        assert all(line["emotions"] == {"happy": 1} for line in lines), name
    assert re.search(rb"in 0 s: happy 1\n", let_out["console"])
    assert b'"emotions":{"happy":1}' in b"".join(
        content for name, content in let_out.items() if name.startswith("queue.sqlite3")
    )
    assert float(re.search(rb'readings_total{emotion="happy"} (\S+)', let_out["/metrics"])[1]) > 0
    event = json.loads(let_out["/events"].partition(b"data: ")[2].partition(b"\n")[0])
    assert (event["faces"], event["stretches"]) == ([], [])
    for name, content in let_out.items():
        assert traces(content) == [], name
        assert not re.search(rb'"(track|box|confidence|face)":', content), name
        assert b"face 1" not in content, name


def test_counts_only_shows_nobody(tmp_path):
    """Whoever watches sees neither a picture nor a box."""
    let_out = shown_with(tmp_path, counts_only=True, picture="full")
    assert traces(let_out) == []
    assert b'"faces":[]' in let_out


class Panel:
    """A display that keeps what it is told to show."""

    width, height, colored = 240, 240, True

    def __init__(self):
        self.pictures, self.shown = [], threading.Event()

    def show(self, picture):
        self.pictures.append(picture)
        self.shown.set()

    def dim(self, *, dimmed):
        """A test is too short for that."""

    def close(self):
        """Nothing is there to clear."""


def test_a_display_shows_a_drawing(tmp_path):
    """What it draws by itself, with nothing of the picture in it."""
    panel = Panel()
    display = Display(DisplaySettings(), status=status, open_display=lambda _settings: panel)
    display.name = "display"
    with Running(everything(tmp_path), display):
        assert panel.shown.wait(10)
    for picture in panel.pictures:
        gray = picture[..., 1]
        assert traces(picture.tobytes()) == []
        assert abs(likeness(gray, PICTURE)) < 0.1
