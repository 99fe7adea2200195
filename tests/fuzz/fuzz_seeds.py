"""Small, valid inputs of every kind, from which the fuzzers make damaged ones. No input is a file of the user."""

import gzip
import io
import json
import lzma
import os
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import cv2
import msgspec
import numpy as np

from edge.device.files import read_limited
from edge.model import zip_attachments
from edge.model.bundled import BUNDLED_MODEL
from edge.model.manifest import MANIFEST, manifest_bytes, read_model, sha256_of
from edge.settings.schema import Settings

_SIDE = 32


@cache
def _flatbuffer_and_manifest():
    """Return a stand-in for a graph, and a manifest that fits it."""
    flatbuffer = b"\0\0\0\0TFL3" + bytes(56)
    manifest = read_model(BUNDLED_MODEL)[1]
    return flatbuffer, msgspec.structs.replace(manifest, sha256=sha256_of(flatbuffer), size_bytes=len(flatbuffer))


def manifests():
    manifest = _flatbuffer_and_manifest()[1]
    short = msgspec.structs.replace(manifest, measurements=(), figures=(), latency=(), training_run=None, versions={})
    return [manifest_bytes(manifest), manifest_bytes(short)]


def models():
    flatbuffer, _ = _flatbuffer_and_manifest()
    deflated = io.BytesIO(flatbuffer)
    with zipfile.ZipFile(deflated, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, manifests()[1])
    return [zip_attachments.attach(flatbuffer, {MANIFEST: manifests()[1]}), deflated.getvalue(), flatbuffer]


def settings():
    sections = msgspec.to_builtins(Settings())
    lines = []
    for section, values in sections.items():
        if isinstance(values, dict):
            lines.append(f"[{section}]")
            lines += [f"{key} = {_toml(value)}" for key, value in values.items() if value is not None]
        else:
            lines.insert(0, f"{section} = {_toml(values)}")
    short = b'profile = "light"\n[source]\nuse = "0"\ncrop = [0, 0, 64, 48]\n[log]\npath = "/tmp/a.jsonl"\n'
    return ["\n".join(lines).encode(), short]


def _toml(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + "}"
    return json.dumps(value)


def logs():
    reading = {"frame": 1, "track": 1, "box": [0, 0, 9, 9], "emotion": "happy", "confidence": 0.9}
    reading["probabilities"] = {"happy": 0.9, "sad": 0.1}
    counts = {"event": "counts", "duration_s": 60.0, "frames": 100, "frames_with_face": 3, "most_faces": 2}
    texts = [
        _log({"event": "started", "model": "edge_small"}, {"event": "appeared", "track": 1, "emotion": "happy"},
             {"event": "changed", "track": 1, "emotion": "sad"}, {"event": "left", "track": 1, "duration_s": 9.0},
             {"event": "summary", "most_faces": 1}, {"event": "gap", "duration_s": 30.0, "reason": "paused"},
             {"event": "clock", "stepped_s": 3600.0}, {"event": "stopped"}),
        _log({"event": "started", "clock": "unset"}, {"event": "clock", "stepped_s": -60.0}),
        _log(reading, {**reading, "emotion": "uncertain"}, {**reading, "track": 2}),
        _log({**counts, "emotions": {"happy": 5.0}}, {"event": "picture", "duration_s": 12.0}),
        _log({**reading, "media_time_s": 0.5}, {**reading, "media_time_s": 1.5}, {**reading, "media_time_s": None}),
    ]  # fmt: skip
    return [*texts, gzip.compress(texts[0], mtime=0)]


def _log(*lines):
    stamped = [
        {"time": f"2026-11-20T12:00:{second:02}.000Z", "source": "c", **line} for second, line in enumerate(lines)
    ]
    return "".join(json.dumps(line) + "\n" for line in stamped).encode()


def pictures():
    noise = np.random.default_rng(0).integers(0, 256, (_SIDE, _SIDE, 3), np.uint8)
    progressive = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    contents = [cv2.imencode(f".{name}", noise)[1].tobytes() for name in ("png", "jpg", "webp", "bmp", "tiff")]
    contents += [
        cv2.imencode(".png", noise[..., 0])[1].tobytes(),
        cv2.imencode(".jpg", noise, progressive)[1].tobytes(),
    ]
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    jpeg = contents[1]
    contents.append(jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:])
    contents.append(b"GIF89a\x02\0\x02\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x02\0\x02\0\0\x02\x03D\x02\x05\0;")
    return contents


