"""Draws the charts of a report as inline SVG; all text is escaped."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from markupsafe import Markup

from edge.report.durations import LABELS, Row
from edge.report.format import format_duration, format_hours, format_position, format_time
from edge.report.gaps import Gap
from edge.report.part import Part, VideoPart
from edge.report.visits import histogram_labels
from edge.sinks.colors import COLORS, Rgb, text_color

Anchor = Literal["start", "middle", "end"]

WIDTH = 960
"""Width of every drawing, px of the page."""

BACKGROUND: Rgb = (0x1E, 0x1F, 0x26)
"""Background of every drawing, in a light page as well: on it, all emotion colors from yellow to blue stand out."""

INK: Rgb = (0xF2, 0xF2, 0xF5)
FAINT: Rgb = (0xB4, 0xB6, 0xC2)

_OPEN = Markup(
    '<svg viewBox="0 0 {width} {height}" role="img" aria-labelledby="{name}-t {name}-d">'
    '<title id="{name}-t">{title}</title><desc id="{name}-d">{description}</desc>'
    '<rect width="{width}" height="{height}" rx="10" fill="{background}"/>'
)
_RECT = Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}"/>')
_RECT_WITH_TOOLTIP = Markup(
    '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}"><title>{}</title></rect>'
)
_LINE = Markup('<path d="M{:.1f} {:.1f}L{:.1f} {:.1f}" stroke="{}"/>')
_TEXT = Markup('<text x="{:.1f}" y="{:.1f}" font-size="{:g}" fill="{}" text-anchor="{}">{}</text>')


class SvgDrawing:
    """An SVG element, drawn from back to front; lengths are in px of the page, the origin is at the top left.

    Args:
        name: prefix of the ids in the element; unique in the page.
        height: height, px.
        title: name of the drawing, for screen readers.
        description: what the drawing shows, for screen readers.
    """

    def __init__(self, name: str, *, height: int, title: str, description: str) -> None:
        self.height = height
        background = _hex(BACKGROUND)
        values = {"name": name, "title": title, "description": description, "background": background}
        self._parts = [_OPEN.format(width=WIDTH, height=height, **values)]

    def rect(self, x: float, y: float, w: float, h: float, color: Rgb, *, tooltip: str = "") -> None:
        """Fill a rectangle."""
        if tooltip:
            self._parts.append(_RECT_WITH_TOOLTIP.format(x, y, w, h, _hex(color), tooltip))
        else:
            self._parts.append(_RECT.format(x, y, w, h, _hex(color)))

    def line(self, x1: float, y1: float, x2: float, y2: float, color: Rgb) -> None:
        """Draw a line, 1 px wide."""
        self._parts.append(_LINE.format(x1, y1, x2, y2, _hex(color)))

    def text(
        self, x: float, y: float, text: str, *, size: float = 13, color: Rgb = INK, anchor: Anchor = "start"
    ) -> None:
        """Write a line of text; y is its baseline, `anchor` the part of it that is at x."""
        self._parts.append(_TEXT.format(x, y, size, _hex(color), anchor, text))

    def markup(self) -> Markup:
        """Return the whole element."""
        return Markup("").join([*self._parts, Markup("</svg>")])


def _hex(color: Rgb) -> str:
    return "#" + bytes(color).hex()


LEFT, RIGHT, TOP, BOTTOM = 56, 20, 56, 34
"""Margins, px."""

GRID: Rgb = (0x3A, 0x3C, 0x48)
GAP: Rgb = (0x4A, 0x4D, 0x5C)

MAX_COLUMNS = 150
"""Columns of the timeline: a quarter of an hour each if it shows a day."""

_MIN_WIDTH = 0.6
"""Width of the narrowest rectangle, px."""

_MAX_LETTER_WIDTH = 7.6
"""Width of a letter at the usual size, px, at most."""

_DAY_S = 86400
_MAX_TICKS = 12
_SHORT_TICK_STEPS_S = (1, 2, 5, 10, 30)
"""Steps between positions in a short video, s."""

_TICK_STEPS_S = (60, 300, 600, 1800, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600)


@dataclass(frozen=True, slots=True)
class SummaryChart:
    """A chart of a report.

    Attributes:
        name: identifier, unique among those of its part.
        title: heading.
        svg: the drawing.
    """

    name: str
    title: str
    svg: Markup


def draw_charts(part: Part, prefix: str = "") -> list[SummaryChart]:
    """Draw all charts of a part that have data; `prefix` makes the ids of their elements unique in the page."""
    charts = []
    for spec in _SPECS:
        if not spec.applies(part):
            continue
        description = spec.description.format(unit=part.unit)
        drawing = SvgDrawing(prefix + spec.name, height=spec.height, title=spec.title, description=description)
        spec.draw(drawing, part)
        charts.append(SummaryChart(spec.name, spec.title, drawing.markup()))
    return charts


def _draw_emotions(drawing: SvgDrawing, part: Part) -> None:
    """Draw a bar with each emotion's share."""
    row, x = part.total, float(LEFT - 36)
    total, room = sum(row) or 1.0, WIDTH - RIGHT - x
    for label, amount in zip(LABELS, row, strict=True):
        width = room * amount / total
        if not width:
            continue
        tooltip = f"{label} {amount / total:.1%}"
        drawing.rect(x, 20, max(_MIN_WIDTH, width - 1), 56, COLORS[label], tooltip=tooltip)
        if width > _MAX_LETTER_WIDTH * len(label) + 16:
            drawing.text(x + 8, 44, label, color=text_color(COLORS[label]))
            drawing.text(x + 8, 63, f"{amount / total:.0%}", size=15, color=text_color(COLORS[label]))
        x += width


