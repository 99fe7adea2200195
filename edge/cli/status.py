"""The `status` command: shows the running service's status."""

import time
from pathlib import Path

import msgspec
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from edge.errors import ServiceError, printable
from edge.status import SinkStatus, Status, describe_rotation, query_status

WATCH_EVERY_S = 1.0

_RATES_FROM_S = 600.0
"""Uptime from which rates per hour are shown, s: before, they would say little."""


def show_status(path: Path, *, watch: bool, as_json: bool) -> int:
    """Print the status once, or with `watch` every second until Ctrl-C; return the exit code.

    Args:
        path: the service's status socket.
        watch: whether to repeat.
        as_json: whether to print JSON, one line each time.

    Returns:
        0 if frames are processed, else 3.

    Raises:
        ServiceError: no service responds.
    """
    if not watch:
        status = query_status(path)
        _print_json(status) if as_json else Console().print(format_table(status))
        return 0 if status.is_healthy else ServiceError.exit_code
    try:
        return _watch_json(path) if as_json else _watch_table(path)
    except KeyboardInterrupt:
        return 0


def _watch_json(path: Path) -> int:
    while True:
        _print_json(query_status(path))
        time.sleep(WATCH_EVERY_S)


def _watch_table(path: Path) -> int:
    with Live(format_table(query_status(path)), auto_refresh=False) as live:
        while True:
            live.update(format_table(query_status(path)), refresh=True)
            time.sleep(WATCH_EVERY_S)


def _print_json(status: Status) -> None:
    print(msgspec.json.encode(status).decode(), flush=True)  # noqa: T201  # the command's result


def format_table(status: Status) -> Table:
    """Return the status as a table of names and values."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    color = "green" if status.is_healthy else "red"
    table.add_row("state", Text(printable(status.state), style=color))
    for name, value in _rows(status):
        table.add_row(printable(name), Text(printable(value)))  # not parsed as markup, since it may hold any message
    return table


def _rows(status: Status) -> list[tuple[str, str]]:
    hours, seconds = divmod(int(status.uptime_s), 3600)
    rows = [
        ("since", f"{status.since} ({hours} h {seconds // 60} min), process {status.pid}, version {status.version}"),
        ("source", f"{status.source}, re-opened {status.reopens} times, {status.stalls} stalls{_pauses(status)}"),
    ]
    rows.append(("mounting", describe_rotation(status.rotation, is_found=status.rotation_found)))
    if status.state == "camera lost":
        rows.append(("lost", f"{status.camera_error}; trying again in {status.retry_in_s or 0.0:.0f} s"))
    if status.state == "bad picture":
        rows.append(("picture", status.camera_error))
    rate = "" if status.fps is None else f", {status.fps:.1f} a second"
    rows.append(("frames", f"{status.frames}{rate}, {status.dropped} dropped for newer ones"))
    if status.latency_ms_p50 is not None and status.latency_ms_p95 is not None:
        rows.append(("latency", f"p50 {status.latency_ms_p50:.1f} ms, p95 {status.latency_ms_p95:.1f} ms"))
    rows += [("faces", "unknown" if status.faces is None else str(status.faces)), ("log", _log(status))]
    rows += [(sink.name, _sink(sink)) for sink in status.sinks]
    named = {"log", *(sink.name for sink in status.sinks)}
    rows += [(name, "blocked: a call does not return") for name in status.blocked if name not in named]
    if (board := _board(status)) != "":
        rows.append(("board", board))
    if status.clock_error:
        rows.append(("clock", status.clock_error))
    if status.last_error:
        rows.append(("last error", f"{status.last_error_at} {status.last_error}"))
    return rows


def _pauses(status: Status) -> str:
    return f", this process was paused {status.pauses} times" if status.pauses else ""


def _log(status: Status) -> str:
    text = status.log
    if status.log_error:
        text += f": cannot be written: {status.log_error}"
    if status.log_dropped:
        text += f", {status.log_dropped} lines lost"
    if status.undelivered:
        text += f", {status.undelivered} frames not delivered"
    text += f", {status.log_bytes / 1e6:.1f} MB in {status.log_flushes} writes"
    if status.uptime_s >= _RATES_FROM_S:
        hours = status.uptime_s / 3600
        text += f" ({status.log_bytes / 1e6 / hours:.2f} MB, {status.log_flushes / hours:.0f} writes an hour)"
    return text


def _sink(sink: SinkStatus) -> str:
    parts = [f"not working: {sink.error}"] if sink.error else []
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
