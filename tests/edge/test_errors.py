"""Foreign text in messages cannot change how a terminal or a log shows them."""

import logging

import pytest

from edge.errors import EdgeError, MediaError, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("holiday: day one.mp4", "holiday: day one.mp4"),
        ("Übung 笑顔 👍🏽.jpg", "Übung 笑顔 👍🏽.jpg"),
        ("a\nERROR: b\r.jpg", r"a\nERROR: b\r.jpg"),
        ("\x1b[2J\x1b]0;title\x07.mp4", r"\x1b[2J\x1b]0;title\x07.mp4"),
        ("\x9b31m\x00\x7f\x85", r"\x9b31m\x00\x7f\x85"),
        ("photo\u202egpj.exe\u2066\u200f", r"photo\u202egpj.exe\u2066\u200f"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("caf\udce9.mp4", r"caf\xe9.mp4"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_could_change_a_line_is_escaped(text, shown):
    """Letters and symbols of all scripts stay; control characters, marks of direction and raw bytes do not."""
    assert printable(text) == shown
    assert printable(shown) == shown
    shown.encode()


@pytest.mark.parametrize("kind", [EdgeError, MediaError])
def test_every_error_is_one_printable_line(kind, caplog):
    error = kind("a\x1b[31m\n.jpg: expected an image")
    assert str(error) == r"a\x1b[31m\n.jpg: expected an image"
    logging.getLogger("edge").warning("%s: skipped", error)
    assert caplog.messages == [r"a\x1b[31m\n.jpg: expected an image: skipped"]
