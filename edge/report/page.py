"""Writes a report as one page that asks for nothing else."""

from html import escape

from edge import __version__
from edge.report.charts import CHARTS, Chart
from edge.report.facts import Table, figures, headline, remarks, tables
from edge.report.story import Story
from edge.report.svg import SvgCanvas

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1c20; --paper: #fbfbfc; --card: #fff; --line: #dcdde3; --faint: #5a5c66; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececf1; --paper: #121317; --card: #1a1b21; --line: #33353f; --faint: #a6a8b4; } }
* { box-sizing: border-box; }
body { max-width: 64rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; color: var(--ink); background: var(--paper);
       font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .6rem; }
p { margin: .3rem 0; overflow-wrap: anywhere; }
.faint, caption, footer { color: var(--faint); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.4rem, 1fr)); gap: .6rem; margin: 1.5rem 0; }
.figures div { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; display: flex;
               flex-direction: column-reverse; justify-content: flex-end; padding: .6rem .75rem; }
.figures dd { margin: 0; font-size: 1.1rem; font-weight: 600; white-space: nowrap; font-variant-numeric: tabular-nums; }
.figures dt { color: var(--faint); font-size: .875rem; }
svg { display: block; width: 100%; height: auto; font-family: system-ui, sans-serif; }
.chart, .scroll { overflow-x: auto; }
.chart svg { min-width: 40rem; }
details { margin: .6rem 0; }
summary { cursor: pointer; color: var(--faint); }
table { border-collapse: collapse; margin: .6rem 0; font-variant-numeric: tabular-nums; font-size: .9375rem; }
caption { text-align: left; padding-bottom: .3rem; white-space: nowrap; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, .words td { text-align: left; font-weight: normal; }
thead th { color: var(--faint); font-weight: 600; }
footer { margin-top: 3rem; font-size: .875rem; }
@media print { details > :not(summary) { display: block; } }
"""

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
"""

_DECENCY = "An apparent expression is what a stranger would guess from a face. It does not tell what anybody feels."


def write_page(story: Story) -> str:
    """The page."""
    title = "Apparent expressions"
    by_name = {table.name: table for table in tables(story)}
    parts = [
        _HEAD.format(title=escape(f"{title}: {headline(story)}"), style=_STYLE),
        f'<main>\n<h1>{title}</h1>\n<p class="faint">{escape(headline(story))}</p>',
        '<dl class="figures">',
        *(f"<div><dt>{escape(what)}</dt><dd>{escape(figure)}</dd></div>" for figure, what in figures(story)),
        "</dl>",
        *(_section(chart, by_name.get(chart.name), story) for chart in charts_of(story)),
    ]
    if gaps := by_name.get("gaps"):
        parts.append(f"<section><h2>Gaps</h2>{_scrolled('scroll words', gaps.caption, _table(gaps))}</section>")
    parts += ["<section><h2>Remarks</h2>", *(f"<p>{escape(text)}</p>" for text in remarks(story)), "</section>"]
    lines = f"{story.lines} lines of {story.files} {'file' if story.files == 1 else 'files'}"
    parts.append(
        f"</main>\n<footer><p>{_DECENCY}</p><p>edge-emotion {__version__}: {lines}.</p></footer>\n</body></html>\n"
    )
    return "\n".join(parts)


def charts_of(story: Story) -> list[Chart]:
    """Those that have something to show."""
    return [chart for chart in CHARTS if chart.name != "stays" or story.stays.count]


def _section(chart: Chart, table: Table | None, story: Story) -> str:
    canvas = SvgCanvas(chart.name, height=chart.height, title=chart.title, description=chart.shows)
    chart.draw(canvas, story)
    shown = f"<section><h2>{chart.title}</h2>\n{_scrolled('chart', chart.title, canvas.finish())}"
    if table is not None:
        wide = _scrolled("scroll", table.caption, _table(table))
        shown += f"\n<details><summary>as a table</summary>{wide}</details>"
    return f"{shown}</section>"


def _scrolled(kind: str, label: str, content: str) -> str:
    """What may be wider than the screen: it can be scrolled with the keyboard, too."""
    return f'<div class="{kind}" role="region" aria-label="{escape(label)}" tabindex="0">{content}</div>'


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.head)
    rows = "\n".join(
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in table.rows
    )
    return (
        f"<table><caption>{escape(table.caption)}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )
