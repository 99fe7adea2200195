"""Lays out what a display shows, whatever its size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edge.labels import EMOTIONS, UNCERTAIN
from edge.records import Box, Color
from edge.sinks.colors import COLORS
from edge.sinks.display.canvas import LEAST_TEXT_PX, Canvas
from edge.sinks.display.faces import draw_face
from edge.sinks.display.icons import draw_sign

_LONGEST_NAME = max((*EMOTIONS, UNCERTAIN), key=len)

_LEAST_CELL_PX = 32
"""A face needs so much, with its bar, px: more faces than have room are told as a number."""

_WIDE = 1.5
"""From this ratio of sides on a face stands beside its name, not above it."""


@dataclass(frozen=True, slots=True)
class ShownFace:
    """One face. confidence: 0.0 to 1.0."""

    emotion: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces, the first of them the nearest. slow: the board is held back, which a small sign says."""

    faces: tuple[ShownFace, ...]
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """A state that is no face. sign: one of `icons.SIGNS`. foot: small, below; kept whole where it fits."""

    sign: str
    title: str
    text: str = ""
    foot: str = ""


@dataclass(frozen=True, slots=True)
class Shares:
    """How often each emotion was seen in a minute, where nothing else may be told; most frequent first."""

    shares: tuple[tuple[str, float], ...]


Screen = Faces | Notice | Shares


def draw_screen(screen: Screen, *, width: int, height: int, colored: bool) -> Color:
    """Draw for a display of so many pixels: from 64x32 in one bit to a desktop's in colour.

    Returns:
        (H, W, 3) uint8 BGR; black and white alone where it is not `colored`.
    """
    canvas = Canvas(width, height, colored=colored)
    if isinstance(screen, Faces):
        _draw_faces(canvas, screen)
    elif isinstance(screen, Notice):
        _draw_notice(canvas, screen)
    else:
        _draw_shares(canvas, screen)
    return canvas.pixels


