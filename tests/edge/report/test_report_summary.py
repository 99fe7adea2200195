"""A summary shows what was logged, in either mode, from rotated and compressed files, and despite broken lines."""

import gzip
import random
import time
import tracemalloc

import pytest
from log_lines import BEGIN, event, line, reading, visit

from edge.report.durations import LABEL_INDEX, LABELS, MAX_BINS, EmotionDurations
from edge.report.gaps import BAD_PICTURE, CAMERA_LOST, PAUSED, POWER_CUT, SILENT, SWITCHED_OFF
from edge.report.log_reader import find_logs
from edge.report.period import Period
from edge.report.summary import LogSummary

T0 = BEGIN.timestamp()


@pytest.fixture(autouse=True)
def _utc(monkeypatch):
    """Set the local time zone to UTC, as hours of the day are local."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def summarize(tmp_path):
    """Return a function that summarizes a log, given as the content of each of its files."""

    def read(*contents, start=float("-inf"), end=float("inf")):
        files = []
        for number, content in enumerate(contents):
            files.append(tmp_path / f"{number}.jsonl")
            files[-1].write_bytes(content if isinstance(content, bytes) else content.encode())
        summary = LogSummary(Period(start, end))
        summary.read(files)
        return summary

    return read


def seconds_of(summary):
    total = zip(LABELS, summary.cameras.durations.total, strict=True)
    return {label: round(seconds, 1) for label, seconds in total if seconds}


def gaps_of(summary):
    return sorted((gap.reason, round(gap.start - T0), round(gap.duration_s)) for gap in summary.cameras.gaps.longest)


def test_durations_of_a_log_of_changes(summarize):
    """An emotion lasts until the face changes, and a visit as long as the `left` line says, not until its time."""
    summary = summarize(
        event(0, "appeared", track=1, emotion="neutral")
        + event(40, "changed", track=1, emotion="happy")
        + event(130, "left", track=1, emotion="happy", duration_s=100.0)
    )
    assert seconds_of(summary) == {"neutral": 40.0, "happy": 60.0}
    assert (summary.cameras.visits.count, summary.cameras.visits.total_s, summary.line_count) == (1, 100.0, 3)


def test_durations_of_a_log_of_all_readings(summarize):
    """Ten readings per second for ten seconds last ten seconds; a reading after a pause is another visit."""
    text = "".join(reading(n / 10, 1, "happy" if n < 50 else "sad", frame=n) for n in range(101))
    summary = summarize(text + reading(60, 1, "fear", frame=200))
    assert seconds_of(summary) == {"happy": 5.0, "sad": 5.0, "fear": 0.1}
    assert summary.cameras.visits.count == 2
    assert summary.cameras.visits.longest_s == pytest.approx(10.0)


def test_both_modes_agree(summarize):
    """The same visits give the same figures, logged as changes and as readings."""
    changes = visit(0, 300, 1, "happy") + visit(400, 500, 2, "sad")
    readings = "".join(reading(n / 10, 1, "happy", frame=n) for n in range(3001))
    readings += "".join(reading(400 + n / 10, 2, "sad", frame=4000 + n) for n in range(1001))
    assert seconds_of(summarize(changes)) == seconds_of(summarize(readings)) == {"happy": 300.0, "sad": 100.0}
    assert summarize(changes).cameras.visits.histogram == summarize(readings).cameras.visits.histogram


def test_durations_of_a_log_of_counts(summarize):
    """In a log of counts, a share of the frames becomes a share of the minute; visits are unknown."""
    emotions = {"happy": 300, "neutral": 300}
    summary = summarize(event(60, "counts", duration_s=60.0, frames=600, most_faces=2, emotions=emotions))
    assert seconds_of(summary) == {"happy": 30.0, "neutral": 30.0}
    visits = summary.cameras.visits
    assert (visits.count, visits.most_at_once, summary.cameras.modes) == (0, 2, {"counts"})


def test_pictures_are_counted(summarize):
    """Each face in a picture counts once, since a picture has no duration; a picture without a face counts for none."""
    text = "".join(
        line(n / 1000, media_time_s=None, frame=n, track=track, emotion="sad")
        for n in range(9)
        for track in range(1, 2 + (n == 4))
    )
    summary = summarize(text + line(1, media_time_s=None, frame=9, track=None, emotion=None))
    assert summary.parts == [summary.pictures]
    assert summary.pictures.total[LABEL_INDEX["sad"]] == 10
    assert (summary.pictures.pictures_with_face, summary.pictures.visits.most_at_once) == (9, 2)
    assert (summary.pictures.unit, summary.line_count) == ("faces", 11)


def film(begin_s, positions, speed=4.0, **values):
    """Return readings at `positions`, s, in a video that is read `speed` times as fast as it plays, from `begin_s`."""
    return "".join(
        reading(begin_s + at / speed, 1, "happy", frame=round(at * 10), media_time_s=at, source="film.mp4", **values)
        for at in positions
    )


def test_a_video_takes_its_own_time(summarize):
    """97 s of a face in a video of 120 s are 97 s, however fast the video was read."""
    summary = summarize(film(0, [at / 10 for at in range(101, 1072)]))
    assert summary.parts == [summary.videos]
    assert sum(summary.videos.total) == pytest.approx(97.0)
    assert summary.videos.visits.longest_s == pytest.approx(97.0)
    assert summary.videos.headline == "film.mp4, up to 1:47"


def test_a_log_of_changes_of_a_video_takes_the_videos_time(summarize):
    """Events of a video have positions too; the visit lasts as long as in the video."""
    summary = summarize(
        event(0, "started", media_time_s=0.0)
        + event(1, "appeared", media_time_s=10.0, track=1, emotion="happy")
        + event(5, "changed", media_time_s=40.0, track=1, emotion="sad")
        + event(9, "left", media_time_s=61.0, track=1, emotion="sad", duration_s=50.0)
        + event(9, "stopped", media_time_s=61.0)
    )
    happy, sad = (summary.videos.total[LABEL_INDEX[label]] for label in ("happy", "sad"))
    assert (happy, sad, summary.videos.visits.count) == (30.0, 20.0, 1)
    assert not summary.videos.gaps.total


def test_videos_follow_one_another(summarize):
    """A video that is read again follows the first; its face is another visit, even at the same position."""
    once = [at / 10 for at in range(101)]
    summary = summarize(film(0, once) + film(10, once) + film(20, once).replace("film.mp4", "other.mp4"))
    assert sum(summary.videos.total) == pytest.approx(30.0)
    assert (summary.videos.video_count, summary.videos.visits.count) == (3, 3)
    assert summary.videos.begins == [(0.0, "film.mp4"), (10.0, "film.mp4"), (20.0, "other.mp4")]
    assert summary.videos.format_place(23.0) == "0:03"


def test_kinds_of_sources_are_kept_apart(summarize):
    """A log of a camera, then a video, then a picture has a part for each, with its own times."""
    picture = line(300, media_time_s=None, frame=0, track=1, emotion="sad", source="a.jpg")
    summary = summarize(visit(0, 100, 1, "happy") + film(200, [0.0, 1.0, 2.0]) + picture)
    assert [(part.kind, list(part.sources)) for part in summary.parts] == [
        ("cameras", ["camera"]),
        ("videos", ["film.mp4"]),
        ("pictures", ["a.jpg"]),
    ]
    assert [round(sum(part.total), 1) for part in summary.parts] == [100.0, 2.0, 1.0]


def test_seconds_of_several_faces_are_face_seconds(summarize):
    """Faces at the same time add up, and the unit says so; one face at a time has plain time."""
    one = visit(0, 100, 1, "sad") + visit(200, 300, 2, "sad")
    two = event(0, "appeared", track=1, emotion="sad") + event(1, "appeared", track=2, emotion="happy")
    assert summarize(one).cameras.unit == "time with a face"
    assert summarize(two).cameras.unit == "face-seconds"


def test_the_most_faces_at_once(summarize):
    """The highest number of simultaneous faces is found in both modes."""
    changes = summarize(visit(0, 100, 1, "sad") + event(50, "appeared", track=2, emotion="sad"))
    both = event(0, "appeared", track=1, emotion="sad") + event(1, "appeared", track=2, emotion="happy")
    assert changes.cameras.visits.most_at_once == 1
    assert summarize(both).cameras.visits.most_at_once == 2
    readings = summarize(
        "".join(reading(0, track, "sad", frame=7) for track in (1, 2, 3)) + reading(1, 1, "sad", frame=8)
    )
    assert readings.cameras.visits.most_at_once == 3


def test_hours_are_of_the_local_day(summarize, monkeypatch):
    """Hours of the day are in local time, in time zones of half hours as well: 8:00 UTC is 13:30 in Kolkata."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    summary = summarize(visit(-600, 600, 1, "happy") + visit(2000, 2100, 2, "sad"))
    assert [hour for hour, row in enumerate(summary.cameras.durations.by_hour) if sum(row)] == [13, 14]
    assert summary.cameras.durations.by_hour[13][LABEL_INDEX["happy"]] == 1200
    assert summary.cameras.visits.by_hour[13:15] == [1, 1]


