"""By default no sink outputs a pixel, and each privacy setting limits the output of every sink as documented."""

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
from samples import FACE, make_observation, make_status, opened
from waiting import LIMIT_S, wait_for

pytest.importorskip("flask", reason="some sinks need flask")
pytest.importorskip("waitress", reason="some sinks need waitress")
pytest.importorskip("prometheus_client", reason="some sinks need prometheus_client")
pytest.importorskip("paho.mqtt", reason="some sinks need paho.mqtt")
pytest.importorskip("pygame", reason="some sinks need pygame")
pytest.importorskip("luma.core", reason="some sinks need luma.core")

import edge.sinks
from edge.cli.run import run
from edge.counters import Counters
from edge.model.bundled import BUNDLED_MODEL
from edge.model.manifest import read_manifest
from edge.pipeline.fanout import FanOut
from edge.pipeline.sinks import SinkContext, ViewOptions, new_optional_sinks
from edge.records import Frame, FrameWithReadings, Observation
from edge.runtime.queue import Policy
from edge.runtime.workers import Workers
from edge.settings.schema import ModelSettings, Settings, SourceSettings
from edge.settings.sinks import DisplaySettings, MetricsSettings, MqttSettings, PageSettings, PrivacySettings
from edge.sinks.console.lines import JsonLinesOutput, PlainLines
from edge.sinks.display.sink import Display
from edge.sinks.log.events import ChangeEvents
from edge.sinks.log.jsonl import JsonLinesLog
from edge.status import Status

PICTURE = np.random.default_rng(3).integers(0, 256, (480, 640, 3), np.uint8)
"""Noise: no two places are alike, so that any piece of it is recognized in any output."""

SHOWS_PICTURES = {"LivePage", "AnnotatedVideo", "Window"}
"""The sinks that get pixels. One that is added here needs its own test below."""

MODEL = read_manifest(BUNDLED_MODEL.with_suffix(".json"))


def all_sinks():
    """Every sink class in edge.sinks, so that a new one is tested without being listed."""
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
    alias = typing.get_origin(kind) or kind
    if hasattr(alias, "__value__"):  # a type alias, as NDArray is from numpy 2.5 on
        inner.append(alias.__value__)
    for part in inner:
        parts_of(part, seen)
    return seen


def traces(data, *, depth=0):
    """Find PICTURE in `data`: pieces of its raw pixels, and everything that can be decoded as an image."""
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
def test_an_encoded_picture_is_found(form):
    """`traces`, on which the other tests rely, finds the picture between other data in each of the usual encodings."""
    assert traces(b"before" + encoded_forms()[form] + b"after")


def test_only_three_sinks_get_pixels():
    """All other sinks get observations, whose types cannot hold an image."""
    sinks = list(all_sinks())
    assert len(sinks) > 8
    taken = {sink.__name__: next(iter(typing.get_type_hints(sink.write).values())) for sink in sinks}
    assert {name for name, kind in taken.items() if kind is FrameWithReadings} == SHOWS_PICTURES
    for name in taken.keys() - SHOWS_PICTURES:
        leaves = {part for part in parts_of(taken[name]) if inspect.isclass(part)}
        assert leaves <= READING_PARTS, name


READING_PARTS = {part for part in parts_of(Observation) if inspect.isclass(part)}


def test_neither_observations_nor_the_status_can_hold_an_image():
    """No part of their types is an array, bytes or a frame."""
    holders = {np.ndarray, np.generic, bytes, bytearray, memoryview, Frame}
    for kind in (Observation, Status):
        assert not holders & parts_of(kind)
        assert not [part for part in parts_of(kind) if typing.get_origin(part) is np.ndarray]
    assert [part for part in parts_of(FrameWithReadings) if typing.get_origin(part) is np.ndarray], "the search works"


LABELS = MODEL.labels


def frame(index, picture=PICTURE):
    gray = np.ascontiguousarray(picture[..., 1])
    return Frame(gray, index, time.monotonic(), float(index), "camera", picture)


