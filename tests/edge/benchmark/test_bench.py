"""The figures of `bench` cover the pipeline after its warm-up, and its row fits the table of devices."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge.benchmark.command import HEAD, BenchmarkReport, bench, ping_pong, row_of
from edge.benchmark.measure import (
    WARM_UP_FRAMES,
    MeasuredSource,
    PipelineFigures,
    ProcessFigures,
    measure_pipeline,
    measure_process,
)
from edge.benchmark.memory_source import MemorySource, render_frames
from edge.cli import main as command_line
from edge.errors import EdgeError, MediaError, SinkError
from edge.model.bundled import BUNDLED_MODEL
from edge.scenes.catalogue import make_scene
from edge.settings.schema import ModelSettings, Settings


def render(count, scene="one"):
    return render_frames(make_scene(scene), count=count)


def unpaced_source(count):
    return MemorySource(render(count), live=False)


@pytest.fixture
def settings(interpreter_package):
    return Settings(model=ModelSettings(interpreter=interpreter_package))


def test_the_warm_up_is_excluded():
    """The measurement starts with the first frame after the warm-up, and ends with the source or after its time."""
    starts = []
    source = MeasuredSource(unpaced_source(40), seconds=60, on_start=lambda: starts.append(True))
    frames = []
    while (frame := source.read()) is not None:
        assert bool(starts) == (len(frames) >= WARM_UP_FRAMES)
        frames.append(frame)
    assert (len(frames), len(starts)) == (40, 1)
    assert source.started.wall_s <= source.ended.wall_s
    source = MeasuredSource(unpaced_source(40), seconds=0, on_start=lambda: None)
    assert sum(1 for _ in iter(source.read, None)) == WARM_UP_FRAMES


def test_ping_pong_loops_without_a_jump():
    """Frames that are appended in reverse loop without a jump, and share the memory of the originals."""
    both = ping_pong(render(6, "slow"))
    assert both.indices == (0, 1, 2, 3, 4, 5, 4, 3, 2, 1)
    assert both.frames[9] is both.frames[1]
    steps = [abs(a - b) for a, b in itertools.pairwise((*both.indices, both.indices[0]))]
    assert set(steps) == {1}


def test_figures_cover_the_frames_after_the_warm_up(settings):
    """The figures count every frame after the warm-up, and one face per frame."""
    figures = measure_pipeline(unpaced_source(WARM_UP_FRAMES + 50), settings, seconds=60)
    assert figures.frames == 50
    assert figures.faces == pytest.approx(1.0, abs=0.05)
    assert figures.dropped == 0
    assert 0 < figures.p50 <= figures.p95 <= figures.p99
    assert figures.cpu_ms > 0


@pytest.mark.parametrize("frames", [10, WARM_UP_FRAMES])
def test_a_source_that_ends_within_the_warm_up_is_an_error(settings, frames):
    """A source without a frame after the warm-up cannot be measured, and the error says how many it needs."""
    with pytest.raises(MediaError, match="more than 30 frames"):
        measure_pipeline(unpaced_source(frames), settings, seconds=60)


class DroppingPipeline:
    """Processes the first frame and drops all others."""

    def __init__(self, source, _steps, sinks, counters, _settings):
        self.source, self.sinks, self.counters, self.dropped = source, sinks, counters, 0
        counters.queues = {"follow": self}

    def run(self):
        for _ in iter(self.source.read, None):
            self.dropped += 1
        self.counters.latency.add(0.01)
        for sink in self.sinks:
            sink.close()


def test_a_measurement_without_a_processed_frame_is_an_error(settings, monkeypatch):
    """If the pipeline drops every frame of the measurement, the error names the option for its length."""
    monkeypatch.setattr("edge.benchmark.measure.Pipeline", DroppingPipeline)
    with pytest.raises(EdgeError, match="found all dropped: raise --seconds"):
        measure_pipeline(unpaced_source(WARM_UP_FRAMES + 50), settings, seconds=60)


@pytest.mark.slow
def test_a_whole_process_is_measured(demo_clip, tmp_path):
    """A process has a time to its first reading and a peak memory; one that fails is an error with its exit code."""
    figures = measure_process(demo_clip, tmp_path)
    assert figures.first_reading_s > 0.05
    assert figures.peak_mb > 30
    with pytest.raises(EdgeError, match=r"expected readings of none\.mp4, found exit code 3"):
        measure_process(tmp_path / "none.mp4", tmp_path)


def report(**fields):
    figures = PipelineFigures(
        source="film", live=False, faces=1.0, frames=100, fps=50.4, cpu_ms=1.234, p50=1, p95=2, p99=3, dropped=0
    )
    machine = {"model": "Raspberry Pi 5", "os": "Debian 12", "temperature_c": 48.3}
    defaults = {
        "version": "1.0",
        "taken_on": "2026-11-20",
        "before": machine,
        "after": machine | {"temperature_c": 61.0},
        "clock_mhz": 2400,
        "throttled": [],
        "live": {"three faces": figures},
        "unpaced": {"one face": figures},
        "process": ProcessFigures(0.44, 93.6),
    }
    return BenchmarkReport(**(defaults | fields))


def test_the_row_has_a_cell_for_each_column():
    """A run that was not measured leaves its cell empty; a missing camera is written as "none"."""
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


@pytest.mark.parametrize(("flags", "cell"), [(None, "?"), (["under-voltage since boot"], "under-voltage since boot")])
def test_a_throttled_board_is_marked(flags, cell):
    """The row names the throttling flags of a board, and shows a question mark if they are unknown."""
    assert f"| {cell} | 1.0" in row_of(report(throttled=flags))


def test_the_table_of_devices_has_these_columns():
    """A device's row fits the table in benchmarks/README.md without changes."""
    readme = Path(__file__).parents[3] / "benchmarks" / "README.md"
    assert f"| {' | '.join(HEAD)} |" in readme.read_text()


