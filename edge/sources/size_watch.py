"""Notices where the size of a video's frames changes. Runs in the decoder process."""

import os
import re

import cv2

_LEAD = 64
"""Number of encoded frames that are looked at before the decoder gets to them: it delays and reorders fewer."""

_SEARCHED, _HEADER = 1024, 24
"""Length of the part of a key frame in which a header is sought, and of the header's part that has the size, bytes."""

_HEADERS = re.compile(rb"\x00\x00\x01(?:[\x27\x47\x67\xb3]|\x42\x01|[\x20-\x2f])")
"""Start of a header with the frames' size: of H.264, MPEG-1 and 2, H.265, and MPEG-4 part 2.

Source: ITU-T H.264, 7.3.1; H.265, 7.3.1.2; H.262, 6.2.2; ISO/IEC 14496-2, 6.2.1.
"""

_LOST = 2
"""Number of frames before a change that are given up: some decoders lose those that they have not returned yet."""


class SizeWatch:
    """Reads the encoded frames of a video, a little ahead of the decoder.

    OpenCV 4.11 converts all frames as it does the first one: where they become smaller, its pictures are put together
    from wrong rows, and show faces twice.

    Args:
        packets: The video, opened for its encoded frames.
        size: Width and height of its first frame, px.
    """

    def __init__(self, packets: cv2.VideoCapture, size: tuple[int, int]) -> None:
        self._packets = packets
        self._size = size
        self._read = 0  # number of encoded frames
        self._header: bytes | None = None
        self._change: tuple[int, tuple[int, int]] | None = None

    def new_size(self, index: int) -> tuple[int, int] | None:
        """Return the other width and height that a frame has or one of the next few will have, px.

        Args:
            index: The frame's index; no smaller than in the calls before.

        Returns:
            None if the size does not change.
        """
        while self._change is None and self._read < index + _LEAD and self._packets.grab():
            self._look()
            self._read += 1
        return self._change[1] if self._change is not None and index >= self._change[0] else None

    def close(self) -> None:
        """Close the video."""
        self._packets.release()

    def _look(self) -> None:
        """Compare the header of a key frame with the one before."""
        if not self._packets.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME):
            return
        found, packet = self._packets.retrieve()
        content = packet.tobytes() if found else b""
        match = _HEADERS.search(content, 0, _SEARCHED)
        if match is None:
            return
        header = content[match.start() : match.start() + _HEADER]
        if self._header is not None and header != self._header:
            size = _probe_size(content)
            if size is not None and size != self._size:
                self._change = (self._read - _LOST, size)
        self._header = header


def _probe_size(content: bytes) -> tuple[int, int] | None:
    """Return width and height of an encoded frame, px; None if FFmpeg cannot open it on its own."""
    with os.fdopen(os.memfd_create("frame"), "w+b", buffering=0) as file:
        file.write(content * 3)  # FFmpeg does not recognize a short single frame
        capture = cv2.VideoCapture(f"/proc/self/fd/{file.fileno()}", cv2.CAP_FFMPEG)
        size = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
        capture.release()
    return size if min(size) > 0 else None
