"""Simpler trackers to hold ours against in the crossing scene: the schedule's own settings, made plainer."""

from edge.settings import Settings, TrackSettings

SIMPLER: dict[str, Settings] = {
    "any overlap continues a track": Settings(track=TrackSettings(min_iou=0.05)),
    "half must overlap": Settings(track=TrackSettings(min_iou=0.5)),
    "a face missed for 0.1 s has left": Settings(track=TrackSettings(max_missed_s=0.1)),
}