class Running:
    """Feeds frames to the sinks that `settings` enable, and to `sinks`, until the block ends."""

    def __init__(self, settings, *sinks, scene=PICTURE):
        self.counters = Counters()
        extras = new_optional_sinks(settings, SinkContext(make_status, self.counters, MODEL, MODEL.labels))
        self._guards = extras.all
        self._scene = scene
        self._left = threading.Event()
        self._fan_out = FanOut(
            [*sinks, *extras.readings],
            extras.frames,
            Policy.DROP_OLDEST,
            self.counters,
            servers=extras.servers,
            counts_only=settings.privacy.counts_only,
        )
        self._workers = Workers()
        self._workers.add("classify", self._feed, ends=[self._fan_out])
        self._fan_out.add_workers(self._workers)
        self._thread = threading.Thread(target=self._run)

    def _feed(self):
        index = 0
        while not self._left.wait(0.01):  # a frame a minute, so that counts_only has minutes to report
            self._fan_out.put(
                frame(60 * index, self._scene),
                make_observation(
                    "happy", frame_index=60 * index, captured_at=time.monotonic(), media_time_s=60.0 * index
                ),
            )
            index += 1

    def _run(self):
        self._workers.run(stop=lambda: None, check=lambda: None, check_every_s=0.1)

    def __enter__(self):
        self._thread.start()
        wait_for(lambda: all(guard.note for guard in self._guards) and self.counters.emotions)
        return self

    def __exit__(self, *_):
        self._left.set()
        self._thread.join(LIMIT_S)

    def ask(self, name, path, **headers):
        """Return the HTTP status and the whole response, headers included."""
        (note,) = [guard.note for guard in self._guards if guard.name == name]
        host, _, rest = note.removeprefix("http://").partition(":")
        line = http.client.HTTPConnection(host, int(re.match(r"\d+", rest)[0]), timeout=LIMIT_S)
        try:
            line.request("GET", path, headers=headers)
            answer = line.getresponse()
            content = b"".join(iter(answer.readline, b"\n")) if path == "/events" else answer.read()
            content += answer.readline() if path == "/events" else b""  # after the greeting, the first event
            return answer.status, str(answer.headers).encode() + content
        finally:
            line.close()

    def still(self, path="/frame?watcher=ann&after=0"):
        """Return the first image that a viewer of the page gets, with the headers."""
        return wait_for(lambda: self._image(path))

    def _image(self, path):
        code, response = self.ask("page", path)
        return response if code == 200 else None


def everything(folder, **privacy):
    """Settings that enable every sink that needs no hardware."""
    return Settings(
        page=PageSettings(enabled=True, port=0),
        metrics=MetricsSettings(enabled=True, port=0),
        mqtt=MqttSettings(host="127.0.0.1", port=1, queue=str(folder / "queue.sqlite3")),  # no broker: all is queued
        privacy=PrivacySettings(**privacy),
    )


@pytest.fixture
def outputs(tmp_path, capfdbinary):
    """Runs every sink on frames of PICTURE; returns the output of each by name."""

    def run_all(**privacy):
        pages = {}
        with (tmp_path / "console").open("w") as stream:
            logs = {name: tmp_path / f"{name}.jsonl" for name in ("changes", "all")}
            sinks = [
                opened(JsonLinesLog(logs["changes"], changes=ChangeEvents(summary_interval_s=1.0), include_empty=True)),
                opened(JsonLinesLog(logs["all"], changes=None, include_empty=True)),
                JsonLinesOutput(include_empty=True),
                PlainLines(frames=lambda: 1, stream=stream),
            ]
            with Running(everything(tmp_path, **privacy), *sinks) as running:
                for path in ("/", "/status", "/events", "/healthz"):
                    pages[path] = running.ask("page", path)[1]
                pages["/metrics"] = running.ask("metrics", "/metrics")[1]
                wait_for(lambda: b"happy" in (tmp_path / "console").read_bytes())  # a line a second
        out, err = capfdbinary.readouterr()
        files = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        return pages | files | {"stdout": out, "stderr": err}

    return run_all


def test_no_sink_lets_a_pixel_out(outputs):
    """While nobody watches the page, no sink outputs a pixel in any form, though each outputs something."""
    let_out = outputs()
    for name in ("changes.jsonl", "all.jsonl", "stdout", "console", "/metrics", "/events"):
        assert b"happy" in let_out[name], name
    assert any(b"happy" in content for name, content in let_out.items() if name.startswith("queue.sqlite3"))
    assert {name: found for name, content in let_out.items() if (found := traces(content))} == {}


def test_by_default_there_are_no_optional_sinks():
    """Default settings enable neither page, broker, metrics nor display, and no window and no video."""
    extras = new_optional_sinks(Settings(), SinkContext(make_status, Counters(), MODEL, MODEL.labels))
    assert extras.all == []
    assert not ViewOptions()


