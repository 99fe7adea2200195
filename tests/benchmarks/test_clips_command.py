"""`python -m benchmarks.clips` fills its table on a drawn clip, and names input that it cannot use."""

import shutil
import subprocess
import sys

import cv2
import msgspec
import pytest

from benchmarks.clips import suite
from benchmarks.clips.__main__ import main
from benchmarks.clips.altered_run import SourceReader
from benchmarks.clips.figures import ClipFigures, ClipsFigures, MethodFigures, Photographs, SavedClips
from benchmarks.clips.footage import find_clips
from benchmarks.clips.measure import (
    REPOSITORY,
    haar_cpu_ms,
    run_product,
    run_start_and_decode,
    score_photographs,
    settings_for,
    steps_cpu_ms,
    write_settings,
)
from benchmarks.clips.report import judge_clips, write_clips_report
from benchmarks.clips.scores import BandScore, ClipScore, read_log
from benchmarks.workloads import Workload
from edge.device.info import describe_machine
from edge.errors import ConfigError
from edge.scenes.catalogue import make_scene
from edge.settings.load import read_settings
from edge.settings.schema import LogSettings, MqttSettings, ScanSettings, Settings
from edge.sources.scene import SceneSource

pytestmark = pytest.mark.slow


@pytest.fixture
def settings():
    return settings_for("haar", None)


@pytest.fixture
def bars(monkeypatch):
    """The progress bars that are made."""
    made = []

    def new_bar(**options):
        made.append(original(**options))
        return made[-1]

    original = suite.tqdm
    monkeypatch.setattr(suite, "tqdm", new_bar)
    return made


@pytest.mark.slow
def test_the_table_is_filled(clips, bars, tmp_path, monkeypatch, capsys):
    """One run on a drawn clip measures every figure, keeps table and JSON, and fills the progress bar exactly."""
    monkeypatch.setattr(suite, "DRAWN", {"one face": Workload("slow", count=20)})
    photographs = tmp_path / "photographs"
    (photographs / "happy").mkdir(parents=True)
    capture = cv2.VideoCapture(str(clips / "drawn.mp4"))
    cv2.imwrite(str(photographs / "happy" / "face.png"), capture.read()[1])
    capture.release()
    folders = ["--photos", str(photographs), "--annotated", str(tmp_path / "annotated"), "--out", str(tmp_path / "out")]
    arguments = ["--methods", "haar", "--rounds", "1", "--loop-frames", "70", "--turn", "35", "180"]
    assert main([str(clips), *arguments, *folders]) == 0

    page = (tmp_path / "out" / "clips.md").read_text()
    assert page in capsys.readouterr().out
    assert "not measured" not in page
    saved = msgspec.json.decode((tmp_path / "out" / "clips.json").read_bytes(), type=SavedClips)
    method = saved.figures.methods["haar"]
    clip = method.clips["drawn"]
    assert clip.score.recall > 0.9
    assert (clip.score.faces, clip.looped.faces, clip.score.false, clip.score.ids) == (60, 70, 0, 1)
    assert len(clip.steps_ms) == len(clip.process_ms) == len(saved.figures.haar_ms["drawn"]) == 1
    assert 0 < clip.looped_steps_ms[0] < clip.steps_ms[0] < saved.figures.haar_ms["drawn"][0]
    assert 30 < clip.peak_mb < 300
    assert method.turned["35"]["drawn"].score.faces == 60
    assert method.turned["180"]["drawn"].score is None
    assert {degrees: photo.count for degrees, photo in method.photographs.items()} == dict.fromkeys(
        ["0", "15", "30", "45", "60"], 1
    )
    assert method.photographs["0"].found == 1
    assert method.photographs["0"].accuracy in {0.0, 1.0}
    assert method.drawn_steps_ms["one face"][0] > 0
    assert len(list((tmp_path / "annotated").glob("*.mp4"))) == 3
    (bar,) = bars
    assert bar.n == bar.total


@pytest.mark.slow
def test_start_and_decode_runs_no_step_and_no_sink(clips, tmp_path):
    """The same command without the pipeline starts and ends as usual, and logs nothing."""
    log = tmp_path / "log.jsonl"
    command = ["run", "--source", str(clips / "drawn.mp4"), "--log", str(log)]
    for program, logged in ((["edge"], True), (["benchmarks.clips.altered_run", "decode-only"], False)):
        subprocess.run(  # noqa: S603  # our own program
            [sys.executable, "-m", *program, *command], cwd=REPOSITORY, timeout=120, check=True, capture_output=True
        )
        assert bool(log.read_text()) == logged
        log.unlink()


