"""Draws a screen for a display of any size."""

import math
from collections.abc import Sequence

from edge.labels import EMOTIONS, UNCERTAIN
from edge.records import Box, Color
from edge.sinks.colors import COLORS
from edge.sinks.display.canvas import MIN_TEXT_PX, Canvas
from edge.sinks.display.icons import draw_face, draw_icon
from edge.sinks.display.screens import FaceOnScreen, FacesScreen, MessageScreen, Screen, SharesScreen

_LONGEST_NAME = max((*EMOTIONS, UNCERTAIN), key=len)

_MIN_CELL_PX = 32
"""Smallest width and height of a face with its bar, px. Faces that do not fit are replaced by their number."""

_WIDE_RATIO = 1.5
"""Aspect ratio of a cell from which on the name stands next to the face instead of below it."""


def draw_screen(screen: Screen, *, width: int, height: int, colored: bool) -> Color:
    """Draw a screen.

    Args:
        screen: what to draw.
        width: width of the display, px; 64 and more.
        height: height of the display, px; 16 and more.
        colored: whether the display has colours; else each pixel is black or white.

    Returns:
        The picture, (H, W, 3) uint8 BGR.
    """
    canvas = Canvas(width, height, colored=colored)
    if isinstance(screen, FacesScreen):
        _draw_faces(canvas, screen)
    elif isinstance(screen, MessageScreen):
        _draw_message(canvas, screen)
    else:
        _draw_shares(canvas, screen)
    return canvas.pixels


