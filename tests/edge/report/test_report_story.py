"""What a report says is what was logged: in either mode, in pieces, compressed, with faults."""

import gzip
import json
import random
import time
import tracemalloc

import pytest
from log_lines import BEGIN, event, face, line, stay

from edge.report.files import find_logs
from edge.report.gaps import CUT, LOST, OFF, SILENT
from edge.report.period import Period
from edge.report.story import Story
from edge.report.tally import INDEX, MOST_BINS, NAMES, Tally

T0 = BEGIN.timestamp()


@pytest.fixture(autouse=True)
def _utc(monkeypatch):
    """Hours of the day are local ones."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def tell(tmp_path):
    """Reads a log of these texts, each in a file of its own, and returns the story."""

    def read(*texts, start=float("-inf"), end=float("inf")):
        files = []
        for number, text in enumerate(texts):
            files.append(tmp_path / f"{number}.jsonl")
            files[-1].write_bytes(text if isinstance(text, bytes) else text.encode())
        story = Story(Period(start, end))
        story.read(files)
        return story

    return read


def seconds_of(story):
    return {name: round(seconds, 1) for name, seconds in zip(NAMES, story.tally.total, strict=True) if seconds}


def gaps_of(story):
    return sorted((gap.reason, round(gap.start - T0), round(gap.duration_s)) for gap in story.gaps.longest)


def test_changes_become_times(tell):
    """What a face showed holds until it changes; it left when the log says, not when the line was written."""
    story = tell(
        event(0, "appeared", track=1, emotion="neutral")
        + event(40, "changed", track=1, emotion="happy")
        + event(130, "left", track=1, emotion="happy", duration_s=100.0)
    )
    assert seconds_of(story) == {"neutral": 40.0, "happy": 60.0}
    assert (story.stays.count, story.stays.total_s, story.lines) == (1, 100.0, 3)


def test_readings_become_times(tell):
    """Ten a second for ten seconds; after a pause it is another stay."""
    text = "".join(face(n / 10, 1, "happy" if n < 50 else "sad", frame=n) for n in range(101))
    story = tell(text + face(60, 1, "fear", frame=200))
    assert seconds_of(story) == {"happy": 5.0, "sad": 5.0, "fear": 0.1}
    assert story.stays.count == 2
    assert story.stays.longest_s == pytest.approx(10.0)


def test_both_modes_agree(tell):
    """The same evening, logged as changes and as readings."""
    changes = stay(0, 300, 1, "happy") + stay(400, 500, 2, "sad")
    readings = "".join(face(n / 10, 1, "happy", frame=n) for n in range(3001))
    readings += "".join(face(400 + n / 10, 2, "sad", frame=4000 + n) for n in range(1001))
    assert seconds_of(tell(changes)) == seconds_of(tell(readings)) == {"happy": 300.0, "sad": 100.0}
    assert tell(changes).stays.bars == tell(readings).stays.bars


def test_counts_become_times(tell):
    """Where only counts may be logged: a share of the frames is a share of the minute; stays are not told."""
    emotions = {"happy": 300, "neutral": 300}
    story = tell(event(60, "counts", duration_s=60.0, frames=600, most_faces=2, emotions=emotions))
    assert seconds_of(story) == {"happy": 30.0, "neutral": 30.0}
    assert (story.stays.count, story.stays.most, story.kinds) == (0, 2, {"counts"})


def test_pictures_count_alike(tell):
    """A picture has no length; each face of each is worth the same, and one without a face is nothing."""
    text = "".join(
        json.dumps({"time": "2026-11-16T08:00:00Z", "source": f"{n}.jpg", "frame": n, "track": 1, "emotion": "sad"})
        + "\n"
        for n in range(9)
    )
    story = tell(text + line(1, frame=9, track=None, emotion=None))
    assert seconds_of(story) == {"sad": 0.9}


def test_two_faces_at_once_count_twice(tell):
    """And the most at once is told, in both modes."""
    changes = tell(stay(0, 100, 1, "sad") + event(50, "appeared", track=2, emotion="sad"))
    both = event(0, "appeared", track=1, emotion="sad") + event(1, "appeared", track=2, emotion="happy")
    assert changes.stays.most == 1
    assert tell(both).stays.most == 2
    assert (
        tell("".join(face(0, track, "sad", frame=7) for track in (1, 2, 3)) + face(1, 1, "sad", frame=8)).stays.most
        == 3
    )


def test_hours_are_of_the_local_day(tell, monkeypatch):
    """Eight o'clock in London is half past one in the afternoon in Kolkata."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    story = tell(stay(-600, 600, 1, "happy") + stay(2000, 2100, 2, "sad"))
    assert [hour for hour, row in enumerate(story.tally.hours) if sum(row)] == [13, 14]
    assert story.tally.hours[13][INDEX["happy"]] == 1200
    assert story.stays.by_hour[13:15] == [1, 1]