@pytest.mark.slow
def test_start_and_decode_is_measured(clips, settings):
    """Its CPU time and memory are those of a process that ran."""
    run = run_start_and_decode(clips / "drawn.mp4", settings)
    assert run.cpu_s > 0
    assert 30 < run.peak_mb < 300


def test_the_reader_without_a_pipeline_reads_every_frame():
    """The whole source is decoded, since the cost of decoding is to be subtracted."""
    frames = []

    class RecordedSource(SceneSource):
        def read(self):
            frames.append(super().read())
            return frames[-1]

    scene = make_scene("slow", width=64, height=48, duration_s=0.5)
    SourceReader(RecordedSource(scene, live=False)).run()
    assert [frame and frame.index for frame in frames] == [*range(scene.frame_count), None]


@pytest.mark.slow
def test_an_upright_clip_counts_as_a_cameras(clips, settings, tmp_path):
    """Of a clip that is taken for a camera's every frame is processed, with the same readings."""
    (clip,) = find_clips(clips)
    readings = []
    for as_camera in (False, True):
        run_product(clip.path, settings, tmp_path / "log.jsonl", as_camera=as_camera)
        readings.append(read_log(tmp_path / "log.jsonl", clip.reference))
    assert readings[0] == readings[1]
    assert any(readings[0])


@pytest.mark.slow
def test_a_failed_run_says_why(settings, tmp_path):
    """The error has the run's exit code and its last message."""
    with pytest.raises(ChildProcessError, match=r"none\.mp4: expected a run, found exit code 3: .*no such file"):
        run_product(tmp_path / "none.mp4", settings, tmp_path / "log.jsonl")


def test_a_machine_that_slows_down_does_not_change_a_ratio():
    """A ratio is taken in each round by itself: a round that is twice as slow in all is as good as any other."""
    score = ClipScore(bands=ClipScore().bands | {"<10": BandScore(10, 10)}, minutes=1.0)
    clip = ClipFigures(
        score=score,
        repeats=True,
        peak_mb=90.0,
        looped=score,
        steps_ms=[1.0, 2.0, 1.0],
        looped_steps_ms=[0.5, 1.0, 0.5],
        process_ms=[2.0, 4.0, 2.0],
    )
    figures = ClipsFigures(3, 100, {"haar": MethodFigures({"a": clip})}, {"a": 50}, {"a": [20.0, 40.0, 20.0]})
    measured = {line.figure: (line.measured, line.verdict) for line in judge_clips(figures)}
    head = "CPU per frame against full-frame Haar 1.3/5"
    assert measured[f"{head}: steps, each clip once"] == ("20.0x (1.00 against 20.0 ms)", "met")
    assert measured[f"{head}: steps, looped"] == ("40.0x (0.50 against 20.0 ms)", "met")
    assert measured["reference faces found"] == ("1.000 of 10", "met")
    assert measured["of these, roll above 35 degrees"] == ("no such face", "")
    assert measured["resident memory, whole runtime with log"] == ("90 MB", "met")
    assert measured["photographs with a face found"] == ("not measured", "--photos FOLDER")
    assert measured["accuracy on photographs turned by 30 degrees"] == ("not measured", "--photos FOLDER")
    assert "| 1.000 of 10 " in write_clips_report(SavedClips("2026-01-01", describe_machine(), figures))


@pytest.mark.parametrize(("turned", "verdict"), [(0.61, "met"), (0.58, "missed")])
def test_turned_photographs_may_lose_three_points(turned, verdict):
    """The accuracy at 30 degrees is judged against that of the same photographs upright."""
    shown = [Photographs(found=9, count=10, accuracy=share, balanced_accuracy=0.5) for share in (0.63, turned)]
    clip = ClipFigures(
        score=ClipScore(), repeats=True, peak_mb=90.0, looped=None, steps_ms=[], looped_steps_ms=[], process_ms=[]
    )
    method = MethodFigures({"a": clip}, photographs=dict(zip(["0", "30"], shown, strict=True)))
    figures = ClipsFigures(1, 100, {"haar": method}, {"a": 50})
    (line,) = [line for line in judge_clips(figures) if line.figure.startswith("accuracy")]
    assert (line.measured, line.verdict) == (f"{turned:.3f} against 0.630 upright", verdict)
    page = write_clips_report(SavedClips("2026-01-01", describe_machine(), figures))
    assert f"| 30 | 10 | 0.900 | {turned:.3f} | 0.500 |" in " ".join(page.split())


