"""Files are recognized by their first bytes, and only known formats reach a decoder."""

import re
from pathlib import Path

import pytest

import edge
from edge.sources.content import UnreadableContentError, check_video, describe_content, picture_format
from edge.sources.picture import decode_picture

VIDEOS = {
    "mp4": b"\0\0\0\x20ftypisom\0\0\2\0",
    "mov without ftyp": b"\0\0\0\x08wide\0\0\0\0mdat",
    "webm": b"\x1aE\xdf\xa3\x9fB\x86\x81\x01",
    "avi": b"RIFF\0\0\0\0AVI LIST",
    "mpeg-ps": b"\0\0\1\xba\x44\0",
    "h264": b"\0\0\0\1\x67\x42",
    "mpeg-ts": (b"G" + bytes(187)) * 3,
    "m2ts": (bytes(4) + b"G" + bytes(187)) * 3,
    "flv": b"FLV\1\5",
    "wmv": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    "ogv": b"OggS\0\2",
    "y4m": b"YUV4MPEG2 W64 H48",
    "mjpeg": b"\xff\xd8\xff\xe0",
    "gif": b"GIF89a",
}

OTHERS = {
    "hls": b"#EXTM3U\n#EXT-X-VERSION:3\n",
    "hls with a mark": b"\xef\xbb\xbf#EXTM3U\n",
    "concat": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "pls": b"[playlist]\nFile1=http://example.org\n",
    "sdp": b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n",
    "dash": b"<?xml version='1.0'?><MPD>",
    "subtitles": b"1\n00:00:00,000 --> 00:00:01,000\n",
    "wave": b"RIFF\0\0\0\0WAVEfmt ",
    "webp": b"RIFF\0\0\0\0WEBPVP8 ",
    "heif": b"\0\0\0\x18ftypheic",
    "script": b"#!/bin/sh\n",
    "empty": b"",
    "zeros": bytes(100),
    "bmp": b"BM" + bytes(50),
    "icon": b"\0\0\1\0\7\0\x10\x10",
}


@pytest.mark.parametrize("name", VIDEOS)
def test_a_video_is_recognized(name):
    check_video(VIDEOS[name])


@pytest.mark.parametrize("name", OTHERS)
def test_anything_else_is_refused_as_a_video(name):
    """Above all playlists and scripts, which name other files and addresses."""
    with pytest.raises(UnreadableContentError) as caught:
        check_video(OTHERS[name])
    assert str(caught.value)
    assert caught.value.kind


def test_short_heads_are_no_error():
    """A file of a few bytes is described like any other."""
    for content in [*VIDEOS.values(), *OTHERS.values()]:
        for length in range(14):
            assert describe_content(content[:length])
            picture_format(content[:length])


JPEG_2000 = {"file": b"\0\0\0\x0cjP  \r\n\x87\n", "codestream": b"\xff\x4f\xff\x51"}


@pytest.mark.parametrize("head", JPEG_2000.values(), ids=JPEG_2000)
def test_jpeg_2000_reaches_no_decoder(monkeypatch, head):
    """OpenCV's decoder for it has a known fault (CVE-2025-53644): both forms are refused before OpenCV is asked."""
    monkeypatch.setattr("cv2.imdecode", lambda *_: pytest.fail("OpenCV was asked"))
    for content in (head, head + bytes(5000)):
        with pytest.raises(UnreadableContentError, match="JPEG 2000"):
            decode_picture(content, color=True, max_pixels=1_000_000)


def test_pictures_are_decoded_in_one_place_alone():
    """No other module decodes foreign pictures: `scenes/head.py` reads one that is part of the program."""
    calls = re.compile(r"\bim(?:read|decode)(?:multi|animation)?\(")
    root = Path(edge.__file__).parent
    users = {str(path.relative_to(root)) for path in root.rglob("*.py") if calls.search(path.read_text())}
    assert users == {"sources/picture.py", "scenes/head.py"}