def test_a_period_cuts_what_reaches_over_its_ends(tell):
    """Only what is inside counts; a stay counts where it began."""
    text = stay(0, 100, 1, "happy") + stay(150, 250, 2, "sad")
    story = tell(text, start=T0 + 60, end=T0 + 200)
    assert seconds_of(story) == {"happy": 40.0, "sad": 50.0}
    assert (story.stays.count, story.lines) == (1, 2)


def test_a_period_without_a_line_may_have_a_face(tell):
    """It came before, and left after."""
    story = tell(stay(0, 1000, 1, "happy"), start=T0 + 100, end=T0 + 200)
    story.check()
    assert seconds_of(story) == {"happy": 100.0}
    assert (story.first, story.last) == (T0 + 100, T0 + 200)


def test_a_camera_that_was_lost_is_a_gap(tell):
    """As the log tells it, when frames come again."""
    story = tell(event(0, "summary", frames=9) + event(500, "gap", duration_s=490.0) + event(501, "summary", frames=9))
    assert gaps_of(story) == [(LOST, 10, 490)]


@pytest.mark.parametrize(("last", "reason"), [("stopped", OFF), ("summary", CUT)])
def test_a_program_that_did_not_run_is_a_gap(tell, last, reason):
    """Ended in good order, or without a word."""
    assert gaps_of(tell(event(0, "summary") + event(60, last), event(4000, "started"))) == [(reason, 60, 3940)]


def test_summaries_that_are_missing_are_a_gap(tell):
    """Whatever the reason was; their rhythm is learnt from the log. A short pause is none."""
    every_minute = "".join(event(60 * n, "summary") for n in (0, 1, 2, 4, 5, 20, 21))
    every_ten = "".join(event(600 * n, "summary") for n in (0, 1, 2, 4, 5, 20, 21))
    assert gaps_of(tell(every_minute)) == [(SILENT, 300, 900)]
    assert gaps_of(tell(every_ten)) == [(SILENT, 3000, 9000)]


def test_silence_is_no_gap_where_every_reading_is_logged(tell):
    """Nobody was there: such a log says nothing then."""
    assert gaps_of(tell(face(0, 1, "happy") + face(5000, 2, "sad"))) == []


def test_faces_do_not_stay_over_a_power_cut(tell):
    """Whoever was there when it went dark has no line that says so."""
    text = event(0, "appeared", track=1, emotion="happy") + event(30, "summary", most_faces=1) + event(9000, "started")
    assert seconds_of(
        tell(text + event(9001, "appeared", track=1, emotion="sad") + event(9003, "summary", most_faces=1))
    ) == {
        "happy": 30.0,
        "sad": 2.0,
    }


def test_whoever_left_without_a_line_is_gone_at_the_next_summary_of_nobody(tell):
    """A full disk took the line."""
    text = event(0, "appeared", track=1, emotion="happy")
    text += event(60, "summary", most_faces=1) + event(120, "summary", most_faces=0) + event(9000, "summary")
    assert seconds_of(tell(text)) == {"happy": 60.0}


def test_times_from_before_the_clock_was_set_are_corrected(tell):
    """The log says by how much it was wrong; lines of an earlier run never learn, and are told."""
    wrong = -3 * 365 * 86400
    lost = event(wrong - 900, "started", clock="unset") + event(wrong - 890, "stopped", clock="unset")
    text = event(wrong, "started", clock="unset") + event(
        wrong + 1, "appeared", track=1, emotion="happy", clock="unset"
    )
    text += event(10, "clock", stepped_s=-wrong) + event(61, "left", track=1, emotion="happy", duration_s=60.0)
    story = tell(lost + text)
    assert (story.corrected, story.uncertain) == (2, 2)
    assert seconds_of(story) == {"happy": 60.0}
    assert tell(text).last - tell(text).first == pytest.approx(61.0)


@pytest.mark.parametrize("cut", [0, 1, 200, 5000])
def test_broken_lines_are_counted_and_named(tell, cut):
    """Torn by a power cut, zeros, another's, wrong in a value: all others count."""
    good = [face(n / 10, 1, "happy", frame=n) for n in range(6000)]
    bad = ['{"time":"2026-11-', "\0" * 600, "hello", line(3, emotion="bored"), "{}", '{"time":3,"source":"x"}', "[1]"]
    texts = good[: cut + 1] + [text.rstrip("\n") + "\n" for text in bad] + good[cut + 1 :]
    story = tell("".join(texts))
    assert (story.lines, story.broken.count) == (6000, len(bad))
    assert [name.rpartition(":")[2] for name in story.broken.named] == [str(cut + 2 + n) for n in range(5)]


def test_a_log_that_ends_in_the_middle_of_a_line_counts(tell):
    """As it does while the service is writing; the piece is broken."""
    story = tell(face(0, 1, "sad") + face(1, 1, "sad")[:30])
    assert (story.lines, story.broken.count) == (1, 1)


