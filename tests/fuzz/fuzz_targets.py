"""Every parser that reads what others have written, with what it promises for any input at all.

A target takes bytes, gives them to its parser, and raises if the parser does anything but accept them or refuse them as
documented: with its own kind of error, in one line, within `CPU_S` and `MEMORY_BYTES`.
"""

import gc
import io
import socket
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import fuzz_seeds as seeds

sys.path.append(str(Path(__file__).parents[1] / "edge"))  # for the samples that the tests share

from samples import HEALTHY

from edge.device.memory import limited_memory
from edge.errors import ConfigError, EdgeError, LogError, MediaError, ModelError, SinkError, printable, redact

CPU_S = 5.0
"""Processor time that one input may take, s."""

MEMORY_BYTES = 512 << 20
"""Memory that one input may take, bytes."""

MAX_LINE = 5000
"""Longest message for the user, characters."""

ANSWER_S = 0.02
"""How long to wait for a server's answer to a request that may not have one, s."""

TryOne = Callable[[bytes], None]


@dataclass(frozen=True)
class Target:
    """A parser under test.

    Attributes:
        name: short name.
        seeds: returns valid inputs.
        prepare: context manager that yields the function to call for each input; its argument is an empty folder.
        words: bytes that mean something in the format.
        examples: number of inputs that `make test` tries.
    """

    name: str
    seeds: Callable[[], list[bytes]]
    prepare: Callable[[Path], "Iterator[TryOne]"]
    words: tuple[bytes, ...] = ()
    examples: int = 100

    @contextmanager
    def opened(self, folder: Path) -> Iterator[TryOne]:
        """Yield a function that tries one input, and raises if the promise is broken."""
        with contextmanager(self.prepare)(folder) as try_one:

            def check(content: bytes) -> None:
                began_s = time.process_time()
                with limited_memory(MEMORY_BYTES):
                    try_one(content)
                used_s = time.process_time() - began_s
                assert used_s < CPU_S, f"took {used_s:.1f} s of processor time"

            yield check


@contextmanager
def refused_as(*kinds: type[Exception]) -> Iterator[None]:
    """Accept errors of these kinds with a message of one line; any other goes on."""
    try:
        yield
    except kinds as error:
        _check_message(str(error), is_for_user=isinstance(error, EdgeError))


def _check_message(text: str, *, is_for_user: bool) -> None:
    assert text.strip(), "an error without a message"
    assert len(text) <= MAX_LINE, f"a message of {len(text)} characters"
    assert not is_for_user or printable(text) == text, repr(text)


def _model(folder: Path) -> Iterator[TryOne]:
    from edge.model.manifest import read_model  # noqa: PLC0415  # each target imports what it needs, instrumented

    path = folder / "m.tflite"

    def try_one(content: bytes) -> None:
        path.write_bytes(content)
        with refused_as(ModelError):
            read_model(path)

    yield try_one


def _manifest(folder: Path) -> Iterator[TryOne]:
    from edge.model.manifest import read_manifest  # noqa: PLC0415

    path = folder / "m.json"

    def try_one(content: bytes) -> None:
        path.write_bytes(content)
        with refused_as(ModelError):
            manifest = read_manifest(path)
            manifest.right_percent(manifest.labels)

    yield try_one


def _graph(_folder: Path) -> Iterator[TryOne]:
    import numpy as np  # noqa: PLC0415

    from edge.model.interpreter import SharedModel  # noqa: PLC0415

    def try_one(content: bytes) -> None:
        with refused_as(ModelError):
            SharedModel(content).run(np.zeros((1, 48, 48, 1), np.int8))

    yield try_one


def _settings(folder: Path) -> Iterator[TryOne]:
    from edge.settings.load import read_settings  # noqa: PLC0415

    path = folder / "edge.toml"

    def try_one(content: bytes) -> None:
        path.write_bytes(content)
        with refused_as(ConfigError):
            read_settings(path)

    yield try_one


def _log(folder: Path) -> Iterator[TryOne]:
    from rich.console import Console  # noqa: PLC0415

    from edge.report.csv_output import ReadingLine, ReadingsTable, render_summary  # noqa: PLC0415
    from edge.report.period import Period  # noqa: PLC0415
    from edge.report.render import print_text, render_page  # noqa: PLC0415
    from edge.report.summary import LogSummary  # noqa: PLC0415

    path = folder / "readings.jsonl"

    def try_one(content: bytes) -> None:
        path.write_bytes(content)
        with refused_as(LogError, ConfigError):
            table = ReadingsTable(io.StringIO(), Period())
            summary = LogSummary(Period(), line_type=ReadingLine, each=table.add)
            summary.read([path])
            summary.check()
            page = render_page(summary)
            assert "<script>alert" not in page
            print_text(summary, Console(file=io.StringIO()))
            render_summary(summary)

    yield try_one