def _draw_timeline(drawing: SvgDrawing, part: Part) -> None:
    """Draw the mean number of faces over time, by emotion, and the gaps."""
    durations = part.durations.coarsened(MAX_COLUMNS)
    start, end = part.span
    top_value = round_up(max((sum(row) for row in durations.bins.values()), default=0.0) / durations.bin_width_s)
    plot = _Plot(start, end, TOP, drawing.height - BOTTOM)
    _draw_legend(drawing)
    for gap in sorted(part.gaps.longest, key=lambda gap: gap.start):
        _draw_gap(drawing, plot, gap)
    _draw_grid(drawing, plot, lambda share: f"{share * top_value:g}")
    for number, row in sorted(durations.bins.items()):
        begin = durations.bin_start(number)
        left, right = plot.x(begin), plot.x(begin + durations.bin_width_s)
        tooltip = f"{part.format_place(begin)}: {_shares(row)}"
        _draw_stack(drawing, plot, (left, right), row, full_s=top_value * durations.bin_width_s, tooltip=tooltip)
    for place, name in time_ticks(start, end) if part.has_hours else position_ticks(start, end):
        x = plot.x(place)
        drawing.line(x, plot.bottom, x, plot.bottom + 5, FAINT)
        is_at_edge = x > WIDTH - 2 * RIGHT
        drawing.text(x, drawing.height - 12, name, color=FAINT, anchor="end" if is_at_edge else "middle")
    drawing.text(LEFT, TOP - 10, "faces in view", size=12, color=FAINT)
    if isinstance(part, VideoPart) and part.video_count > 1:
        _draw_begins(drawing, plot, part)


def _draw_hours(drawing: SvgDrawing, part: Part) -> None:
    """Draw each emotion's share by hour of the day, with the time with a face above."""
    plot = _Plot(0, 24, TOP + 22, drawing.height - BOTTOM)
    _draw_legend(drawing)
    _draw_grid(drawing, plot, lambda share: f"{share:.0%}")
    for hour, row in enumerate(part.durations.by_hour):
        left, right = plot.x(hour) + 3, plot.x(hour + 1) - 3
        middle = (left + right) / 2
        if total_s := sum(row):
            _draw_stack(drawing, plot, (left, right), row, full_s=total_s, tooltip=f"{hour:02d}:00: {_shares(row)}")
            drawing.text(middle, plot.top - 6, format_hours(total_s), size=11, color=FAINT, anchor="middle")
        drawing.text(middle, drawing.height - 12, f"{hour:02d}", color=FAINT, anchor="middle")
    drawing.text(LEFT, TOP - 8, f"{part.unit} (h:mm), by hour of the day", size=12, color=FAINT)