@cache
def _videos():
    contents = []
    with tempfile.TemporaryDirectory() as folder:
        for name, codec in (("a.avi", "MJPG"), ("b.mp4", "mp4v"), ("c.mkv", "mp4v")):
            path = os.path.join(folder, name)  # noqa: PTH118  # OpenCV takes a text
            writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*codec), 10.0, (_SIDE, _SIDE))
            for level in range(0, 240, 60):
                writer.write(np.full((_SIDE, _SIDE, 3), level, np.uint8))
            writer.release()
            contents.append(read_limited(Path(path), 1 << 20))
    return contents


def videos():
    return _videos()


def page_requests():
    host = "Host: 127.0.0.1\r\n"
    return [text.encode() for text in (
        f"GET /status HTTP/1.1\r\n{host}\r\n", f"GET /healthz HTTP/1.1\r\n{host}\r\n",
        f"GET /stream.mjpeg?token=x&boxes=0 HTTP/1.1\r\n{host}Authorization: Basic dTpw\r\n\r\n",
        f"POST /token HTTP/1.1\r\n{host}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n"
        "\r\ntoken=x",
        f"POST /token HTTP/1.1\r\n{host}Content-Type: multipart/form-data; boundary=x\r\n"
        "Transfer-Encoding: chunked\r\n\r\n5\r\n--x\r\n\r\n0\r\n\r\n",
        f"GET /frame?watcher=a&after=-1 HTTP/1.0\r\n{host}Cookie: edge-emotion=x\r\nOrigin: http://[::1]\r\n"
        "Sec-Fetch-Site: same-origin\r\n\r\n",
    )]  # fmt: skip


def metrics_requests():
    host = "Host: localhost:9464\r\n"
    return [text.encode() for text in (
        f"GET /metrics HTTP/1.1\r\n{host}Accept: application/openmetrics-text; version=1.0.0\r\n\r\n",
        f"GET /metrics?name[]=edge_emotion_frames_total HTTP/1.1\r\n{host}Accept-Encoding: gzip\r\n\r\n",
        f"HEAD / HTTP/1.1\r\n{host}\r\n",
    )]  # fmt: skip


def broker_packets():
    """Return what a broker may send: its answer to the login, then a message, acknowledgements and a farewell."""
    accepted, topic = b"\x20\x03\0\0\0", b"homeassistant/status"
    message = len(topic).to_bytes(2, "big") + topic + b"\0online"
    publish = bytes([0x31, len(message)]) + message
    return [
        accepted + publish + b"\x40\x04\0\x01\0\0",
        accepted + b"\x90\x04\0\x01\0\x01" + b"\xe0\x02\x8e\0",
        b"\x20\x02\0\x01",
        b"\x20\x08\0\x87\x05\x1f\0\x02no",
        accepted + b"\x31\xff\xff\x7f" + message,
        accepted + b"\xd0\0\xf0\x02\0\0\x62\x02\0\x09",
    ]


def tables():
    face = " ".join(["7"] * 2304)
    plain = f"emotion,pixels,Usage\n3,{face},Training\n4,{face},PublicTest\n5,{face},PrivateTest\n".encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("fer2013.csv", plain)
    return [plain, f'"emotion","pixels"\n3,"{face}"\n'.encode(), lzma.compress(plain), archive.getvalue()]


def label_tables():
    return [
        b"name,label,person\na.png,happy,p1\nb.png,sad,\n",
        "\ufefffile;emotion\n".encode(),
        b'"name","label"\n"a","b"',
    ]


def face_sets():
    arrays = {"faces": np.zeros((2, 48, 48), np.uint8), "label": np.array([3, 4]), "fold": np.array([0, 1])}
    contents = []
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, **arrays)
        contents.append(file.getvalue())
    array = io.BytesIO()
    np.save(array, arrays["faces"])
    return [*contents, array.getvalue()]


def run_states():
    return [b'{"settings": {"labels": ["happy", "sad"], "data": "x"}, "history": [{"loss": 1.0}], "seconds": 2.5}']


@cache
def _keras_files():
    import keras  # noqa: PLC0415  # takes seconds

    net = keras.Sequential([keras.Input((16, 16, 1)), keras.layers.Flatten(), keras.layers.Dense(5, "softmax")])
    contents = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("net.keras", "net.h5"):
            path = Path(folder, name)
            net.save(path)
            contents.append(read_limited(path, 1 << 20))
    with zipfile.ZipFile(io.BytesIO(contents[0])) as archive:
        contents.append(archive.read("config.json"))
    return contents


def keras_files():
    """Return a `.keras` file, a `.h5` file, and a description of a net, in this order."""
    return _keras_files()


def texts():
    return [b"rtsp://user:secret@camera/stream?token=abc", b'rtspsrc location="rtsp://a" user-pw="b c" ! fakesink']
