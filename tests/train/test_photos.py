"""The runtime's log of photographs against their folders' names."""

import msgspec
import pytest

from edge.errors import MediaError
from train.photos import FEWEST, PhotoCount, compare_photos, main


def line(source, answer=None, *, box=(0, 0, 50, 50), emotion=None):
    """One line as the runtime writes it; without an answer no face was found."""
    probabilities = {"happy": 0.1, "sad": 0.1, "neutral": 0.1, answer: 0.7} if answer else None
    return {
        "time": "2026-01-01T00:00:00Z",
        "source": source,
        "track": 1,
        "box": box if answer else None,
        "emotion": emotion or answer,
        "probabilities": probabilities,
    }


@pytest.fixture
def write_log(tmp_path):
    """Write lines as a log."""

    def write(*lines):
        path = tmp_path / "photos.jsonl"
        path.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in lines))
        return path

    return write


@pytest.fixture
def folder(tmp_path):
    """Three photographs; their content does not matter here."""
    for name in ("happy/a.jpg", "happy/b.jpg", "sad/c.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path / "photos"


def test_the_likeliest_emotion_counts_even_where_the_runtime_was_unsure(write_log):
    """`uncertain` is a threshold's word; what is measured is the net's first choice."""
    figures = compare_photos(write_log(line("happy/a.jpg", "happy", emotion="uncertain")))
    assert figures.right == 1


def test_the_largest_face_answers_for_its_photograph(write_log):
    """A small face in the background does not decide, first or last in the log."""
    small, large = line("happy/a.jpg", "sad", box=(0, 0, 20, 20)), line("happy/a.jpg", "happy", box=(30, 0, 60, 60))
    for order in ((small, large), (large, small)):
        figures = compare_photos(write_log(*order))
        assert (figures.photographs, figures.right) == (1, 1)


def test_a_face_that_was_not_found_is_a_wrong_answer(write_log):
    """The whole path is measured, the detector included."""
    figures = compare_photos(write_log(line("happy/a.jpg", "happy"), line("happy/b.jpg")))
    assert figures.by_emotion == {"happy": PhotoCount(photographs=2, found=1, right=1)}
    assert figures.accuracy == 0.5


def test_photographs_that_the_log_forgot_count_too(write_log, folder):
    """With the folder given, a photograph without a line is one without a face."""
    figures = compare_photos(write_log(line("happy/a.jpg", "happy")), folder)
    assert (figures.photographs, figures.found, figures.right) == (3, 1, 1)


def test_balanced_accuracy_leaves_rare_classes_out(write_log):
    """A class of too few photographs says little and does not weigh as much as the others."""
    many = [line(f"happy/{number}.jpg", "happy" if number % 2 else "sad") for number in range(FEWEST)]
    few = [line(f"fear/{number}.jpg", "sad") for number in range(FEWEST - 1)]
    figures = compare_photos(write_log(*many, *few))
    assert figures.balanced_accuracy == 0.5
    assert figures.by_emotion["fear"].photographs == FEWEST - 1
    assert compare_photos(write_log(*few)).balanced_accuracy is None


def test_a_log_of_other_photographs_is_refused(write_log, folder):
    """Figures of one folder under another's name would be false."""
    with pytest.raises(MediaError, match=r"found happy/z\.jpg: give the folder it was made of"):
        compare_photos(write_log(line("happy/z.jpg", "happy")), folder)


def test_a_line_that_is_no_reading_is_named(tmp_path):
    """The line's number stands in the message."""
    log = tmp_path / "log"
    log.write_text('{"source": "happy/a.jpg"}\n{"source": \n')
    with pytest.raises(MediaError, match="line 2: expected a reading as JSON"):
        compare_photos(log)


def test_a_folder_name_that_is_no_emotion_is_refused(write_log):
    """There is nothing to compare the answer with."""
    with pytest.raises(MediaError, match="expected photographs in folders named"):
        compare_photos(write_log(line("holiday/a.jpg", "happy")))


def test_the_command_prints_its_table(write_log, folder, tmp_path, capsys):
    """Counts by emotion and in all; an empty or missing log is exit code 3 in one line."""
    log = write_log(line("happy/a.jpg", "happy"), line("sad/c.jpg", "happy"))
    assert main([str(log), str(folder)]) == 0
    printed = capsys.readouterr().out.split()
    assert printed[printed.index("all") + 1 : printed.index("all") + 5] == ["3", "2", "1", "0.3333"]
    (tmp_path / "empty").write_text("")
    for bad in ("empty", "missing"):
        assert main([str(tmp_path / bad), str(folder)]) == 3
        assert capsys.readouterr().err.count("\n") == 1
