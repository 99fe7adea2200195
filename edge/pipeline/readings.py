"""Turns the tracks of a frame and their predictions into readings."""

import time

from edge.counters import Counters
from edge.records import Frame, Observation, PictureFault, Reading, Track, TrackedFrame
from edge.vision.classify_tracks import ClassifiedTrack, TrackClassifier


def make_observation(item: TrackedFrame, track_classifier: TrackClassifier, counters: Counters) -> Observation:
    """Classify the faces that were found in this very frame; return their readings.

    Args:
        item: the frame with its tracks. A track without a prediction yet gets no reading.
        track_classifier: decides which faces to classify now, and smooths the predictions.
        counters: take the step's duration, and the latency from the capture to the readings.
    """
    frame = item.frame
    with counters.classify.measure():
        classified = track_classifier.update(frame.gray, item.tracks, media_time_s=frame.media_time_s)
    readings = tuple(
        _reading(frame, track, classified[track.track_id], track_classifier.labels)
        for track in item.tracks
        if track.track_id in classified
    )
    counters.latency.add(time.monotonic() - frame.captured_at)
    present = tuple(track.track_id for track in item.tracks)
    return Observation(
        frame.index,
        frame.source,
        frame.captured_at,
        frame.media_time_s,
        readings,
        present,
        time_line=frame.time_line,
        picture_fault=item.picture_fault,
    )


def without_faces(frame: Frame, *, picture_fault: PictureFault | None = None) -> Observation:
    """Return an observation that says of a live source only that nobody is seen, or that nobody can be seen.

    Args:
        frame: the newest frame.
        picture_fault: what is wrong with it.
    """
    return Observation(
        frame.index,
        frame.source,
        frame.captured_at,
        frame.media_time_s,
        readings=(),
        present=(),
        picture_fault=picture_fault,
    )


def _reading(frame: Frame, track: Track, classified: ClassifiedTrack, labels: tuple[str, ...]) -> Reading:
    height, width = frame.gray.shape
    smoothed = classified.prediction
    return Reading(
        track_id=track.track_id,
        box=track.box.clipped(width, height),
        emotion=smoothed.emotion,
        confidence=smoothed.confidence,
        probabilities=dict(zip(labels, smoothed.probabilities.tolist(), strict=True)),
        frame_index=frame.index,
        captured_at=frame.captured_at,
        latency_s=time.monotonic() - frame.captured_at,
        unclear=classified.unclear,
    )