def test_the_largest_face_of_a_photograph_counts():
    """A photograph is right if its largest face gets the label of its folder; one without a face counts as missed."""

    def line(source, side, label):
        box = [0, 0, side, side] if side else None
        return {"source": source, "box": box, "probabilities": {"happy": 0.1, "sad": 0.2, label: 0.7} if box else None}

    figures = score_photographs([
        line("happy/a.jpg", 50, "happy"),
        line("happy/b.jpg", 50, "happy"),
        line("happy/b.jpg", 80, "sad"),
        line("happy/c.jpg", 40, "happy"),
        line("sad/d.jpg", 0, "sad"),
        line("sad/e.jpg", 30, "sad"),
    ])  # fmt: skip
    assert (figures.found, figures.count) == (4, 5)
    assert figures.accuracy == 0.75
    assert figures.balanced_accuracy == pytest.approx((2 / 3 + 1) / 2)
    assert score_photographs([line("a.jpg", 50, "happy")]) == Photographs(found=1, count=1)


def test_means_over_clips_weigh_by_frames():
    """A long clip counts more than a short one."""
    figures = ClipsFigures(2, 100, {}, {"short": 10, "long": 30})
    assert figures.mean_ms({"short": [4.0, 8.0], "long": [8.0, 4.0]}) == [7.0, 5.0]


def test_steps_and_full_frame_haar_are_measured_on_the_same_frames(settings):
    """Both are CPU time per frame, and the runtime's steps cost less than a full search of each frame."""
    film = Workload("slow", count=20).draw(color=False)
    assert 0 < steps_cpu_ms(film, settings) < haar_cpu_ms(film.frames[:4])


def test_settings_survive_the_way_through_toml(tmp_path):
    """The process of its own gets the same settings, paths with quotes included."""
    settings = Settings(scan=ScanSettings(scale_factor=1.3), log=LogSettings(path='a "b" \\ c.jsonl'))
    write_settings(settings, tmp_path / "config.toml")
    assert read_settings(tmp_path / "config.toml") == settings


def test_sinks_of_a_configuration_are_left_out(tmp_path):
    """Of a given file only what bears on finding and naming faces is kept: nothing is published."""
    config = tmp_path / "config.toml"
    config.write_text('[scan]\nscale_factor = 1.3\n[mqtt]\nhost = "broker"\n[log]\nmode = "changes"\n')
    settings = settings_for("haar", config)
    assert (settings.scan.scale_factor, settings.mqtt, settings.log) == (1.3, MqttSettings(), LogSettings())


def test_unknown_methods_are_refused():
    """The message names the method."""
    with pytest.raises(ConfigError, match="psychic"):
        settings_for("psychic", None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "other"], "expected clips among drawn, found other"),
        (["--turned-clips", "other"], "expected clips among drawn, found other"),
        (["--photos", "none"], "none: expected a folder of photographs, found none: see --photos"),
        (["--annotated", str(REPOSITORY / "annotated")], "expected a folder outside"),
        (["--methods", "psychic"], "psychic"),
        (["--config", "none.toml"], "none.toml: expected a readable TOML file"),
    ],
)
def test_unusable_options_end_with_one_line(clips, capsys, arguments, message):
    """The line says what was expected, the exit code is 2, and nothing is measured or made."""
    assert main([str(clips), *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert not (REPOSITORY / "annotated").exists()


def test_a_missing_folder_ends_with_one_line(tmp_path, capsys):
    """The line names the folder."""
    assert main([str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_clip_without_a_reference_ends_with_one_line(clips, tmp_path, capsys):
    """The line names the reference that is missing."""
    folder = shutil.copytree(clips, tmp_path / "copy")
    (folder / "drawn.json").unlink()
    assert main([str(folder)]) == 2
    assert capsys.readouterr().err.startswith(f"{folder / 'drawn.json'}: expected the reference of a clip")


def test_clips_are_sorted_by_name(clips, tmp_path):
    """The order of the table does not depend on the file system."""
    for name in ("b", "a"):
        for suffix in (".mp4", ".json"):
            shutil.copy(clips / f"drawn{suffix}", tmp_path / f"{name}{suffix}")
    assert [clip.name for clip in find_clips(tmp_path)] == ["a", "b"]
