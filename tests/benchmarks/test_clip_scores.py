"""The scores of a clip: small cases by hand, and the figures of an independent scorer where it is at hand."""

import importlib.util
import json

import numpy as np
import pytest

from benchmarks.clips.footage import Clip, find_clips, read_reference
from benchmarks.clips.scores import add_scores, found_after_s, read_log, roll_band, score_clip
from edge.errors import MediaError

FPS = 10.0


@pytest.fixture
def reference_of(tmp_path):
    """Return a function that makes a reference of each frame's boxes; a box is (x, y, w, h) or has a roll as well."""

    def make(*frames, maybe=None, persons=1):
        rows = [[[*box[:4], 1.0, box[4] if len(box) > 4 else 0.0] for box in boxes] for boxes in frames]
        content = {"fps": FPS, "frames": len(rows), "persons": persons, "boxes": rows}
        path = tmp_path / "reference.json"
        path.write_text(json.dumps(content if maybe is None else content | {"maybe": maybe}))
        return read_reference(path)

    return make


@pytest.fixture
def log_of(tmp_path):
    """Return a function that writes a log; a reading is (frame, track, box, emotion)."""

    def write(*readings, name="log.jsonl"):
        lines = [
            json.dumps({"source": "clip.mp4", "frame": frame, "track": track, "box": box, "emotion": emotion})
            for frame, track, box, emotion in readings
        ]
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    return write


FACE = [100, 50, 60, 60]
ASIDE = [400, 50, 60, 60]


def score(reference, log):
    return score_clip(reference, read_log(log, reference))


def test_a_face_is_found_by_a_reading_of_its_own_frame(reference_of, log_of):
    """A reading on the face counts as found in its frame alone; the frame without a reading lowers the recall."""
    result = score(reference_of([FACE], [FACE]), log_of((1, 1, [105, 52, 60, 60], "happy")))
    assert (result.faces, result.found, result.recall) == (2, 1, 0.5)
    assert (result.readings, result.false, result.ids, result.ids_per_person) == (1, 0, 1, 1.0)


@pytest.mark.parametrize(("shift", "found", "false"), [(25, 1, 0), (26, 0, 0), (40, 0, 0), (41, 0, 1)])
def test_iou_bounds_of_found_and_false(reference_of, log_of, shift, found, false):
    """A box shifted by 25 of 60 px has IoU 0.41 and is found; by 40 px, exactly 0.2, it is not yet false."""
    result = score(reference_of([FACE]), log_of((0, 1, [100 + shift, 50, 60, 60], "happy")))
    assert (result.found, result.false) == (found, false)


def test_small_faces_need_not_be_found_and_are_not_false(reference_of, log_of):
    """A reference face below 48 px is left out of the recall, and a reading on it is right."""
    result = score(reference_of([[100, 50, 47, 47.9]]), log_of((0, 1, [100, 50, 47, 48], "happy")))
    assert (result.faces, result.recall, result.false) == (0, None, 0)


def test_doubtful_boxes_are_neither_right_nor_wrong(reference_of, log_of):
    """A reading on a `maybe` box is not false, although no reference face is there."""
    reference = reference_of([], [], maybe=[[FACE], []])
    result = score(reference, log_of((0, 1, FACE, "sad"), (1, 1, FACE, "sad")))
    assert (result.faces, result.false) == (0, 1)
    assert result.false_per_minute == pytest.approx(1 / (2 / FPS / 60))


def test_second_readings_of_a_face_are_doubles(reference_of, log_of):
    """Of three readings on one face, two are doubles, and the face is found once."""
    log = log_of((0, 1, FACE, "sad"), (0, 2, FACE, "sad"), (0, 3, FACE, "sad"))
    result = score(reference_of([FACE]), log)
    assert (result.found, result.doubles, result.ids) == (1, 2, 3)


def test_changes_are_counted_for_each_track(reference_of, log_of):
    """A label that differs from that of the same track's previous reading is a change, even after a gap."""
    readings = [(0, 1, FACE, "sad"), (0, 2, ASIDE, "happy"), (1, 1, FACE, "sad"), (3, 1, FACE, "fear")]
    result = score(reference_of(*[[FACE, ASIDE]] * 4), log_of(*readings))
    assert result.changes == 1
    assert result.changes_per_minute == pytest.approx(1 / (4 / FPS / 60))


def test_readings_of_an_alarmed_face_are_counted(reference_of, log_of):
    """Angry, fear and surprise count; other labels, `uncertain` among them, do not."""
    emotions = ("angry", "fear", "surprise", "sad", "neutral", "uncertain")
    log = log_of(*[(frame, 1, FACE, emotion) for frame, emotion in enumerate(emotions)])
    assert score(reference_of(*[[FACE]] * 6), log).alarms == 3


@pytest.mark.parametrize(
    ("roll", "band"),
    [(0, "<10"), (-9.9, "<10"), (10, "10-20"), (-20, "20-35"), (34.9, "20-35"), (35, ">35"), (-180, ">35")],
)
def test_roll_bands_begin_with_their_lower_end(roll, band):
    """The sign of the roll does not matter."""
    assert roll_band(roll) == band


