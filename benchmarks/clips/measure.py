"""Takes single measurements: a whole process of the runtime, its steps on frames in memory, full-frame Haar."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import msgspec
import numpy as np

from benchmarks.clips.figures import Photographs
from benchmarks.full_frame_haar import USUAL
from benchmarks.pipeline_cost import measure_pipeline
from edge.benchmark.memory_source import SceneFrames
from edge.device.files import read_text
from edge.records import Gray
from edge.settings.load import override, read_settings
from edge.settings.schema import Settings
from train.data.classes import emotion_of

REPOSITORY = Path(__file__).resolve().parents[2]

STEPS = ("follow", "scan", "classify")
"""Threads of the pipeline that look at a frame; the others read, deliver and log."""

ALTERED_RUN = "benchmarks.clips.altered_run"

_POLL_S = 0.02
_BYTES_PER_MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ProcessRun:
    """One run of the runtime in a process of its own.

    Attributes:
        cpu_s: CPU time of all its threads, user and system, s.
        peak_mb: Highest resident memory, MB.
    """

    cpu_s: float
    peak_mb: float


def settings_for(method: str, config: Path | None) -> Settings:
    """Return the settings of `config`, or the defaults, with `detect.method` set.

    Only what bears on finding and naming faces is kept of the file: a benchmark must not publish or store readings.

    Raises:
        ConfigError: The file or the method is invalid.
    """
    given = read_settings(config) if config else Settings()
    return Settings(
        profile=given.profile,
        source=given.source,
        detect=override(given.detect, method=method),
        scan=given.scan,
        schedule=given.schedule,
        track=given.track,
        model=given.model,
        classify=given.classify,
        smooth=given.smooth,
    )


def write_settings(settings: Settings, path: Path) -> None:
    """Write the settings as TOML; strings, numbers, booleans and lists of them are written alike in JSON."""
    lines: list[str] = []
    for section, values in msgspec.to_builtins(settings).items():
        if isinstance(values, dict):
            lines.append(f"[{section}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in values.items() if value is not None]
        else:
            lines.insert(0, f"{section} = {json.dumps(values)}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def run_product(
    source: Path, settings: Settings, log: Path, *, options: Sequence[str] = (), as_camera: bool = False
) -> ProcessRun:
    """Run `edge-emotion run` on a clip or folder, with a fresh log.

    Args:
        source: The clip or folder.
        settings: All settings; those of sinks are left at their defaults.
        log: The log; an old one is removed.
        options: Further options of the command.
        as_camera: Whether the clip counts as a camera's, so that the runtime finds out how it is mounted.

    Raises:
        ChildProcessError: The run failed.
    """
    log.unlink(missing_ok=True)
    program = (ALTERED_RUN, "as-camera") if as_camera else ("edge",)
    run = _run(program, source, settings, log, options)
    log.touch()  # a clip without a face leaves none
    return run


def measure_photographs(folder: Path, settings: Settings, log: Path) -> Photographs:
    """Run the runtime on a folder of images, which may be in folders by emotion.

    Raises:
        ChildProcessError: The run failed.
    """
    run_product(folder, settings, log)
    return score_photographs([msgspec.json.decode(line) for line in log.read_bytes().splitlines()])


def score_photographs(lines: Sequence[Mapping[str, Any]]) -> Photographs:
    """Return the figures of a run on images.

    Args:
        lines: The log's lines: for each image one for each of its faces, or one without a box.
    """
    largest: dict[str, Mapping[str, Any]] = {}
    for line in lines:
        before = largest.get(line["source"])
        if before is None or _area(line) > _area(before):
            largest[line["source"]] = line
    faces = [line for line in largest.values() if line["box"]]
    hits: dict[str, list[bool]] = {}
    for face in faces:
        emotion = emotion_of(PurePosixPath(face["source"]).parent.name)
        if emotion is not None:
            shares = face["probabilities"] or {}
            hits.setdefault(emotion, []).append(max(shares, key=shares.__getitem__, default=None) == emotion)
    return Photographs(
        found=len(faces),
        count=len(largest),
        accuracy=float(np.mean(np.concatenate(list(hits.values())))) if hits else None,
        balanced_accuracy=float(np.mean([np.mean(values) for values in hits.values()])) if hits else None,
    )


def _area(line: Mapping[str, Any]) -> int:
    """Return the area of the line's box, px; 0 if it has none."""
    return int(line["box"][2] * line["box"][3]) if line["box"] else 0


def run_start_and_decode(source: Path, settings: Settings) -> ProcessRun:
    """Run the same command without its pipeline: it starts, reads the source to its end, and ends.

    Raises:
        ChildProcessError: The run failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        return _run((ALTERED_RUN, "decode-only"), source, settings, Path(folder) / "log.jsonl", ())


def _run(program: Sequence[str], source: Path, settings: Settings, log: Path, options: Sequence[str]) -> ProcessRun:
    with tempfile.TemporaryDirectory() as state, tempfile.TemporaryFile() as messages:
        config = Path(state) / "config.toml"
        write_settings(settings, config)
        command = [sys.executable, "-m", *program, "run", "--source", str(source), "--log", str(log)]
        process = subprocess.Popen(
            [*command, "--config", str(config), *options],
            cwd=REPOSITORY,
            env=os.environ | {"XDG_STATE_HOME": state},  # no run remembers what another one has found out
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=messages,
        )
        try:
            run = _await(process)
        finally:
            if process.returncode is None:  # interrupted
                process.kill()
                process.wait()
        if process.returncode:
            messages.seek(0)
            last = messages.read().decode(errors="replace").strip().splitlines()[-1:]
            raise ChildProcessError(f"{source}: expected a run, found exit code {process.returncode}: {''.join(last)}")
        return run


def _await(process: subprocess.Popen[bytes]) -> ProcessRun:
    """Wait until a process ends; returns its CPU time and highest resident memory.

    The memory is read while the process runs: the kernel's figure at its end (`ru_maxrss`) includes this process's
    own, since a child begins as a copy of its parent. The peak only grows, so the last value read is close to it.
    """
    status = Path(f"/proc/{process.pid}/status")
    peak_mb = 0.0
    while True:
        ended, code, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            process.returncode = os.waitstatus_to_exitcode(code)
            return ProcessRun(usage.ru_utime + usage.ru_stime, peak_mb)
        peak_mb = max(peak_mb, _peak_mb(read_text(status) or ""))
        time.sleep(_POLL_S)


def _peak_mb(status: str) -> float:
    lines = (line.split() for line in status.splitlines() if line.startswith("VmHWM"))
    return max((int(words[1]) * 1024 / _BYTES_PER_MB for words in lines), default=0.0)


def steps_cpu_ms(film: SceneFrames, settings: Settings) -> float:
    """Return the CPU time per frame, ms, of the pipeline's `STEPS` on frames in memory."""
    threads_ms = measure_pipeline(film, settings).threads_ms
    return sum(threads_ms[step] for step in STEPS)


def haar_cpu_ms(frames: Sequence[Gray]) -> float:
    """Return the CPU time per frame, ms, of full-frame Haar 1.3/5 on frames in memory, with one thread."""
    cv2.setNumThreads(1)
    before = time.thread_time()
    for gray in frames:
        USUAL.detect(gray)
    return (time.thread_time() - before) / len(frames) * 1e3
