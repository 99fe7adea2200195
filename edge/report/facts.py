"""Puts what is known of a period into words and tables."""

from collections.abc import Sequence
from dataclasses import dataclass

from edge.labels import UNCERTAIN
from edge.report.stays import bar_names
from edge.report.story import Story
from edge.report.tally import INDEX, NAMES
from edge.report.words import clock_time, length, zone

MOST_GAPS = 40
"""In the table, the longest; all are counted above it."""


@dataclass(frozen=True, slots=True)
class Table:
    """name: of the chart that shows the same, where there is one."""

    name: str
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def headline(story: Story) -> str:
    """From when to when, in which zone, of what."""
    sources = ", ".join(story.sources)
    return f"{clock_time(story.first)} to {clock_time(story.last)} ({zone(story.first)}), {sources}"


def figures(story: Story) -> list[tuple[str, str]]:
    """The few figures that matter most, with what they are."""
    stays, total = story.stays, sum(story.tally.total)
    seconds = sum(seconds for _, seconds in story.gaps.total.values())
    told = [(length(total), "with a face in view")]
    if "counts" not in story.kinds or stays.count:
        told += [
            (f"{stays.count}", "faces came"),
            (length(stays.percentile_s(0.5)), "median stay"),
            (length(stays.longest_s), "longest stay"),
        ]
    told += [
        (f"{stays.most}", "most faces at once"),
        (f"{story.tally.total[INDEX[UNCERTAIN]] / (total or 1.0):.1%}", "of the time with a face uncertain"),
    ]
    return [*told, (length(seconds), "in gaps")] if story.kinds != {"all"} else told


def remarks(story: Story) -> list[str]:
    """What one has to know to read it right."""
    said = ["A face that comes back counts again: nobody is recognized."]
    if "all" in story.kinds:
        said.append("Gaps are not told by a log of all readings: without a face it has no line.")
    if "counts" in story.kinds:
        said.append("Of minutes of which only counts were logged, it is not told when faces came and went.")
    if story.corrected:
        said.append(f"{story.corrected} lines from before the clock was set have their times corrected.")
    if story.uncertain:
        said.append(f"{story.uncertain} lines were written while the clock was not set: their times may be wrong.")
    if story.broken.count:
        named = ", ".join(story.broken.named)
        said.append(f"{story.broken.count} broken lines were left out: {named}{_more(story)}.")
    return said


def tables(story: Story) -> list[Table]:
    """The tables of a report."""
    found = [_emotions(story), _hours(story)]
    if story.stays.count:
        found.append(_stays(story))
    return [*found, _gaps(story)] if story.gaps.total else found


def _more(story: Story) -> str:
    return ", ..." if story.broken.count > len(story.broken.named) else ""


def _emotions(story: Story) -> Table:
    total = sum(story.tally.total) or 1.0
    rows = [
        (name, f"{seconds / total:.1%}", length(seconds))
        for name, seconds in zip(NAMES, story.tally.total, strict=True)
        if seconds
    ]
    return Table("emotions", "Each emotion's share of the time with a face", ("emotion", "share", "time"), rows)


def _hours(story: Story) -> Table:
    rows = []
    for hour, row in enumerate(story.tally.hours):
        if total := sum(row):
            shares = [f"{seconds / total:.0%}" if seconds else "" for seconds in row]
            rows.append((f"{hour:02d}:00", length(total), str(story.stays.by_hour[hour]), *shares))
    head = ("hour", "time with a face", "faces came", *NAMES)
    return Table("hours", "By hour of the day", head, rows)


def _stays(story: Story) -> Table:
    count = story.stays.count
    rows = [
        (name, str(bar), f"{bar / count:.0%}") for name, bar in zip(bar_names(), story.stays.bars, strict=True) if bar
    ]
    return Table("stays", "How long faces stayed", ("stayed", "faces", "share"), rows)


def _gaps(story: Story) -> Table:
    longest = sorted(story.gaps.longest, reverse=True)[:MOST_GAPS]
    rows = [
        (clock_time(gap.start), length(gap.duration_s), gap.reason)
        for gap in sorted(longest, key=lambda gap: gap.start)
    ]
    counted = "; ".join(
        f"{reason}: {count}, {length(seconds)} in all" for reason, (count, seconds) in sorted(story.gaps.total.items())
    )
    return Table("gaps", f"Gaps. {counted}", ("from", "for", "why"), rows)