def _draw_faces(canvas: Canvas, screen: FacesScreen) -> None:
    capacity = max(1, canvas.width // _MIN_CELL_PX) * max(1, canvas.height // _MIN_CELL_PX)
    cells: list[FaceOnScreen | str] = list(screen.faces)
    if len(cells) > capacity:
        cells[capacity - 1 :] = [f"+{len(cells) - capacity + 1}"]
    columns, rows = _grid(len(cells), canvas.width, canvas.height)
    width, height = canvas.width // columns, canvas.height // rows
    for number, item in enumerate(cells):
        row, column = divmod(number, columns)
        cell = Box(column * width, row * height, width, height)
        if isinstance(item, FaceOnScreen):
            _draw_cell(canvas, item, cell)
        else:
            canvas.text(item, cell)
    if screen.throttled:
        side = max(10, canvas.height // 8)
        draw_icon(canvas, "throttled", x=canvas.width - side / 2, y=side / 2, radius=side / 2)


def _grid(count: int, width: int, height: int) -> tuple[int, int]:
    """Return the columns and rows that give each of `count` faces the largest cell."""

    def side(columns: int) -> float:
        return min(width / columns, height / math.ceil(count / columns))

    columns = max(range(1, count + 1), key=side)
    return columns, math.ceil(count / columns)


def _draw_cell(canvas: Canvas, face: FaceOnScreen, cell: Box) -> None:
    """Draw a face with its name and confidence bar next to it, or below it if the cell is not wide."""
    margin = max(1, min(cell.w, cell.h) // 24)
    inner = Box(cell.x + margin, cell.y + margin, cell.w - 2 * margin, cell.h - 2 * margin)
    if inner.w >= _WIDE_RATIO * inner.h:
        head = Box(inner.x, inner.y, inner.h, inner.h)
        caption = Box(inner.x + inner.h + 2 * margin, inner.y, inner.w - inner.h - 2 * margin, inner.h)
    else:
        caption_height = max(inner.h // 3, 6)
        caption = Box(inner.x, inner.y + inner.h - caption_height, inner.w, caption_height)
        head = Box(inner.x, inner.y, inner.w, inner.h - caption_height - margin)
    radius = min(head.w, head.h) / 2 - 0.5
    draw_face(canvas, face.emotion, x=head.x + head.w / 2 - 0.5, y=head.y + head.h / 2 - 0.5, radius=radius)
    _draw_caption(canvas, face, caption)


def _draw_caption(canvas: Canvas, face: FaceOnScreen, box: Box) -> None:
    """Draw name, bar and percentage; in a low box only the bar, and no name that would be too small to read."""
    color = COLORS[face.emotion]
    if box.h < 2 * MIN_TEXT_PX:
        canvas.bar(Box(box.x, box.y + box.h - 6, box.w, 6), face.confidence, color)
        return
    with_percentage = box.h >= 3 * (MIN_TEXT_PX + 2)
    lines = 3 if with_percentage else 2
    line = min(box.h // lines, max(MIN_TEXT_PX + 3, box.w // 4))
    top = box.y + (box.h - lines * line) // 2
    bar_height = max(5, line // 2)
    if canvas.text_width(face.emotion) <= box.w:
        canvas.text(face.emotion, Box(box.x, top, box.w, line), size_like=_LONGEST_NAME)
    canvas.bar(Box(box.x, top + line + (line - bar_height) // 2, box.w, bar_height), face.confidence, color)
    if with_percentage:
        canvas.text(f"{face.confidence:.0%}", Box(box.x, top + 2 * line, box.w, line), size_like=_LONGEST_NAME)


def _draw_message(canvas: Canvas, screen: MessageScreen) -> None:
    """Draw the icon at the left, or at the top of an upright display, with the text next to it and the footer below."""
    width, small = canvas.width, max(MIN_TEXT_PX + 5, canvas.height // 10)
    footer = _wrap(canvas, screen.footer, width - 2)
    body = canvas.height - small * len(footer)
    if body > width:
        side = body * 2 // 5
        icon, words = Box(0, 0, width, side), Box(1, side, width - 2, body - side)
    else:
        side = min(body, width // 3)
        icon, words = Box(0, 0, side, body), Box(side, 0, width - side - 2, body)
    draw_icon(canvas, screen.icon, x=icon.x + icon.w / 2, y=icon.h / 2, radius=min(icon.w, icon.h) * 0.4)
    title = min(words.h // (3 if screen.text else 2), words.w // 3)
    lines = _wrap(canvas, screen.text, words.w)[: (words.h - title) // small]
    top = words.y + (words.h - title - small * len(lines)) // 2
    canvas.text(screen.title, Box(words.x, top, words.w, title), centered=False)
    for number, text in enumerate(lines):
        line = Box(words.x, top + title + number * small, words.w, small)
        canvas.text(text, line, size_like=max(lines, key=canvas.text_width), centered=False)
    for number, text in enumerate(footer):
        line = Box(1, body + number * small, width - 2, small)
        canvas.text(text, line, size_like=max(footer, key=canvas.text_width))


def _wrap(canvas: Canvas, text: str, width: int) -> list[str]:
    """Break a text into lines of small letters: between words, or inside a word that is longer than a line."""
    capital_px = max(MIN_TEXT_PX, canvas.height / 24)

    def fits(line: str) -> bool:
        return canvas.text_width(line, capital_px) <= width

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


def _draw_shares(canvas: Canvas, screen: SharesScreen) -> None:
    title = max(MIN_TEXT_PX + 4, canvas.height // 8)
    rows: Sequence[tuple[str, float]] = screen.shares[: max(1, (canvas.height - title) // (MIN_TEXT_PX + 5))]
    canvas.text("last minute", Box(0, 0, canvas.width, title))
    line = min((canvas.height - title) // max(1, len(rows)), max(MIN_TEXT_PX + 5, canvas.height // 5))
    names = max(canvas.width // 2, canvas.text_width(_LONGEST_NAME) + 4)
    for number, (emotion, share) in enumerate(rows):
        top = title + number * line
        canvas.text(emotion, Box(1, top, names - 4, line), size_like=_LONGEST_NAME, centered=False)
        canvas.bar(Box(names, top + line // 4, canvas.width - names - 1, max(5, line // 2)), share, COLORS[emotion])
    if not rows:
        canvas.text("nobody", Box(0, title, canvas.width, canvas.height - title), size_like=_LONGEST_NAME)