def test_a_period_clips_durations(summarize):
    """Only the time inside the period counts; a visit counts if it began inside."""
    text = visit(0, 100, 1, "happy") + visit(150, 250, 2, "sad")
    summary = summarize(text, start=T0 + 60, end=T0 + 200)
    assert seconds_of(summary) == {"happy": 40.0, "sad": 50.0}
    assert (summary.cameras.visits.count, summary.line_count) == (1, 2)


def test_a_period_without_a_line_may_have_a_face(summarize):
    """A face that appeared before the period and left after it counts, though no line is inside."""
    summary = summarize(visit(0, 1000, 1, "happy"), start=T0 + 100, end=T0 + 200)
    summary.check()
    assert seconds_of(summary) == {"happy": 100.0}
    assert (summary.cameras.first, summary.cameras.last) == (T0 + 100, T0 + 200)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"name": "gap", "duration_s": 490.0, "reason": "paused"}, PAUSED),
        ({"name": "picture", "duration_s": 490.0, "fault": None}, BAD_PICTURE),
        ({"name": "picture", "duration_s": 490.0, "fault": "dark"}, BAD_PICTURE),
    ],
    ids=str,
)
def test_a_pause_and_a_bad_picture_are_gaps(summarize, line, reason):
    """Neither is called a lost camera; the beginning of a fault alone is no gap."""
    begin = event(10, "picture", fault="frozen")
    summary = summarize(event(0, "summary", frames=9) + begin + event(500, **line) + event(501, "summary", frames=9))
    assert gaps_of(summary) == [(reason, 10, 490)]