def test_a_compressed_file_that_ends_too_early_gives_what_it_has(tell):
    """Copied from a card while it was being pulled out."""
    packed = gzip.compress("".join(face(n, 1, "sad", frame=n, x=random.random()) for n in range(50_000)).encode())  # noqa: S311  # nothing secret
    story = tell(packed[: len(packed) // 2])
    assert 10_000 < story.lines < 40_000
    assert story.broken.count in {1, 2}


def test_a_line_without_an_end_does_not_fill_the_memory(tmp_path):
    """Thirty-two megabytes of nothing, in the middle of a log: a file system's doing after a power cut."""
    path = tmp_path / "log.jsonl"
    with path.open("w") as file:
        file.write(face(0, 1, "sad"))
        file.seek(32 << 20)
        file.write("\n" + face(1, 1, "sad"))
    story = Story(Period())
    tracemalloc.start()
    try:
        story.read([path])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (story.lines, story.broken.count) == (2, 1)
    assert peak < 8 << 20


def test_rotated_files_come_along_in_their_order(tmp_path):
    """Plain and compressed, whatever their dates say; named twice they count once."""
    for number, (name, begin) in enumerate(
        [
            ("readings.000001.20270101T000000Z.jsonl.gz", 0),
            ("readings.000002.jsonl", 100),
            ("readings.000010.20260101T000000Z.jsonl.gz", 200),
            ("readings.jsonl", 300),
        ]
    ):
        text = stay(begin, begin + 10, number + 1, "happy").encode()
        (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    (tmp_path / "readings.000010.20260101T000000Z.jsonl").write_bytes(b"as it was before it was compressed\n")
    (tmp_path / "readings.000011.jsonl.gz.part").write_bytes(b"half")
    log = tmp_path / "readings.jsonl"
    expected = ["readings.000001.20270101T000000Z.jsonl.gz", "readings.000002.jsonl"]
    expected += ["readings.000010.20260101T000000Z.jsonl.gz", "readings.jsonl"]
    for named in ([log], [tmp_path], [log, tmp_path / expected[0]], [tmp_path / name for name in reversed(expected)]):
        (files,) = find_logs(named)
        assert [file.name for file in files] == expected
    story = Story(Period())
    story.read(files)
    assert (story.stays.count, story.files, story.broken.count) == (4, 4, 0)
    assert [file.name for file in find_logs([tmp_path / expected[1]])[0]] == [expected[1]]
    assert [file.name for file in find_logs(tmp_path / expected[n] for n in (2, 0))[0]] == [expected[0], expected[2]]


def test_a_file_that_is_compressed_meanwhile_is_read_all_the_same(tmp_path):
    """The service does that whenever it likes."""
    plain = tmp_path / "readings.000001.jsonl"
    plain.write_text(face(0, 1, "sad"))
    (files,) = find_logs([plain])
    plain.with_name(plain.name + ".gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    story = Story(Period())
    story.read(files)
    assert story.lines == 1


def test_however_long_a_log_goes_its_tally_is_bounded():
    """Two years of a face every few minutes: nothing is lost when bins become wider, and a picture has few enough."""
    tally, dice = Tally(Period()), random.Random(2)  # noqa: S311  # nothing secret
    at, total = T0, 0.0
    while at < T0 + 2 * 365 * 86400:
        tally.add(dice.choice(NAMES), at, at + 20)
        at, total = at + dice.expovariate(1 / 900), total + 20
    assert len(tally.bins) <= MOST_BINS
    assert sum(map(sum, tally.bins.values())) == pytest.approx(total)
    assert sum(tally.total) == pytest.approx(total)
    columns = tally.columns(288)
    assert max(columns.bins) - min(columns.bins) < 288
    assert sum(map(sum, columns.bins.values())) == pytest.approx(total)


def test_bins_hold_what_fell_into_them():
    """A stay of 25 s over bins of 10 s, and an impossible one of a month."""
    tally = Tally(Period())
    tally.add("happy", T0 + 5, T0 + 30)
    tally.add("sad", T0, T0 + 30 * 86400)
    assert {tally.start_of(number) - T0: row[INDEX["happy"]] for number, row in tally.bins.items()} == {
        0: 5.0,
        10: 10.0,
        20: 10.0,
    }
    assert not tally.total[INDEX["sad"]]


def test_percentiles_are_right_to_a_twentieth(tell):
    """Of a hundred stays of 1 to 100 s."""
    stays = tell("".join(stay(200 * n, 200 * n + n, n, "happy") for n in range(1, 101))).stays
    assert stays.percentile_s(0.5) == pytest.approx(50, rel=0.06)
    assert stays.percentile_s(0.95) == pytest.approx(95, rel=0.06)
    assert (stays.count, stays.longest_s) == (100, 100.0)
