"""Settings and fixtures of the micro-benchmarks: CPU time, one thread, facts of the machine in every result."""

from typing import Any

import cv2
import pytest

from benchmarks.model_variants import DEFAULT_PACKAGE
from benchmarks.results import folder_for
from edge.device.info import describe_machine
from edge.records import Box, Gray
from edge.scenes.catalogue import make_scene
from edge.sources.base import luma, read_only


def pytest_configure(config: pytest.Config) -> None:
    """Measure CPU time instead of wall time, and store results by machine unless the options name another file."""
    options = config.option
    if options.benchmark_timer == "time.perf_counter":
        options.benchmark_timer = "time.process_time"
    options.benchmark_warmup = True
    options.benchmark_max_time = 0.5
    options.benchmark_columns = ["median", "iqr", "min", "max", "rounds"]
    options.benchmark_sort = "name"
    options.benchmark_group_by = "func"
    if options.benchmark_json is None and not options.collectonly:
        options.benchmark_json = folder_for(describe_machine()) / f"steps-{DEFAULT_PACKAGE}.json"


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Replace pytest-benchmark's facts of the machine, which include its host name, by ours."""
    machine_info.clear()
    machine_info.update(describe_machine())


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    """Remove the single rounds and the facts of the working tree."""
    output_json.pop("commit_info", None)
    for row in output_json["benchmarks"]:
        row["stats"].pop("data", None)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    cv2.setNumThreads(1)


@pytest.fixture(scope="session")
def gray() -> Gray:
    """A frame of the scene with three faces, (480, 640) uint8."""
    return read_only(luma(make_scene("three").frame(20)[0]))


@pytest.fixture(scope="session")
def next_gray() -> Gray:
    """The frame after `gray`."""
    return read_only(luma(make_scene("three").frame(21)[0]))


@pytest.fixture(scope="session")
def scene_boxes() -> tuple[Box, ...]:
    """The true boxes of the faces in `gray`."""
    return make_scene("three").frame(20)[1]


@pytest.fixture(scope="session")
def face(scene_boxes: tuple[Box, ...]) -> Box:
    """The true box of the first face in `gray`."""
    return scene_boxes[0]