def test_a_lost_camera_is_a_gap(summarize):
    """A `gap` line becomes a gap of its duration before it."""
    summary = summarize(
        event(0, "summary", frames=9) + event(500, "gap", duration_s=490.0) + event(501, "summary", frames=9)
    )
    assert gaps_of(summary) == [(CAMERA_LOST, 10, 490)]


@pytest.mark.parametrize(("last", "reason"), [("stopped", SWITCHED_OFF), ("summary", POWER_CUT)])
def test_a_program_that_did_not_run_is_a_gap(summarize, last, reason):
    """The time before a `started` line is a gap; its reason depends on whether the line before is `stopped`."""
    assert gaps_of(summarize(event(0, "summary") + event(60, last), event(4000, "started"))) == [(reason, 60, 3940)]


def test_missing_summaries_are_a_gap(summarize):
    """Several missing summaries are a gap; the interval between summaries is learned from the log."""
    every_minute = "".join(event(60 * n, "summary") for n in (0, 1, 2, 4, 5, 20, 21))
    every_ten = "".join(event(600 * n, "summary") for n in (0, 1, 2, 4, 5, 20, 21))
    assert gaps_of(summarize(every_minute)) == [(SILENT, 300, 900)]
    assert gaps_of(summarize(every_ten)) == [(SILENT, 3000, 9000)]


def test_a_log_of_all_readings_has_no_gaps(summarize):
    """Silence in a log of all readings is no gap, since it has no lines while nobody is in view."""
    assert gaps_of(summarize(reading(0, 1, "happy") + reading(5000, 2, "sad"))) == []


def test_a_power_cut_ends_all_visits(summarize):
    """A visit without a `left` line ends at the last line before the next start."""
    text = event(0, "appeared", track=1, emotion="happy") + event(30, "summary", most_faces=1) + event(9000, "started")
    text += event(9001, "appeared", track=1, emotion="sad") + event(9003, "summary", most_faces=1)
    assert seconds_of(summarize(text)) == {"happy": 30.0, "sad": 2.0}


def test_a_summary_without_faces_ends_all_visits(summarize):
    """A visit whose `left` line was lost ends at the last summary before one without faces."""
    text = event(0, "appeared", track=1, emotion="happy")
    text += event(60, "summary", most_faces=1) + event(120, "summary", most_faces=0) + event(9000, "summary")
    assert seconds_of(summarize(text)) == {"happy": 60.0}


@pytest.mark.parametrize("stepped_s", [31_536_000.0, -31_536_000.0], ids=["ahead", "back"])
def test_a_step_of_the_clock_is_no_gap(summarize, stepped_s):
    """A clock that is set by a year, in either direction, makes no year of silence."""
    text = event(0, "started") + event(10, "summary", frames=5)
    text += event(20 + stepped_s, "clock", stepped_s=stepped_s) + event(30 + stepped_s, "stopped")
    assert summarize(text).cameras.gaps.total == {}
    silent = event(0, "started") + event(9000 + stepped_s, "clock", stepped_s=stepped_s)
    assert summarize(silent).cameras.gaps.total == {SILENT: (1, 9000.0)}


