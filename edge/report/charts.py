"""Draws the charts of a report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.report.axis import round_up, time_marks
from edge.report.canvas import FAINT, GAP, GRID, INK, WIDTH, Canvas
from edge.report.gaps import Gap
from edge.report.stays import bar_names
from edge.report.story import Story
from edge.report.tally import NAMES, Row
from edge.report.words import clock_time, hours_minutes, length
from edge.sinks.colors import COLORS, ink

LEFT, RIGHT, TOP, BOTTOM = 56, 20, 56, 34
"""Margins, px."""

COLUMNS = 150
"""Of the time line at most: a quarter of an hour each where it shows a day."""

_LEAST_W = 0.6
_LETTER_W = 7.6
"""Of a letter at most, px, at the usual size."""


@dataclass(frozen=True, slots=True)
class Chart:
    """name: of its file. shows: what one would see, in a sentence."""

    name: str
    title: str
    shows: str
    height: int
    draw: Callable[[Canvas, Story], None]


def _time_line(canvas: Canvas, story: Story) -> None:
    """Mean number of faces in each stretch of time, by emotion."""
    height, tally = 330, story.tally.columns(COLUMNS)
    _legend(canvas)
    start, end = _span(story)
    highest = round_up(max((sum(row) for row in tally.bins.values()), default=0.0) / tally.width_s)
    plot = _Plot(start, end, TOP, height - BOTTOM)
    for gap in sorted(story.gaps.longest, key=lambda gap: gap.start):
        _draw_gap(canvas, plot, gap)
    for share in (0.0, 0.5, 1.0):
        canvas.line(LEFT, plot.y(share), WIDTH - RIGHT, plot.y(share), GRID)
        canvas.text(LEFT - 8, plot.y(share) + 4, f"{share * highest:g}", color=FAINT, anchor="end")
    for number, row in sorted(tally.bins.items()):
        at = tally.start_of(number)
        left, right = plot.x(at), plot.x(at + tally.width_s)
        hint = f"{clock_time(at)}: {_shares(row)}"
        _stack(canvas, (left, right), row, plot, full=highest * tally.width_s, hint=hint)
    for at, name in time_marks(start, end):
        canvas.line(plot.x(at), plot.bottom, plot.x(at), plot.bottom + 5, FAINT)
        at_edge = plot.x(at) > WIDTH - 2 * RIGHT
        canvas.text(plot.x(at), height - 12, name, color=FAINT, anchor="end" if at_edge else "middle")
    canvas.text(LEFT, TOP - 10, "faces in view", size=12, color=FAINT)


def _hours(canvas: Canvas, story: Story) -> None:
    """Shares in each hour of the day; above, for how long there was a face."""
    height = 330
    _legend(canvas)
    plot = _Plot(0, 24, TOP + 22, height - BOTTOM)
    for share in (0.0, 0.5, 1.0):
        canvas.line(LEFT, plot.y(share), WIDTH - RIGHT, plot.y(share), GRID)
        canvas.text(LEFT - 8, plot.y(share) + 4, f"{share:.0%}", color=FAINT, anchor="end")
    for hour, row in enumerate(story.tally.hours):
        left, right = plot.x(hour) + 3, plot.x(hour + 1) - 3
        if total := sum(row):
            _stack(canvas, (left, right), row, plot, full=total, hint=f"{hour:02d}:00: {_shares(row)}")
            canvas.text((left + right) / 2, plot.top - 6, hours_minutes(total), size=11, color=FAINT, anchor="middle")
        canvas.text((left + right) / 2, height - 12, f"{hour:02d}", color=FAINT, anchor="middle")
    canvas.text(LEFT, TOP - 8, "time with a face (h:mm), by hour of the day", size=12, color=FAINT)


def _overall(canvas: Canvas, story: Story) -> None:
    """One bar: each emotion's share, named on it."""
    row, x = story.tally.total, float(LEFT - 36)
    total, room = sum(row) or 1.0, WIDTH - RIGHT - x
    for name, seconds in zip(NAMES, row, strict=True):
        width = room * seconds / total
        if not width:
            continue
        canvas.rect(x, 20, max(_LEAST_W, width - 1), 56, COLORS[name], hint=f"{name} {seconds / total:.1%}")
        if width > _LETTER_W * len(name) + 16:
            canvas.text(x + 8, 44, name, color=ink(COLORS[name]))
            canvas.text(x + 8, 63, f"{seconds / total:.0%}", size=15, color=ink(COLORS[name]))
        x += width


