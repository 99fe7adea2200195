"""Draws a chart as SVG, for a page."""

from html import escape

from edge.report.canvas import GROUND, INK, WIDTH, Anchor
from edge.sinks.colors import Rgb


class SvgCanvas:
    """title, description: for those who do not see it. height: px."""

    def __init__(self, name: str, *, height: int, title: str, description: str) -> None:
        self._parts = [
            f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{name}-t {name}-d">'
            f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">{escape(description)}</desc>'
            f'<rect width="{WIDTH}" height="{height}" rx="10" fill="{_hex(GROUND)}"/>'
        ]

    def rect(self, x: float, y: float, w: float, h: float, color: Rgb, *, hint: str = "") -> None:
        """Fill a rectangle. hint: shown when one points at it."""
        shape = f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" fill="{_hex(color)}"'
        self._parts.append(f"{shape}><title>{escape(hint)}</title></rect>" if hint else f"{shape}/>")

    def line(self, x1: float, y1: float, x2: float, y2: float, color: Rgb) -> None:
        """Draw a thin line."""
        self._parts.append(f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{_hex(color)}"/>')

    def text(
        self, x: float, y: float, words: str, *, size: float = 13, color: Rgb = INK, anchor: Anchor = "start"
    ) -> None:
        """Write `words`; y is their base line."""
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{_hex(color)}" '
            f'text-anchor="{anchor}">{escape(words)}</text>'
        )

    def finish(self) -> str:
        """The whole element."""
        return "".join([*self._parts, "</svg>"])


def _hex(color: Rgb) -> str:
    return "#" + bytes(color).hex()
