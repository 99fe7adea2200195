"""Targets: the files that the runtime and `report` read, and texts that may hold a password."""

import io
from collections.abc import Iterator
from pathlib import Path

import fuzz_seeds as seeds
from fuzz_base import JSON_WORDS, MAX_LINE, Target, TryOne, try_as_file

from edge.errors import ConfigError, LogError, ModelError, redact


def _model(folder: Path) -> Iterator[TryOne]:
    from edge.model.manifest import read_model  # noqa: PLC0415  # each target imports what it needs, instrumented

    yield try_as_file(folder / "m.tflite", read_model, ModelError)


def _manifest(folder: Path) -> Iterator[TryOne]:
    from edge.model.manifest import read_manifest  # noqa: PLC0415

    def read(path: Path) -> None:
        manifest = read_manifest(path)
        manifest.right_percent(manifest.labels)

    yield try_as_file(folder / "m.json", read, ModelError)


def _settings(folder: Path) -> Iterator[TryOne]:
    from edge.settings.load import read_settings  # noqa: PLC0415

    yield try_as_file(folder / "edge.toml", read_settings, ConfigError)


def _log(folder: Path) -> Iterator[TryOne]:
    from rich.console import Console  # noqa: PLC0415

    from edge.report.csv_output import ReadingLine, ReadingsTable, render_summary  # noqa: PLC0415
    from edge.report.period import Period  # noqa: PLC0415
    from edge.report.render import print_text, render_page  # noqa: PLC0415
    from edge.report.summary import LogSummary  # noqa: PLC0415

    def read(path: Path) -> None:
        table = ReadingsTable(io.StringIO(), Period())
        summary = LogSummary(Period(), line_type=ReadingLine, each=table.add)
        summary.read([path])
        summary.check()
        page = render_page(summary)
        assert "<script>alert" not in page
        print_text(summary, Console(file=io.StringIO()))
        render_summary(summary)

    yield try_as_file(folder / "readings.jsonl", read, LogError, ConfigError)


def _text(_folder: Path) -> Iterator[TryOne]:
    def try_one(content: bytes) -> None:
        assert len(redact(content.decode("latin-1"))) <= MAX_LINE

    yield try_one


TARGETS = (
    Target("model", seeds.models, _model,
           (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"\xff\xff\xff\xff"), 200),
    Target("manifest", seeds.manifests, _manifest, (*JSON_WORDS, b"labels", b"sha256", b"input"), 300),
    Target("settings", seeds.settings, _settings,
           (b"[", b"]", b"=", b'"""', b"0x", b"nan", b"inf", b"{", b".", b"'"), 300),
    Target("log", seeds.logs, _log,
           (*JSON_WORDS, b'"event":', b'"time":"', b"9999-12-31T", b"0001-01-01T", b'"duration_s":'), 150),
    Target("text", seeds.texts, _text, (b"://", b"@", b"&token=", b"user-pw=", b'"', b"'"), 200),
)  # fmt: skip
"""The targets of this module."""
