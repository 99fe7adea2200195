"""Counts identity switches of the tracker and of simpler ones, while two faces cross.

A simpler tracker is ours with one of its settings relaxed or tightened.
"""

from benchmarks.worker import WorkerProcess
from benchmarks.workloads import Workload, score_workload
from edge.settings.schema import Settings, TrackSettings

CROSSING = Workload("crossing", count=240)

DEFAULT_TRACKER = "as it ships"
"""Name of our tracker in the results."""

SIMPLER: dict[str, Settings] = {
    "any overlap continues a track": Settings(track=TrackSettings(min_iou=0.05)),
    "half must overlap": Settings(track=TrackSettings(min_iou=0.5)),
    "a face missed for 0.1 s has left": Settings(track=TrackSettings(max_missed_s=0.1)),
}


def identity_switches(pipeline: WorkerProcess) -> dict[str, int]:
    """Return the identity switches of each simpler tracker, by its name."""
    return {
        name: score_workload(CROSSING, pipeline.measure(CROSSING, settings).detected).switches
        for name, settings in SIMPLER.items()
    }