def _stays(canvas: Canvas, story: Story) -> None:
    """How many faces stayed for how long."""
    height, bars = 260, story.stays.bars
    plot = _Plot(0, len(bars), 44, height - BOTTOM)
    highest = max(bars) or 1
    canvas.line(LEFT, plot.bottom, WIDTH - RIGHT, plot.bottom, GRID)
    for place, (count, name) in enumerate(zip(bars, bar_names(), strict=True)):
        left, right = plot.x(place) + 8, plot.x(place + 1) - 8
        top = plot.y(count / highest)
        if count:
            canvas.rect(left, top, right - left, plot.bottom - top, COLORS["neutral"], hint=f"{name}: {count} faces")
        canvas.text((left + right) / 2, top - 6, str(count), color=INK if count else FAINT, anchor="middle")
        canvas.text((left + right) / 2, height - 12, name, size=11, color=FAINT, anchor="middle")
    canvas.text(LEFT, 24, "faces, by how long they stayed", size=12, color=FAINT)


CHARTS = (
    Chart("emotions", "Emotions", "A bar is divided by each emotion's share of the time with a face.", 96, _overall),
    Chart(
        "time-line",
        "Time line",
        "Columns over time show how many faces were in view, divided by emotion; grey bands are gaps.",
        330,
        _time_line,
    ),
    Chart("hours", "By hour of the day", "A column for each hour of the day is divided by emotion.", 330, _hours),
    Chart("stays", "How long faces stayed", "Bars count faces by how long they stayed.", 260, _stays),
)


@dataclass(frozen=True, slots=True)
class _Plot:
    """Where things lie: from `start` to `end` on the way right, from 0 at `bottom` to 1 at `top`."""

    start: float
    end: float
    top: float
    bottom: float

    def x(self, value: float) -> float:
        inside = min(max(value, self.start), self.end) - self.start
        return LEFT + (WIDTH - RIGHT - LEFT) * inside / ((self.end - self.start) or 1.0)

    def y(self, share: float) -> float:
        return self.bottom - (self.bottom - self.top) * share


def _stack(canvas: Canvas, sides: tuple[float, float], row: Row, plot: _Plot, *, full: float, hint: str) -> None:
    """Draw a column between `sides`, px. full: seconds of one that reaches the plot's top."""
    below = 0.0
    width = max(_LEAST_W, sides[1] - sides[0] - (0.5 if sides[1] - sides[0] > 2 else 0.0))  # noqa: PLR2004  # px
    for name, seconds in zip(NAMES, row, strict=True):
        if seconds:
            top, bottom = plot.y((below + seconds) / full), plot.y(below / full)
            canvas.rect(sides[0], top, width, bottom - top, COLORS[name], hint=hint)
            below += seconds


def _draw_gap(canvas: Canvas, plot: _Plot, gap: Gap) -> None:
    left, right = plot.x(gap.start), plot.x(gap.start + gap.duration_s)
    if right - left < _LEAST_W and gap.start > plot.end:
        return
    hint = f"{clock_time(gap.start)}: {gap.reason} for {length(gap.duration_s)}"
    canvas.rect(left, plot.top, max(1.0, right - left), plot.bottom - plot.top, GAP, hint=hint)
    if right - left > 7 * len(gap.reason):
        canvas.text((left + right) / 2, plot.top + 16, gap.reason, size=11, anchor="middle")


def _legend(canvas: Canvas) -> None:
    x = float(LEFT)
    for name in NAMES:
        canvas.rect(x, 12, 12, 12, COLORS[name])
        canvas.text(x + 17, 23, name, size=12)
        x += 38 + 6.6 * len(name)


def _shares(row: Sequence[float]) -> str:
    total = sum(row) or 1.0
    known = sorted(((seconds, name) for name, seconds in zip(NAMES, row, strict=True) if seconds), reverse=True)
    return ", ".join(f"{name} {seconds / total:.0%}" for seconds, name in known)


def _span(story: Story) -> tuple[float, float]:
    """From when to when the time line goes."""
    start, end = max(story.first, story.period.start), min(max(story.last, story.first + 60), story.period.end)
    return start, end