def test_a_clock_that_steps_several_times_makes_no_gap(summarize):
    """A year ahead, two years back to a time that counts as unset, and right again: there is no silence in the log."""
    year_s = 365 * 86400.0
    text = event(0, "started") + event(10 + year_s, "clock", stepped_s=year_s)
    text += event(20 - year_s, "clock", stepped_s=-2 * year_s, clock="unset")
    text += event(30 - year_s, "summary", frames=5, clock="unset")
    text += event(40, "clock", stepped_s=year_s) + event(50, "stopped")
    summary = summarize(text)
    assert summary.cameras.gaps.total == {}
    assert (summary.corrected, summary.uncorrected) == (2, 0)


def test_times_from_before_the_clock_was_set_are_corrected(summarize):
    """A `clock` line corrects the lines of its run; those of an earlier run stay uncorrected and are counted."""
    wrong = -3 * 365 * 86400
    lost = event(wrong - 900, "started", clock="unset") + event(wrong - 890, "stopped", clock="unset")
    text = event(wrong, "started", clock="unset") + event(
        wrong + 1, "appeared", track=1, emotion="happy", clock="unset"
    )
    text += event(10, "clock", stepped_s=-wrong) + event(61, "left", track=1, emotion="happy", duration_s=60.0)
    summary = summarize(lost + text)
    assert (summary.corrected, summary.uncorrected) == (2, 2)
    assert seconds_of(summary) == {"happy": 60.0}
    assert summarize(text).cameras.last - summarize(text).cameras.first == pytest.approx(61.0)


@pytest.mark.parametrize("cut", [0, 1, 200, 5000])
def test_broken_lines_are_counted_and_named(summarize, cut):
    """Broken lines of every kind are counted, the first ones named, and all other lines are read."""
    good = [reading(n / 10, 1, "happy", frame=n) for n in range(6000)]
    bad = ['{"time":"2026-11-', "\0" * 600, "hello", line(3, emotion="bored"), "{}", '{"time":3,"source":"x"}', "[1]"]
    texts = good[: cut + 1] + [text.rstrip("\n") + "\n" for text in bad] + good[cut + 1 :]
    summary = summarize("".join(texts))
    assert (summary.line_count, summary.broken.count) == (6000, len(bad))
    assert [name.rpartition(":")[2] for name in summary.broken.named] == [str(cut + 2 + n) for n in range(5)]


def test_a_log_may_end_within_a_line(summarize):
    """A log that the service is writing to may end within a line, which counts as broken."""
    summary = summarize(reading(0, 1, "sad") + reading(1, 1, "sad")[:30])
    assert (summary.line_count, summary.broken.count) == (1, 1)