def test_recall_by_roll(reference_of, log_of):
    """Each reference face counts in the band of its roll."""
    result = score(reference_of([[*FACE, -25.0], [*ASIDE, 5.0]]), log_of((0, 1, FACE, "sad")))
    assert {name: (band.found, band.faces) for name, band in result.bands.items() if band.faces} == {
        "20-35": (1, 1),
        "<10": (0, 1),
    }


def test_lines_without_a_box_are_no_readings(reference_of, log_of):
    """A line that says that nobody is there does not count."""
    assert score(reference_of([FACE]), log_of((0, None, None, None))).readings == 0


def test_logs_of_two_runs_are_refused(reference_of, log_of):
    """A frame number that falls shows that the log holds two runs."""
    log = log_of((0, 1, FACE, "sad"), (1, 1, FACE, "sad"), (0, 1, FACE, "sad"))
    with pytest.raises(MediaError, match=r"log\.jsonl:3: expected a frame from 1 to 1, found 0"):
        read_log(log, reference_of([FACE], [FACE]))


def test_logs_of_events_are_refused(reference_of, tmp_path):
    """A log of changes lacks readings, so it cannot be scored."""
    log = tmp_path / "changes.jsonl"
    log.write_text('{"event": "started"}\n')
    with pytest.raises(MediaError, match="expected a log of mode `all`"):
        read_log(log, reference_of([FACE]))


def test_a_face_is_found_after_half_a_second_of_hits(reference_of, log_of):
    """A single hit is no find; frames without a reference face neither count nor interrupt."""
    reference = reference_of(*[[FACE]] * 6, [], *[[FACE]] * 5)
    hits = [0, 1, 3, 4, 5, 7, 8]
    log = log_of(*((frame, 1, FACE, "sad") for frame in hits))
    assert found_after_s([reference], read_log(log, reference)) == pytest.approx(0.3)
    log = log_of(*((frame, 1, FACE, "sad") for frame in hits[:-1]))
    assert found_after_s([reference], read_log(log, reference)) is None


def test_a_face_may_be_found_in_a_picture_that_was_turned_back(reference_of, log_of):
    """A reading that meets the face in either of two references of the clip counts."""
    turned, upright = reference_of(*[[FACE]] * 5), reference_of(*[[ASIDE]] * 5)
    faces = read_log(log_of(*((frame, 1, ASIDE, "sad") for frame in range(5))), turned)
    assert found_after_s([turned], faces) is None
    assert found_after_s([turned, upright], faces) == 0.0


def test_sums_over_clips(reference_of, log_of):
    """Shares over several clips are those of the sums, not means of shares."""
    first = score(reference_of([FACE], persons=2), log_of((0, 1, FACE, "sad")))
    second = score(reference_of([FACE], [FACE], [FACE]), log_of((0, 1, ASIDE, "sad")))
    total = add_scores([first, second])
    assert (total.faces, total.found, total.recall, total.false) == (4, 1, 0.25, 1)
    assert (total.persons, total.ids, total.readings) == (3, 2, 2)
    assert total.minutes == pytest.approx(4 / FPS / 60)


def made_up_log(clip: Clip, path, seed):
    """Write a log of shifted, missed, doubled and invented readings of a clip's faces."""
    random = np.random.default_rng(seed)
    lines = []
    for frame, faces in enumerate(clip.reference.faces):
        for number, face in enumerate(faces):
            for _ in range(random.choice([0, 1, 1, 1, 2])):
                x, y, w, h = (side / 10 for side in face.box.xywh)
                box = [round(x + random.normal(0, w / 5)), round(y + random.normal(0, h / 5)), round(w), round(h)]
                lines.append((frame, int(random.choice([number, number, 9])), box, str(random.choice(["sad", "fear"]))))
        if random.random() < 0.2:
            lines.append((frame, 8, [int(random.integers(400)), int(random.integers(200)), 60, 60], "happy"))
    content = [
        {"source": clip.path.name, "frame": frame, "track": track, "box": box, "emotion": emotion}
        for frame, track, box, emotion in lines
    ]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in content))


@pytest.mark.slow
def test_scores_equal_those_of_an_independent_scorer(datasets, tmp_path):
    """On made-up readings of real references every figure equals that of the script beside the clips."""
    script = datasets / "clips" / "score.py"
    if not script.is_file():
        pytest.skip(f"{script} is not there")
    spec = importlib.util.spec_from_file_location("independent_score", script)
    independent = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(independent)
    for seed, clip in enumerate(find_clips(script.parent)):
        log = tmp_path / f"{clip.name}.jsonl"
        made_up_log(clip, log, seed)
        ours = score(clip.reference, log)
        theirs = independent.score(json.loads(clip.path.with_suffix(".json").read_text()), log)
        assert {band: (value.faces, value.found) for band, value in ours.bands.items()} == {
            band: (theirs["refs_by_roll"][band], theirs["found_by_roll"][band]) for band in ours.bands
        }
        for key in ("readings", "false", "doubles", "ids", "persons", "changes"):
            assert getattr(ours, key) == theirs[key], (clip.name, key)
        for key in ("recall", "minutes", "face_minutes", "false_per_minute"):
            assert getattr(ours, key) == pytest.approx(theirs[key]), (clip.name, key)
        assert ours.changes_per_minute == pytest.approx(theirs["changes_per_face_minute"])
