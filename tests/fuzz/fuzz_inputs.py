"""Strategies of hypothesis that damage valid inputs, anywhere or at a value."""

import copy
import json

from hypothesis import strategies as st

HOSTILE = st.sampled_from(
    [
        None, True, -1, 0, 2**31, 2**63 - 1, -(2**63), 2**70, 1e308, -1e308, 5e-324, 0.0, 3.7, "", "x" * 3000,
        "\u202e\x1b[2J",
        [], {}, [[]], [1.0, 0.0], {"happy": -5}, {"happy": None}, {"joy": 1}, "happy", "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59-12:00", "2026-11-20T12:00:00", "<script>alert(1)</script>",
    ]
)  # fmt: skip
"""Values that a key may have in a damaged or hostile file."""

HOSTILE_TOML = st.sampled_from(
    ["1e400", "nan", "-inf", "-1", '""', "'\\'", "[]", "{}", "[[1]]", "1979-05-27", "0x" + "f" * 5000, "9" * 5000,
     "[" * 3000,
     "{a=" * 2000, '"' + "x" * 5000 + '"', '"\\ud800"', '"\\u0000"', '"""', ".".join("a" * 500),
     '"rtsp://a:b@c"']
)  # fmt: skip


@st.composite
def damaged(draw, contents, words=()):
    """Draw one of `contents` with a few edits: bytes changed, inserted, repeated, removed, or the rest cut off."""
    content = bytearray(draw(st.sampled_from(contents)))
    inserted = st.binary(min_size=1, max_size=16) | st.sampled_from([*words, b"\xff\xff\xff\xff", b"\x7f", b"\0" * 8])
    for _ in range(draw(st.integers(0, 6))):
        place = (
            draw(st.integers(0, len(content))) if draw(st.booleans()) else draw(st.integers(0, min(80, len(content))))
        )
        new = draw(inserted)
        match draw(st.integers(0, 5)):
            case 0 if place < len(content):
                content[place] ^= 1 << draw(st.integers(0, 7))
            case 1:
                content[place : place + len(new)] = new
            case 2:
                content[place:place] = new
            case 3:
                del content[place : place + draw(st.integers(1, 64))]
            case 4:
                content[place:place] = content[place : place + draw(st.integers(1, 64))]
            case 5:
                del content[place:]
    return bytes(content)


@st.composite
def with_hostile_json(draw, contents):
    """Draw one of `contents`, JSON or lines of it, in which some values, or what a key holds, are hostile."""
    text = draw(st.sampled_from(contents)).decode()
    try:
        documents = [json.loads(text)]
    except ValueError:
        documents = [json.loads(line) for line in text.splitlines()]
    for _ in range(draw(st.integers(1, 3))):
        parts = draw(st.sampled_from([document for document in documents if document]))
        while True:
            key = draw(st.sampled_from(sorted(parts) if isinstance(parts, dict) else range(len(parts))))
            if not (isinstance(parts[key], dict | list) and parts[key] and draw(st.booleans())):
                break
            parts = parts[key]
        parts[key] = copy.deepcopy(draw(HOSTILE))  # a later edit may reach into it
    if draw(st.booleans()):
        documents = draw(st.permutations(documents))
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


@st.composite
def with_hostile_toml(draw, contents):
    """Draw one of `contents`, TOML, in which some values are hostile."""
    lines = draw(st.sampled_from(contents)).decode().split("\n")
    for _ in range(draw(st.integers(1, 2))):
        number = draw(st.integers(0, len(lines) - 1))
        key, equals, _ = lines[number].partition("=")
        lines[number] = f"{key}{equals or '='} {draw(HOSTILE_TOML)}"
    return "\n".join(lines).encode()