def _draw_visits(drawing: SvgDrawing, part: Part) -> None:
    """Draw a histogram of the length of visits."""
    counts = part.visits.histogram
    plot = _Plot(0, len(counts), 44, drawing.height - BOTTOM)
    highest = max(counts) or 1
    drawing.line(LEFT, plot.bottom, WIDTH - RIGHT, plot.bottom, GRID)
    for place, (count, label) in enumerate(zip(counts, histogram_labels(), strict=True)):
        left, right = plot.x(place) + 8, plot.x(place + 1) - 8
        top, middle = plot.y(count / highest), (left + right) / 2
        if count:
            tooltip = f"{label}: {count} visits"
            drawing.rect(left, top, right - left, plot.bottom - top, COLORS["neutral"], tooltip=tooltip)
        drawing.text(middle, top - 6, str(count), color=INK if count else FAINT, anchor="middle")
        drawing.text(middle, drawing.height - 12, label, size=11, color=FAINT, anchor="middle")
    drawing.text(LEFT, 24, "visits, by length", size=12, color=FAINT)


@dataclass(frozen=True, slots=True)
class _ChartSpec:
    """Name, heading, description for screen readers, height in px and drawing function of a chart."""

    name: str
    title: str
    description: str
    height: int
    draw: Callable[[SvgDrawing, Part], None]

    def applies(self, part: Part) -> bool:
        """Return whether the part has data for the chart."""
        return {"timeline": part.has_time, "hours": part.has_hours, "visits": part.visits.count > 0}.get(
            self.name, True
        )


_SPECS = (
    _ChartSpec("emotions", "Emotions", "A bar is divided by each emotion's share of the {unit}.", 96, _draw_emotions),
    _ChartSpec(
        "timeline",
        "Timeline",
        "Columns over time show how many faces were in view, divided by emotion; grey bands are gaps.",
        330,
        _draw_timeline,
    ),
    _ChartSpec(
        "hours", "By hour of the day", "A column for each hour of the day is divided by emotion.", 330, _draw_hours
    ),
    _ChartSpec("visits", "Length of visits", "A histogram counts visits by how long they lasted.", 260, _draw_visits),
)


@dataclass(frozen=True, slots=True)
class _Plot:
    """Maps values to px: `start` to `end` from left to right, and shares of 0 to 1 from `bottom` to `top`."""

    start: float
    end: float
    top: float
    bottom: float

    def x(self, value: float) -> float:
        inside = min(max(value, self.start), self.end) - self.start
        return LEFT + (WIDTH - RIGHT - LEFT) * inside / ((self.end - self.start) or 1.0)

    def y(self, share: float) -> float:
        return self.bottom - (self.bottom - self.top) * share


def _draw_begins(drawing: SvgDrawing, plot: _Plot, part: VideoPart) -> None:
    """Draw a line and a name where each video begins."""
    places = [begin for begin, _ in part.begins]
    for (begin, name), next_begin in zip(part.begins, [*places[1:], plot.end], strict=True):
        left, right = plot.x(begin), plot.x(next_begin)
        drawing.line(left, plot.top, left, plot.bottom, FAINT)
        if right - left > _MAX_LETTER_WIDTH * len(name) + 8:
            drawing.text(left + 4, plot.top + 14, name, size=11, color=FAINT)


def _draw_grid(drawing: SvgDrawing, plot: _Plot, label: Callable[[float], str]) -> None:
    """Draw horizontal lines at the bottom, in the middle and at the top, with labels for their shares."""
    for share in (0.0, 0.5, 1.0):
        drawing.line(LEFT, plot.y(share), WIDTH - RIGHT, plot.y(share), GRID)
        drawing.text(LEFT - 8, plot.y(share) + 4, label(share), color=FAINT, anchor="end")