def _picture_header(_folder: Path) -> Iterator[TryOne]:
    from edge.sources.content import UnreadableContentError  # noqa: PLC0415
    from edge.sources.picture_header import read_header  # noqa: PLC0415

    def try_one(content: bytes) -> None:
        with refused_as(UnreadableContentError):
            header = read_header(content)
            assert header.width > 0
            assert header.height > 0

    yield try_one


def _container(_folder: Path) -> Iterator[TryOne]:
    from edge.sources.container import read_orientation  # noqa: PLC0415
    from edge.sources.content import UnreadableContentError, check_video  # noqa: PLC0415

    def try_one(content: bytes) -> None:
        with refused_as(UnreadableContentError):
            check_video(content[:512])
        read_orientation(io.BytesIO(content))

    yield try_one


class _Decoder:
    """Starts a decoder process when it is needed, and another one after each that has ended."""

    def __init__(self) -> None:
        self._process = None

    def __call__(self):
        from edge.sources.decoder_process import DecoderProcess  # noqa: PLC0415

        if self._process is None:
            self._process = DecoderProcess(1 << 18)
            self._process._control.settimeout(2 * CPU_S)
        return self._process

    def give_up(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None


def _picture(folder: Path) -> Iterator[TryOne]:
    from edge.sources.content import UnreadableContentError, check_picture  # noqa: PLC0415
    from edge.sources.decoder_process import DecoderCrashError, DecoderTimeoutError  # noqa: PLC0415

    path, decoder = folder / "picture", _Decoder()

    def try_one(content: bytes) -> None:
        path.write_bytes(content)
        try:
            with refused_as(UnreadableContentError), path.open("rb") as file:
                check_picture(content[:512])
                picture = decoder().decode_picture(file, color=True)
                assert picture.gray.size <= 1 << 18
        except DecoderTimeoutError:
            raise
        except DecoderCrashError:  # documented: only the decoder's process ends
            decoder.give_up()

    yield try_one
    decoder.give_up()


def _video(folder: Path) -> Iterator[TryOne]:
    from edge.sources.content import UnreadableContentError  # noqa: PLC0415
    from edge.sources.decoder_process import DecoderCrashError, DecoderTimeoutError  # noqa: PLC0415

    path, decoder, most = folder / "video", _Decoder(), 30

    def play(process) -> bool:
        """Return whether the video was read to its end, so that the process can open another one."""
        for _ in range(most):
            if process.next_frame() is None:
                process.next_frame()  # the second one was requested already
                process._pending.clear()
                return True
        return False

    def try_one(content: bytes) -> None:
        path.write_bytes(content)
        is_reusable = False
        try:
            with refused_as(UnreadableContentError), path.open("rb") as file:
                decoder().open_video(file, color=False)
                is_reusable = play(decoder())
        except DecoderTimeoutError:
            raise
        except DecoderCrashError:
            is_reusable = False
        if not is_reusable:
            decoder.give_up()

    yield try_one
    decoder.give_up()


class _Faults:
    """Collects what a web server's application raises, and where a request got to without a token."""

    def __init__(self) -> None:
        self.raised: list[BaseException] = []
        self.leaked: list[str] = []

    def watch(self, application, *, is_public):
        """Return the application, which notes what it raises and each request that is not public."""

        def watched(environ, start_response):
            if not is_public(environ["PATH_INFO"]):
                self.leaked.append(environ["PATH_INFO"])
            return application(environ, start_response)

        return watched

    def guard(self, application):
        def guarded(environ, start_response):
            try:
                return application(environ, start_response)
            except Exception as error:
                self.raised.append(error)
                raise

        return guarded

    def check(self) -> None:
        assert not self.leaked, f"served without a token: {self.leaked[0]!r}"
        if self.raised:
            raise self.raised.pop()


def _exchange(port: int, content: bytes) -> bytes:
    """Send raw bytes to a server, and return the beginning of its answer; empty if there is none at once."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=CPU_S) as client:
        client.sendall(content[: 64 << 10])
        client.settimeout(ANSWER_S)
        return client.recv(4096)
    return b""


def _check_answer(answer: bytes) -> None:
    if answer.startswith(b"HTTP/1."):
        code = answer[9:12]
        assert code < b"500" or code in {b"501", b"503"}, answer[:200]


def _page(_folder: Path) -> Iterator[TryOne]:
    from edge.sinks.page.access import PUBLIC_PATHS, AccessControl  # noqa: PLC0415
    from edge.sinks.web_server import WebServer, listen  # noqa: PLC0415

    faults = _Faults()

    def inner(_environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"in"]

    control = AccessControl(
        faults.watch(inner, is_public=PUBLIC_PATHS.fullmatch),
        token=lambda: "Zm9vYmFyYmF6cXV4Zm9vYmFy",
        hosts=(),
        render_form=str,
    )
    server = WebServer(faults.guard(control), listen("127.0.0.1", 0, section="page"), threads=4, name="fuzzed page")

    def try_one(content: bytes) -> None:
        _check_answer(_exchange(server.port, content))
        faults.check()
        assert server.is_alive

    try:
        yield try_one
    finally:
        server.close()


def _metrics(_folder: Path) -> Iterator[TryOne]:
    from edge.counters import Counters  # noqa: PLC0415
    from edge.model.bundled import BUNDLED_MODEL  # noqa: PLC0415
    from edge.model.manifest import read_model  # noqa: PLC0415
    from edge.settings.sinks import MetricsSettings  # noqa: PLC0415
    from edge.sinks.metrics.endpoint import MetricsEndpoint  # noqa: PLC0415

    manifest = read_model(BUNDLED_MODEL)[1]
    endpoint = MetricsEndpoint(
        MetricsSettings(enabled=True, port=0), status=lambda: HEALTHY, counters=Counters(), model=manifest,
        labels=manifest.labels,
    )  # fmt: skip
    endpoint.open()

    def try_one(content: bytes) -> None:
        _check_answer(_exchange(endpoint._server.port, content))
        assert not endpoint.error

    try:
        yield try_one
    finally:
        endpoint.close()


class _HostileBroker:
    """Accepts clients one after the other, reads each one's login, sends it bytes, and ends the connection."""

    def __init__(self) -> None:
        self.packets = b""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client = self._server.accept()[0]
            except OSError:  # closed
                return
            with client, suppress(OSError):
                client.settimeout(CPU_S)
                client.recv(4096)
                client.sendall(self.packets)
                client.shutdown(socket.SHUT_WR)
                while client.recv(4096):
                    pass

    def close(self) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()


def _broker(_folder: Path) -> Iterator[TryOne]:
    from edge.sinks.mqtt.broker import BrokerConfig  # noqa: PLC0415
    from edge.sinks.mqtt.connection import MAX_PACKET_BYTES, Connection, Message  # noqa: PLC0415

    hostile = _HostileBroker()
    config = BrokerConfig("127.0.0.1", hostile.port, None, None, None)

    def talk() -> None:
        with Connection(config, client_id="device", will=Message("a", b"offline")) as connection:
            connection.connect()
            connection.subscribe("homeassistant/status")
            connection.publish(Message("a", b"online", expires_s=60))
            while True:  # until the broker ends the connection
                connection.step(CPU_S)
                assert all(len(message.payload) <= MAX_PACKET_BYTES for message in connection.received)

    def try_one(content: bytes) -> None:
        hostile.packets = content
        with refused_as(SinkError):
            talk()

    try:
        yield try_one
    finally:
        hostile.close()


def _table(folder: Path) -> Iterator[TryOne]:
    from train.data.fer2013 import read_table  # noqa: PLC0415

    def try_one(content: bytes) -> None:
        kind = {b"PK": ".zip", b"\xfd7": ".xz"}.get(content[:2], "")
        path = folder / f"fer2013.csv{kind}"
        path.write_bytes(content)
        with refused_as(MediaError):
            read_table(path)

    yield try_one


def _label_table(folder: Path) -> Iterator[TryOne]:
    from train.data.photographs import list_photographs  # noqa: PLC0415

    path = folder / "labels.csv"

    def try_one(content: bytes) -> None:
        path.write_bytes(content)
        with refused_as(MediaError):
            list_photographs(folder, path, None)

    yield try_one


def _face_set(folder: Path) -> Iterator[TryOne]:
    from train.data.face_file import read_face_file  # noqa: PLC0415

    path = folder / "faces.npz"

    def try_one(content: bytes) -> None:
        if content[:2] == b"PK":
            path.write_bytes(content)
        else:  # one array, in an archive whose checksums fit
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("faces.npy", content)
                archive.writestr("label.npy", content)
        with refused_as(MediaError):
            read_face_file(path)

    yield try_one


def _run_state(folder: Path) -> Iterator[TryOne]:
    from train.run_folder import RUN, read_state  # noqa: PLC0415

    def try_one(content: bytes) -> None:
        (folder / RUN).write_bytes(content)
        with refused_as(ConfigError):
            read_state(folder)

    yield try_one


def _keras(folder: Path) -> Iterator[TryOne]:
    import keras  # noqa: PLC0415

    from train.checkpoint import load_checkpoint  # noqa: PLC0415

    with zipfile.ZipFile(io.BytesIO(seeds.keras_files()[0])) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}

    def try_one(content: bytes) -> None:
        path = folder / ("net.h5" if content[:4] == b"\x89HDF" else "net.keras")
        if content[:2] == b"PK" or path.suffix == ".h5":
            path.write_bytes(content)
        else:  # a description of a net, in an archive whose checksums fit
            with zipfile.ZipFile(path, "w") as archive:
                for name, own in files.items():
                    archive.writestr(name, content if name == "config.json" else own)
        with refused_as(ModelError):
            load_checkpoint(path)
        keras.backend.clear_session()

    yield try_one
    gc.collect()