def test_a_truncated_compressed_file_is_read_up_to_the_cut(summarize):
    """The lines before the cut of a truncated compressed file are read, and the file counts as broken."""
    packed = gzip.compress("".join(reading(n, 1, "sad", frame=n, x=random.random()) for n in range(50_000)).encode())  # noqa: S311  # test data, not a secret
    summary = summarize(packed[: len(packed) // 2])
    assert 10_000 < summary.line_count < 40_000
    assert summary.broken.count in {1, 2}


def test_a_huge_line_does_not_fill_the_memory(tmp_path):
    """A line of 32 MB of zeros, as a file system may leave after a power cut, takes little memory."""
    path = tmp_path / "log.jsonl"
    with path.open("w") as file:
        file.write(reading(0, 1, "sad"))
        file.seek(32 << 20)
        file.write("\n" + reading(1, 1, "sad"))
    summary = LogSummary(Period())
    tracemalloc.start()
    try:
        summary.read([path])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (summary.line_count, summary.broken.count) == (2, 1)
    assert peak < 8 << 20


@pytest.mark.parametrize("mode", ["changes", "all"])
def test_a_log_of_faces_without_end_does_not_fill_the_memory(summarize, mode):
    """Each line names another face that never leaves, as in a compressed log that was made to do harm."""
    if mode == "changes":
        lines = [event(n / 1000, "appeared", track=n, emotion="sad") for n in range(20_000)]
    else:
        lines = [reading(0, n, "sad", frame=n) for n in range(20_000)]
    packed = gzip.compress("".join(lines).encode())
    began_s = time.process_time()
    tracemalloc.start()
    try:
        summary = summarize(packed)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert summary.cameras.visits.count == 20_000
    assert peak < 12 << 20
    assert time.process_time() - began_s < 20.0


def test_names_without_an_end_are_damage(summarize):
    """A camera's name, an event or a model of thousands of letters is none; of many models 20 are named."""
    good = [event(n, "started", model=f"m{n}") for n in range(50)]
    bad = [event(50, "started", model="x" * 300), event(51, "x" * 300), line(52, source="x" * 3000)]
    summary = summarize("".join(good + bad))
    assert (summary.line_count, summary.broken.count, len(summary.models)) == (50, 3, 20)


def test_a_log_includes_its_rotated_files_in_order(tmp_path):
    """Rotated files, plain and compressed, are read in the order of their numbers; each once, if named twice too."""
    for number, (name, begin) in enumerate(
        [
            ("readings.000001.20270101T000000Z.jsonl.gz", 0),
            ("readings.000002.jsonl", 100),
            ("readings.000010.20260101T000000Z.jsonl.gz", 200),
            ("readings.jsonl", 300),
        ]
    ):
        text = visit(begin, begin + 10, number + 1, "happy").encode()
        (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    (tmp_path / "readings.000010.20260101T000000Z.jsonl").write_bytes(b"as it was before it was compressed\n")
    (tmp_path / "readings.000011.jsonl.gz.part").write_bytes(b"half")
    log = tmp_path / "readings.jsonl"
    expected = ["readings.000001.20270101T000000Z.jsonl.gz", "readings.000002.jsonl"]
    expected += ["readings.000010.20260101T000000Z.jsonl.gz", "readings.jsonl"]
    for named in ([log], [tmp_path], [log, tmp_path / expected[0]], [tmp_path / name for name in reversed(expected)]):
        (files,) = find_logs(named)
        assert [file.name for file in files] == expected
    summary = LogSummary(Period())
    summary.read(files)
    assert (summary.cameras.visits.count, summary.file_count, summary.broken.count) == (4, 4, 0)
    assert [file.name for file in find_logs([tmp_path / expected[1]])[0]] == [expected[1]]
    assert [file.name for file in find_logs(tmp_path / expected[n] for n in (2, 0))[0]] == [expected[0], expected[2]]


def test_a_file_that_was_compressed_after_it_was_found_is_read(tmp_path):
    """A rotated file that the service compresses between finding and reading is read from its compressed form."""
    plain = tmp_path / "readings.000001.jsonl"
    plain.write_text(reading(0, 1, "sad"))
    (files,) = find_logs([plain])
    plain.with_name(plain.name + ".gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    summary = LogSummary(Period())
    summary.read(files)
    assert summary.line_count == 1


def test_the_number_of_bins_is_bounded():
    """Two years of short intervals keep their sum in a bounded number of bins, and in fewer, wider ones for a chart."""
    durations, dice = EmotionDurations(Period()), random.Random(2)  # noqa: S311  # test data, not a secret
    at, total = T0, 0.0
    while at < T0 + 2 * 365 * 86400:
        durations.add(dice.choice(LABELS), at, at + 20)
        at, total = at + dice.expovariate(1 / 900), total + 20
    assert len(durations.bins) <= MAX_BINS
    assert sum(map(sum, durations.bins.values())) == pytest.approx(total)
    assert sum(durations.total) == pytest.approx(total)
    coarse = durations.coarsened(288)
    assert max(coarse.bins) - min(coarse.bins) < 288
    assert sum(map(sum, coarse.bins.values())) == pytest.approx(total)


def test_an_interval_is_divided_among_bins():
    """An interval of 25 s is divided among bins of 10 s, and one of a month is ignored as impossible."""
    durations = EmotionDurations(Period())
    durations.add("happy", T0 + 5, T0 + 30)
    durations.add("sad", T0, T0 + 30 * 86400)
    assert {durations.bin_start(number) - T0: row[LABEL_INDEX["happy"]] for number, row in durations.bins.items()} == {
        0: 5.0,
        10: 10.0,
        20: 10.0,
    }
    assert not durations.total[LABEL_INDEX["sad"]]


def test_percentiles_are_accurate_to_five_percent(summarize):
    """The percentiles of a hundred visits of 1 to 100 s are accurate to about 5 %."""
    visits = summarize("".join(visit(200 * n, 200 * n + n, n, "happy") for n in range(1, 101))).cameras.visits
    assert visits.percentile_s(0.5) == pytest.approx(50, rel=0.06)
    assert visits.percentile_s(0.95) == pytest.approx(95, rel=0.06)
    assert (visits.count, visits.longest_s) == (100, 100.0)