def _draw_faces(canvas: Canvas, screen: Faces) -> None:
    room = max(1, canvas.width // _LEAST_CELL_PX) * max(1, canvas.height // _LEAST_CELL_PX)
    cells: list[ShownFace | str] = list(screen.faces)
    if len(cells) > room:
        cells[room - 1 :] = [f"+{len(cells) - room + 1}"]
    columns, rows = _grid(len(cells), canvas.width, canvas.height)
    width, height = canvas.width // columns, canvas.height // rows
    for number, item in enumerate(cells):
        row, column = divmod(number, columns)
        cell = Box(column * width, row * height, width, height)
        if isinstance(item, ShownFace):
            _draw_cell(canvas, item, cell)
        else:
            canvas.text(item, cell)
    if screen.slow:
        side = max(10, canvas.height // 8)
        draw_sign(canvas, "slow", x=canvas.width - side / 2, y=side / 2, radius=side / 2)


def _grid(count: int, width: int, height: int) -> tuple[int, int]:
    """Columns and rows that give each face the largest cell."""

    def side(columns: int) -> float:
        return min(width / columns, height / math.ceil(count / columns))

    columns = max(range(1, count + 1), key=side)
    return columns, math.ceil(count / columns)


def _draw_cell(canvas: Canvas, face: ShownFace, cell: Box) -> None:
    """Draw the face, with its name and bar below or beside it."""
    margin = max(1, min(cell.w, cell.h) // 24)
    inner = Box(cell.x + margin, cell.y + margin, cell.w - 2 * margin, cell.h - 2 * margin)
    if inner.w >= _WIDE * inner.h:
        head = Box(inner.x, inner.y, inner.h, inner.h)
        words = Box(inner.x + inner.h + 2 * margin, inner.y, inner.w - inner.h - 2 * margin, inner.h)
    else:
        part = max(inner.h // 3, 6)
        words = Box(inner.x, inner.y + inner.h - part, inner.w, part)
        head = Box(inner.x, inner.y, inner.w, inner.h - part - margin)
    radius = min(head.w, head.h) / 2 - 0.5
    draw_face(canvas, face.emotion, x=head.x + head.w / 2 - 0.5, y=head.y + head.h / 2 - 0.5, radius=radius)
    _draw_words(canvas, face, words)


def _draw_words(canvas: Canvas, face: ShownFace, box: Box) -> None:
    """Draw name, bar and share; where it is low the bar alone, and no name that could not be read."""
    color = COLORS[face.emotion]
    if box.h < 2 * LEAST_TEXT_PX:
        canvas.bar(Box(box.x, box.y + box.h - 6, box.w, 6), face.confidence, color)
        return
    with_share = box.h >= 3 * (LEAST_TEXT_PX + 2)
    lines = 3 if with_share else 2
    line = min(box.h // lines, max(LEAST_TEXT_PX + 3, box.w // 4))
    top = box.y + (box.h - lines * line) // 2
    bar_height = max(5, line // 2)
    if canvas.text_width(face.emotion) <= box.w:
        canvas.text(face.emotion, Box(box.x, top, box.w, line), like=_LONGEST_NAME)
    canvas.bar(Box(box.x, top + line + (line - bar_height) // 2, box.w, bar_height), face.confidence, color)
    if with_share:
        canvas.text(f"{face.confidence:.0%}", Box(box.x, top + 2 * line, box.w, line), like=_LONGEST_NAME)


def _draw_notice(canvas: Canvas, notice: Notice) -> None:
    """Draw the sign at the left, or above where the display is upright; the words beside it; the foot below."""
    width, small = canvas.width, max(LEAST_TEXT_PX + 5, canvas.height // 10)
    foot = _wrap(canvas, notice.foot, width - 2)
    body = canvas.height - small * len(foot)
    if body > width:
        side = body * 2 // 5
        sign, words = Box(0, 0, width, side), Box(1, side, width - 2, body - side)
    else:
        side = min(body, width // 3)
        sign, words = Box(0, 0, side, body), Box(side, 0, width - side - 2, body)
    draw_sign(canvas, notice.sign, x=sign.x + sign.w / 2, y=sign.h / 2, radius=min(sign.w, sign.h) * 0.4)
    title = min(words.h // (3 if notice.text else 2), words.w // 3)
    lines = _wrap(canvas, notice.text, words.w)[: (words.h - title) // small]
    top = words.y + (words.h - title - small * len(lines)) // 2
    canvas.text(notice.title, Box(words.x, top, words.w, title), centered=False)
    for number, text in enumerate(lines):
        line = Box(words.x, top + title + number * small, words.w, small)
        canvas.text(text, line, like=max(lines, key=canvas.text_width), centered=False)
    for number, text in enumerate(foot):
        canvas.text(text, Box(1, body + number * small, width - 2, small), like=max(foot, key=canvas.text_width))


def _wrap(canvas: Canvas, text: str, width: int) -> list[str]:
    """Break a text into lines of small letters, between words where that is possible."""
    capital = max(LEAST_TEXT_PX, canvas.height / 24)

    def fits(line: str) -> bool:
        return canvas.text_width(line, capital) <= width

    lines: list[str] = []
    for word in text.split():
        if lines and fits(f"{lines[-1]} {word}"):
            lines[-1] += f" {word}"
            continue
        lines.append("")
        for letter in word:
            if lines[-1] and not fits(lines[-1] + letter):
                lines.append("")
            lines[-1] += letter
    return lines


def _draw_shares(canvas: Canvas, screen: Shares) -> None:
    title = max(LEAST_TEXT_PX + 4, canvas.height // 8)
    rows: Sequence[tuple[str, float]] = screen.shares[: max(1, (canvas.height - title) // (LEAST_TEXT_PX + 5))]
    canvas.text("last minute", Box(0, 0, canvas.width, title))
    line = min((canvas.height - title) // max(1, len(rows)), max(LEAST_TEXT_PX + 5, canvas.height // 5))
    names = max(canvas.width // 2, canvas.text_width(_LONGEST_NAME) + 4)
    for number, (emotion, share) in enumerate(rows):
        top = title + number * line
        canvas.text(emotion, Box(1, top, names - 4, line), like=_LONGEST_NAME, centered=False)
        canvas.bar(Box(names, top + line // 4, canvas.width - names - 1, max(5, line // 2)), share, COLORS[emotion])
    if not rows:
        canvas.text("nobody", Box(0, title, canvas.width, canvas.height - title), like=_LONGEST_NAME)