DRAWN = ["no face", "one face", "three faces", "five faces"]


@pytest.mark.slow
def test_the_command_writes_the_row_and_all_figures(tmp_path):
    """The command measures every scene, the clip and the process, prints the row and writes all figures to a file."""
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "edge", "bench", "--seconds", "2", "--json", str(tmp_path / "bench.json")],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(BUNDLED_MODEL.parents[1])},
    )
    assert done.returncode == 0, done.stderr
    kept = msgspec.json.decode((tmp_path / "bench.json").read_bytes(), type=BenchmarkReport)
    assert list(kept.unpaced) == [*DRAWN, "clip"]
    assert [name for name in kept.live if name != "camera"] == ["one face", "three faces", "five faces"]
    assert [round(kept.unpaced[name].faces) for name in DRAWN] == [0, 1, 3, 5]
    assert 0.5 < kept.unpaced["clip"].faces <= 2  # one or two people, once the first frames have found them
    assert done.stdout.rstrip().endswith(row_of(kept))
    assert re.search(r"three faces\s.*30 fps", done.stdout)


def test_an_unwritable_file_is_an_error_before_the_measurements(tmp_path, monkeypatch, settings):
    """The command checks that it can write the file before it spends a minute on measurements."""
    monkeypatch.setattr("edge.benchmark.command.run_suite", lambda *_, **__: pytest.fail("measured"))
    with pytest.raises(SinkError, match="see --json"):
        bench(settings, seconds=60, json_path=tmp_path)


@pytest.mark.parametrize("seconds", ["0", "3601", "x"])
def test_an_invalid_time_is_rejected(capsys, seconds):
    """The command line rejects a time out of range with exit code 2 and names the option."""
    with pytest.raises(SystemExit) as caught:
        command_line.main(["bench", "--seconds", seconds])
    assert caught.value.code == 2
    assert "--seconds" in capsys.readouterr().err


def test_an_interrupted_command_ends_without_a_traceback(monkeypatch):
    """Ctrl-C ends the command with exit code 130, like other programs in a shell."""

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("edge.benchmark.command.bench", interrupt)
    assert command_line.main(["bench"]) == 130


def test_rendered_frames_are_read_only():
    """Rendered frames cannot be written to, since several threads read them."""
    frames = render(2).frames
    assert not any(frame.flags.writeable for frame in frames)
    assert frames[0].dtype == np.uint8
