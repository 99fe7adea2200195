"""The figures of `bench` are those of the pipeline after its warm-up, and the row fits the table of devices."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge import __main__ as command_line
from edge.benchmark.film import FilmSource, draw
from edge.benchmark.measure import Figures, measure
from edge.benchmark.plan import there_and_back
from edge.benchmark.report import HEAD, Report, bench, row_of
from edge.benchmark.start import Start, measure_start
from edge.benchmark.timed import WARM_UP_FRAMES, TimedSource
from edge.errors import EdgeError, MediaError, SinkError
from edge.scenes.catalogue import make_scene
from edge.settings import ModelSettings, Settings
from edge.shipped import SHIPPED_MODEL


def film(frames, scene="one"):
    return draw(make_scene(scene), count=frames)


@pytest.fixture
def settings(interpreter_package):
    return Settings(model=ModelSettings(interpreter=interpreter_package))


def test_the_warm_up_is_left_out():
    """The measurement starts with the frame after it, and ends with the source or when the time is over."""
    begun = []
    source = TimedSource(FilmSource(film(40), live=False), seconds=60, on_start=lambda: begun.append(True))
    given = []
    while (frame := source.read()) is not None:
        assert bool(begun) == (len(given) >= WARM_UP_FRAMES)
        given.append(frame)
    assert (len(given), len(begun)) == (40, 1)
    assert source.started.wall_s <= source.ended.wall_s
    source = TimedSource(FilmSource(film(40), live=False), seconds=0, on_start=lambda: None)
    assert sum(1 for _ in iter(source.read, None)) == WARM_UP_FRAMES


def test_a_film_goes_there_and_back():
    """Shown again and again no face jumps, and the way back takes no memory."""
    one_way = film(6, "slow")
    both = there_and_back(one_way)
    assert both.numbers == (0, 1, 2, 3, 4, 5, 4, 3, 2, 1)
    assert both.frames[9] is both.frames[1]
    steps = [abs(a - b) for a, b in itertools.pairwise((*both.numbers, both.numbers[0]))]
    assert set(steps) == {1}


def test_figures_are_of_the_frames_after_the_warm_up(settings):
    """Every one of them is counted, and each has its face."""
    figures = measure(FilmSource(film(WARM_UP_FRAMES + 50), live=False), settings, seconds=60)
    assert figures.frames == 50
    assert figures.faces == pytest.approx(1.0, abs=0.05)
    assert figures.dropped == 0
    assert 0 < figures.p50 <= figures.p95 <= figures.p99
    assert figures.cpu_ms > 0


@pytest.mark.parametrize("frames", [10, WARM_UP_FRAMES])
def test_a_source_that_ends_within_the_warm_up_is_named(settings, frames):
    """There is nothing to measure."""
    with pytest.raises(MediaError, match="more than 30 frames"):
        measure(FilmSource(film(frames), live=False), settings, seconds=60)


def test_the_process_is_measured_as_a_whole(demo_clip, tmp_path):
    """Its highest memory, and the time to its first reading; a clip that it cannot read is an error."""
    start = measure_start(demo_clip, tmp_path)
    assert start.first_reading_s > 0.05
    assert start.peak_mb > 30
    with pytest.raises(EdgeError, match=r"expected readings of none\.mp4, found exit code 3"):
        measure_start(tmp_path / "none.mp4", tmp_path)


def report(**facts):
    figures = Figures(
        source="film", live=False, faces=1.0, frames=100, fps=50.4, cpu_ms=1.234, p50=1, p95=2, p99=3, dropped=0
    )
    machine = {"model": "Raspberry Pi 5", "os": "Debian 12", "temperature_c": 48.3}
    given = {
        "version": "1.0",
        "taken_on": "2026-11-20",
        "before": machine,
        "after": machine | {"temperature_c": 61.0},
        "clock_mhz": 2400,
        "throttled": [],
        "live": {"three faces": figures},
        "unpaced": {"one face": figures},
        "process": Start(0.44, 93.6),
    }
    return Report(**(given | facts))


def test_the_row_has_a_cell_for_each_column():
    """What was not measured is empty, what is not there says so."""
    cells = [cell.strip() for cell in row_of(report()).split("|")[1:-1]]
    assert dict(zip(HEAD, cells, strict=True)) == {
        "board": "Raspberry Pi 5, Debian 12",
        "no face": "",
        "one face": "1.23 ms, 50/s",
        "three faces": "",
        "five faces": "",
        "frame to reading": "1.0 / 2.0 / 3.0 ms",
        "clip": "",
        "camera": "none",
        "memory": "94 MB",
        "start": "0.4 s",
        "clock": "2400 MHz",
        "temperature": "48 → 61 °C",
        "throttled": "no",
        "version": "1.0, 2026-11-20",
    }


@pytest.mark.parametrize(("flags", "words"), [(None, "?"), (["under-voltage since boot"], "under-voltage since boot")])
def test_a_throttled_board_is_marked(flags, words):
    """A figure taken on one means little; a machine that does not tell is not called well."""
    assert f"| {words} | 1.0" in row_of(report(throttled=flags))


def test_the_table_of_devices_has_these_columns():
    """A row can be put below it as it is."""
    readme = Path(__file__).parents[3] / "benchmarks" / "README.md"
    assert f"| {' | '.join(HEAD)} |" in readme.read_text()


def test_the_command_writes_the_row_and_all_figures(tmp_path):
    """On this machine, in a few seconds: every scene, the clip, the process."""
    done = subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-m", "edge", "bench", "--seconds", "1", "--json", str(tmp_path / "bench.json")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(SHIPPED_MODEL.parents[1])},
    )
    assert done.returncode == 0, done.stderr
    kept = msgspec.json.decode((tmp_path / "bench.json").read_bytes(), type=Report)
    assert list(kept.unpaced) == ["no face", "one face", "three faces", "five faces", "clip"]
    assert [name for name in kept.live if name != "camera"] == ["one face", "three faces", "five faces"]
    assert [round(kept.unpaced[name].faces) for name in kept.unpaced] == [0, 1, 3, 5, 1]
    assert done.stdout.rstrip().endswith(row_of(kept))
    assert re.search(r"three faces\s.*30 a second", done.stdout)


def test_a_file_that_cannot_be_written_is_told_before_the_minute(tmp_path, monkeypatch, settings):
    """Nothing is measured in vain."""
    monkeypatch.setattr("edge.benchmark.report.measure_all", lambda *_, **__: pytest.fail("measured"))
    with pytest.raises(SinkError, match="see --json"):
        bench(settings, seconds=60, json_path=tmp_path)


@pytest.mark.parametrize("seconds", ["0", "3601", "x"])
def test_a_time_that_makes_no_sense_is_refused(capsys, seconds):
    """By the command line, with exit code 2."""
    with pytest.raises(SystemExit) as caught:
        command_line.main(["bench", "--seconds", seconds])
    assert caught.value.code == 2
    assert "--seconds" in capsys.readouterr().err


def test_an_interrupted_command_ends_without_a_traceback(monkeypatch):
    """Ctrl-C: exit code 130, as a shell has it."""

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("edge.benchmark.report.bench", interrupt)
    assert command_line.main(["bench"]) == 130


def test_frames_of_a_film_are_locked():
    """Several threads look at them."""
    assert not any(frame.flags.writeable for frame in film(2).frames)
    assert film(2).frames[0].dtype == np.uint8