def _text(_folder: Path) -> Iterator[TryOne]:
    def try_one(content: bytes) -> None:
        assert len(redact(content.decode("latin-1"))) <= MAX_LINE

    yield try_one


_HTTP_WORDS = (
    b"Host: ", b"Origin: http://", b"Content-Length: ", b"Transfer-Encoding: chunked", b"\r\n", b"[::1]", b"%00", b"-1",
    b"/static/", b"/healthz", b"/token", b"HTTP/1.1", b"Authorization: ", b"Cookie: ", b"..",
)  # fmt: skip
_JSON_WORDS = (b"null", b"1e308", b"-1", b"\\ud800", b"[", b"{", b'"', b"99999999999999999999", b"true", b",", b":")

TARGETS = (
    Target("model", seeds.models, _model,
           (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"\xff\xff\xff\xff"), 200),
    Target("manifest", seeds.manifests, _manifest, (*_JSON_WORDS, b"labels", b"sha256", b"input"), 300),
    Target("settings", seeds.settings, _settings,
           (b"[", b"]", b"=", b'"""', b"0x", b"nan", b"inf", b"{", b".", b"'"), 300),
    Target("log", seeds.logs, _log,
           (*_JSON_WORDS, b'"event":', b'"time":"', b"9999-12-31T", b"0001-01-01T", b'"duration_s":'), 150),
    Target("picture header", seeds.pictures, _picture_header,
           (b"IHDR", b"eXIf", b"Exif\0\0", b"VP8X", b"\xff\xc0"), 400),
    Target("picture", seeds.pictures, _picture, (b"IHDR", b"IDAT", b"\xff\xda", b"\xff\xc4", b"VP8L"), 100),
    Target("container", seeds.videos, _container,
           (b"moov", b"trak", b"tkhd", b"hdlr", b"vide", b"\x1aE\xdf\xa3"), 300),
    Target("video", seeds.videos, _video, (b"moov", b"stsz", b"avih", b"idx1", b"MJPG", b"00dc"), 25),
    Target("page", seeds.page_requests, _page, _HTTP_WORDS, 100),
    Target("metrics", seeds.metrics_requests, _metrics, (*_HTTP_WORDS, b"Accept: ", b"name[]="), 50),
    Target("broker", seeds.broker_packets, _broker, (b"\x20\x03\0\0\0", b"\xff\xff\xff\x7f", b"\x31", b"\x90"), 150),
    Target("table", seeds.tables, _table,
           (b"emotion", b"pixels", b"Usage", b'"', b",", b"\n", b"PrivateTest"), 80),
    Target("label table", seeds.label_tables, _label_table,
           (b"name", b"label", b"person", b'"', b",", b"\n"), 200),
    Target("face set", seeds.face_sets, _face_set,
           (b"'descr'", b"'shape'", b"(", b"|u1", b"<U9", b"999999999"), 200),
    Target("run state", seeds.run_states, _run_state, _JSON_WORDS, 200),
    Target("text", seeds.texts, _text, (b"://", b"@", b"&token=", b"user-pw=", b'"', b"'"), 200),
    Target("keras", seeds.keras_files, _keras, (b"class_name", b"Dense", b"units", b"module", b"config"), 25),
)  # fmt: skip
"""All targets, the ones that take seconds to prepare last."""


def find(name: str) -> Target:
    """Return the target with a name; blanks may be given as hyphens."""
    return next(target for target in TARGETS if target.name == name.replace("-", " "))