def test_a_whole_run_keeps_no_pixel(tmp_path, monkeypatch, capfdbinary, demo_clip, interpreter_package):
    """A run with default settings on an image with a face leaves readings in log and output, and no pixel anywhere."""
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
    assert traces((tmp_path / "face.png").read_bytes()), "the search works"


def likeness(image, picture):
    """Return the correlation of the fine detail, which distinguishes faces: 1 is the same picture, 0 another one."""
    gray = picture[..., 1].astype(np.float32)
    image = cv2.resize(image, gray.shape[::-1]).astype(np.float32)
    gray -= cv2.blur(gray, (31, 31))
    image -= cv2.blur(image, (31, 31))
    return float((image * gray).mean() / (image.std() * gray.std() + 1e-6))


def shown_with(tmp_path, *, scene=PICTURE, **privacy):
    """Return what a viewer of the page gets, headers included."""
    with Running(everything(tmp_path, **privacy), scene=scene) as running:
        return running.still()


def test_a_viewer_of_the_page_gets_the_picture(tmp_path):
    """With `picture = "full"` the page sends the frame to a viewer."""
    (image,) = traces(shown_with(tmp_path, picture="full"))
    assert likeness(image, PICTURE) > 0.8


def test_a_blurred_picture_reveals_no_face(tmp_path):
    """With `picture = "blur"` the fine detail is gone, and the pixels inside a face do not affect the output at all."""
    other = PICTURE.copy()
    other[FACE.y : FACE.y + FACE.h, FACE.x : FACE.x + FACE.w] = (
        255 - other[FACE.y : FACE.y + FACE.h, FACE.x : FACE.x + FACE.w]
    )
    first, second = (shown_with(tmp_path, scene=scene, picture="blur") for scene in (PICTURE, other))
    (image,), (same,) = traces(first), traces(second)
    assert abs(likeness(image, PICTURE)) < 0.1
    assert np.array_equal(image, same)


@pytest.mark.parametrize("query", ["", "?boxes=0"])
def test_other_programs_get_what_the_page_shows(tmp_path, query):
    """The picture for other programs is blurred like the page's, and with counts only there is none."""
    with Running(everything(tmp_path, picture="blur")) as running:
        (image,) = traces(running.still(f"/snapshot.jpg{query}"))
    assert abs(likeness(image, PICTURE)) < 0.1
    with Running(everything(tmp_path, counts_only=True, picture="full")) as running:
        for path in ("/snapshot.jpg", "/stream.mjpeg"):
            code, response = running.ask("page", path + query)
            assert (code, traces(response)) == (403, [])


def test_boxes_without_a_picture(tmp_path):
    """With `picture = "boxes"` a viewer gets the boxes of the faces and no pixel."""
    let_out = shown_with(tmp_path, picture="boxes")
    assert traces(let_out) == []
    assert b'"box":[200,140,160,160]' in let_out


def test_counts_only_holds_for_all_of_them(outputs):
    """With `counts_only` every output has counts by minute and emotion: no track, box, confidence or picture."""
    let_out = outputs(counts_only=True, picture="full")
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


def test_with_counts_only_the_page_shows_no_face(tmp_path):
    """With `counts_only` a viewer gets neither a picture nor a box."""
    let_out = shown_with(tmp_path, counts_only=True, picture="full")
    assert traces(let_out) == []
    assert b'"faces":[]' in let_out


class Panel:
    """A display that keeps the pictures it shows."""

    width, height, colored = 240, 240, True

    def __init__(self):
        self.pictures, self.shown = [], threading.Event()

    def show(self, picture):
        self.pictures.append(picture)
        self.shown.set()

    def dim(self, *, dimmed):
        """Do nothing: a test is too short for that."""

    def close(self):
        """Do nothing."""


def test_a_display_shows_a_drawing(tmp_path):
    """A display shows a drawing that contains nothing of the picture."""
    panel = Panel()
    display = opened(Display(DisplaySettings(), status=make_status, open_display=lambda _settings: panel))
    display.name = "display"
    with Running(everything(tmp_path), display):
        assert panel.shown.wait(LIMIT_S)
    for picture in panel.pictures:
        gray = picture[..., 1]
        assert traces(picture.tobytes()) == []
        assert abs(likeness(gray, PICTURE)) < 0.1