def _draw_stack(
    drawing: SvgDrawing, plot: _Plot, sides: tuple[float, float], row: Row, *, full_s: float, tooltip: str
) -> None:
    """Draw a stacked column.

    Args:
        drawing: where to draw.
        plot: the axes.
        sides: left and right edge, px.
        row: seconds per label.
        full_s: seconds of a column that reaches the plot's top.
        tooltip: text for all its parts.
    """
    left, right = sides
    below_s = 0.0
    width = max(_MIN_WIDTH, right - left - (0.5 if right - left > 2 else 0.0))  # noqa: PLR2004  # px; narrower columns have no space between them
    for label, seconds in zip(LABELS, row, strict=True):
        if seconds:
            top, bottom = plot.y((below_s + seconds) / full_s), plot.y(below_s / full_s)
            drawing.rect(left, top, width, bottom - top, COLORS[label], tooltip=tooltip)
            below_s += seconds


def _draw_gap(drawing: SvgDrawing, plot: _Plot, gap: Gap) -> None:
    left, right = plot.x(gap.start), plot.x(gap.start + gap.duration_s)
    if right - left < _MIN_WIDTH and gap.start > plot.end:
        return
    tooltip = f"{format_time(gap.start)}: {gap.reason} for {format_duration(gap.duration_s)}"
    drawing.rect(left, plot.top, max(1.0, right - left), plot.bottom - plot.top, GAP, tooltip=tooltip)
    if right - left > 7 * len(gap.reason):
        drawing.text((left + right) / 2, plot.top + 16, gap.reason, size=11, anchor="middle")


def _draw_legend(drawing: SvgDrawing) -> None:
    x = float(LEFT)
    for label in LABELS:
        drawing.rect(x, 12, 12, 12, COLORS[label])
        drawing.text(x + 17, 23, label, size=12)
        x += 38 + 6.6 * len(label)


def _shares(row: Sequence[float]) -> str:
    """Return the labels of a row with their shares, the largest first."""
    total_s = sum(row) or 1.0
    known = sorted(((seconds, label) for label, seconds in zip(LABELS, row, strict=True) if seconds), reverse=True)
    return ", ".join(f"{label} {seconds / total_s:.0%}" for seconds, label in known)


def round_up(value: float) -> float:
    """Return the next value with one significant digit that is 1 or even, for the top of an axis."""
    if value <= 0:
        return 1.0
    power = 10 ** math.floor(math.log10(value))
    return float(next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value * 0.999))


def time_ticks(start: float, end: float) -> Iterator[tuple[float, str]]:
    """Yield Unix times, s, and their labels in local time: hours for spans of up to some days, else dates or months."""
    step_s = next((step for step in _TICK_STEPS_S if (end - start) / step <= _MAX_TICKS), None)
    if step_s is not None:
        yield from _hour_ticks(start, end, step_s)
    else:
        yield from _day_ticks(start, end, math.ceil((end - start) / _DAY_S / _MAX_TICKS))


def position_ticks(start: float, end: float) -> Iterator[tuple[float, str]]:
    """Yield positions in videos, s, and their labels."""
    steps = (*_SHORT_TICK_STEPS_S, *_TICK_STEPS_S)
    step_s = next((step for step in steps if (end - start) / step <= _MAX_TICKS), steps[-1])
    place = math.ceil(start / step_s) * step_s
    while place <= end:
        yield place, format_position(place)
        place += step_s


def _hour_ticks(start: float, end: float, step_s: int) -> Iterator[tuple[float, str]]:
    moment = _midnight_before(start)
    has_several_days = end - start > _DAY_S
    while (timestamp := moment.timestamp()) <= end:
        if timestamp >= start:
            is_midnight = has_several_days and not (moment.hour or moment.minute)
            yield timestamp, f"{moment:%a %d}" if is_midnight else f"{moment:%H:%M}"
        moment += timedelta(seconds=step_s)


def _day_ticks(start: float, end: float, step_days: int) -> Iterator[tuple[float, str]]:
    moment = _midnight_before(start)
    has_months = end - start >= 300 * _DAY_S
    while (timestamp := moment.timestamp()) <= end:
        if timestamp >= start:
            yield timestamp, f"{moment:%b %Y}" if has_months else f"{moment:%d %b}"
        moment += timedelta(days=step_days)


def _midnight_before(timestamp: float) -> datetime:
    """Return the local midnight before a Unix time, s."""
    return datetime.fromtimestamp(timestamp).replace(hour=0, minute=0, second=0, microsecond=0)
