"""The `status` command: shows a person how the running service is."""

import time
from pathlib import Path

import msgspec
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from edge.errors import ServiceError
from edge.status import SinkStatus, Status, ask_status

WATCH_EVERY_S = 1.0

_TELLING_S = 600.0
"""After so long a rate by the hour means something, s."""

_NOT_WELL = ServiceError.exit_code


def show_status(path: Path, *, watch: bool, as_json: bool) -> int:
    """Ask, and print the answer; with `watch` every second until Ctrl-C.

    Returns:
        The exit code: 0 where frames are processed, else 3.

    Raises:
        ServiceError: no service answers.
    """
    if not watch:
        status = ask_status(path)
        _print_json(status) if as_json else Console().print(describe(status))
        return 0 if status.is_well else _NOT_WELL
    try:
        return _watch_json(path) if as_json else _watch_table(path)
    except KeyboardInterrupt:
        return 0


def _watch_json(path: Path) -> int:
    while True:
        _print_json(ask_status(path))
        time.sleep(WATCH_EVERY_S)


def _watch_table(path: Path) -> int:
    with Live(describe(ask_status(path)), auto_refresh=False) as live:
        while True:
            live.update(describe(ask_status(path)), refresh=True)
            time.sleep(WATCH_EVERY_S)


def _print_json(status: Status) -> None:
    print(msgspec.json.encode(status).decode(), flush=True)  # noqa: T201  # the command's answer


def describe(status: Status) -> Table:
    """A table of what there is to say."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    colour = "green" if status.is_well else "red"
    table.add_row("state", f"[{colour}]{status.state}[/]")
    for name, value in _rows(status):
        table.add_row(name, Text(value))  # not markup: it may hold any message
    return table


def _rows(status: Status) -> list[tuple[str, str]]:
    hours, seconds = divmod(int(status.uptime_s), 3600)
    rows = [
        ("since", f"{status.since} ({hours} h {seconds // 60} min), process {status.pid}, version {status.version}"),
        ("source", f"{status.source}, re-opened {status.reopens} times, {status.stalls} stalls"),
    ]
    if status.state == "camera lost":
        rows.append(("lost", f"{status.camera_error}; trying again in {status.retry_in_s or 0.0:.0f} s"))
    rows.append(("frames", f"{status.frames}, {status.fps:.1f} a second, {status.dropped} dropped for newer ones"))
    if status.latency_ms_p50 is not None:
        rows.append(("latency", f"p50 {status.latency_ms_p50:.1f} ms, p95 {status.latency_ms_p95:.1f} ms"))
    rows += [("faces", str(status.faces)), ("log", _log(status))]
    rows += [(sink.name, _sink(sink)) for sink in status.sinks]
    if (board := _board(status)) != "":
        rows.append(("board", board))
    if status.clock_error:
        rows.append(("clock", status.clock_error))
    if status.last_error:
        rows.append(("last error", f"{status.last_error_at} {status.last_error}"))
    return rows


def _log(status: Status) -> str:
    words = status.log
    if status.log_error:
        words += f": cannot be written: {status.log_error}"
    if status.log_dropped:
        words += f", {status.log_dropped} lines lost"
    if status.undelivered:
        words += f", {status.undelivered} frames not delivered"
    words += f", {status.log_bytes / 1e6:.1f} MB in {status.log_flushes} writes"
    if status.uptime_s >= _TELLING_S:
        hours = status.uptime_s / 3600
        words += f" ({status.log_bytes / 1e6 / hours:.2f} MB, {status.log_flushes / hours:.0f} writes an hour)"
    return words


def _sink(sink: SinkStatus) -> str:
    parts = [f"does not serve: {sink.error}"] if sink.error else []
    parts += [sink.note] if sink.note else []
    parts += [f"{sink.waiting} of {sink.capacity} wait"] if sink.waiting else []
    parts += [f"{sink.dropped + sink.lost} dropped"] if sink.dropped + sink.lost else []
    parts += [f"failed {sink.faults} times"] if sink.faults else []
    return ", ".join(parts) or "no fault so far"


def _board(status: Status) -> str:
    parts = []
    if status.temperature_c is not None:
        parts.append(f"{status.temperature_c:.0f} °C")
    if status.core_v is not None:
        parts.append(f"{status.core_v:.2f} V")
    if status.throttled is not None:
        parts.append(", ".join(status.throttled) or "not throttled")
    return ", ".join(parts)
