"""Puts together what is said of every face of a frame."""

import time

from edge.meters import Meters
from edge.records import Frame, Observation, Reading, Track, TrackedFrame
from edge.vision.name import FaceNamer, Named


class Observer:
    """Names the faces of each frame.

    stills: frames have nothing to do with each other.
    """

    def __init__(self, namer: FaceNamer, meters: Meters, *, stills: bool) -> None:
        self._namer = namer
        self._meters = meters
        self._stills = stills

    def observe(self, item: TrackedFrame) -> Observation:
        """What is said of every face that was found in this very frame."""
        frame, meters = item.frame, self._meters
        if self._stills:
            self._namer.reset()
        with meters.name.measure():
            named = self._namer.update(frame.gray, item.tracks, position_s=frame.position_s)
        readings = tuple(
            self._reading(frame, track, named[track.track_id]) for track in item.tracks if track.track_id in named
        )
        meters.latency.add(time.monotonic() - frame.captured_at)
        present = tuple(track.track_id for track in item.tracks)
        return Observation(frame.index, frame.source, frame.captured_at, frame.position_s, readings, present)

    def _reading(self, frame: Frame, track: Track, named: Named) -> Reading:
        height, width = frame.gray.shape
        said = named.said
        return Reading(
            track_id=track.track_id,
            box=track.box.clipped(width, height),
            emotion=said.emotion,
            confidence=said.confidence,
            probabilities=dict(zip(self._namer.labels, said.probabilities.tolist(), strict=True)),
            frame_index=frame.index,
            captured_at=frame.captured_at,
            latency_s=time.monotonic() - frame.captured_at,
            unclear=named.unclear,
        )
