"""Answers for frames that do not change: what the pipeline finds in them, and what the net says of each face.

    answers.py draw FOLDER               once: the shipped clip and drawn scenes become grey frames in files
    answers.py answer FOLDER OUT.jsonl   on each machine: one line for each face in each frame

`compare.py` compares what two machines answer.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.manifest import read_model
from edge.meters import Meters
from edge.pipeline import Pipeline, Steps
from edge.records import Box, Frame, Gray, Observation
from edge.run import build_steps
from edge.scenes.catalogue import make_scene
from edge.settings import ScheduleSettings, Settings
from edge.shipped import SHIPPED_MODEL
from edge.sinks.lines import describe
from edge.sources.base import Source
from edge.sources.choose import DEMO_CLIP
from edge.sources.scene import SceneSource
from edge.sources.video import VideoSource
from edge.vision.classify import EmotionClassifier, input_table
from edge.vision.interpreter import MODULES, open_interpreter

SCENES = ("fast", "three", "five")
FRAMES = 50
"""Of each scene: two seconds, with at least two scans. The clip runs whole."""

CLIP = "clip.npy"
DECODED = "clip, decoded here"
"""Where the clip's frames are among the given ones, the clip is also read as this machine decodes it."""

REFERENCE_EVERY = 8
"""The reference kernels are slow, so only one reading in so many is put to them."""


class Given:
    """A source whose frames lie in a file."""

    live = False
    stills = False
    skipped = 0

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self.frames: NDArray[np.uint8] = np.load(path, mmap_mode="r")
        self._next = 0

    def read(self) -> Frame | None:
        """Return the next frame; None when there are no more."""
        index, self._next = self._next, self._next + 1
        if index >= len(self.frames):
            return None
        return Frame(np.asarray(self.frames[index]), index, time.monotonic(), index / 25, self.name)

    def close(self) -> None:
        """Nothing is to be closed."""


class Kept:
    """A sink that keeps every reading as the log would write it, without what a clock said."""

    name = "kept"

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def write(self, observation: Observation) -> None:
        """Keep the observation's readings."""
        for reading in observation.readings:
            line = {"frame": observation.frame_index, **describe(reading)}
            del line["latency_ms"]
            self.lines.append(line)

    def close(self) -> None:
        """Nothing is open."""


class Net:
    """The net as the product feeds it, in two sets of kernels; its answers stay int8."""

    def __init__(self) -> None:
        content, manifest = read_model(SHIPPED_MODEL)
        classifier = EmotionClassifier(content, manifest)
        self.crop = classifier.crop
        self._stored = input_table(manifest.input, manifest.input_tensor)
        self._shipped, _ = open_interpreter(content)
        module = importlib.import_module(MODULES[classifier.package])
        self._reference = module.Interpreter(
            model_content=content, num_threads=1, experimental_op_resolver_type=module.OpResolverType.BUILTIN_REF
        )
        self._reference.allocate_tensors()

    def answer(self, face: Gray, *, reference: bool) -> list[int]:
        """Return one int8 value for each label. reference: in TFLite's reference kernels, not as the product does."""
        interpreter = self._reference if reference else self._shipped
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], self._stored[face][None, :, :, None])
        interpreter.invoke()
        return [int(value) for value in interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]]


def draw(folder: Path) -> None:
    """Write each stream's grey frames, (N, H, W) uint8."""
    streams: dict[str, Source] = {"clip": VideoSource(DEMO_CLIP)}
    streams |= {f"scene {name}": SceneSource(make_scene(name), live=False) for name in SCENES}
    for name, source in streams.items():
        frames = []
        while (frame := source.read()) is not None and (name == "clip" or len(frames) < FRAMES):
            frames.append(frame.gray)
        source.close()
        np.save(folder / f"{name}.npy", np.stack(frames))


def answer(folder: Path) -> Iterator[dict[str, Any]]:
    """Run each stream through the pipeline, then each face through the net; one line for each face in each frame.

    `face` is the crop that the net was given, so that what it answers can be compared by itself.
    """
    settings = Settings(schedule=ScheduleSettings(heat_limit_c=120.0))  # this machine's heat is not the question
    cv2.setNumThreads(settings.detect.threads)
    new_steps, net = build_steps(settings), Net()
    for path in sorted(folder.glob("*.npy")):
        source = Given(path)
        for number, line in enumerate(_readings(source, new_steps, settings)):
            face = net.crop(source.frames[line["frame"]], Box(*line["box"]))
            line |= {"face": face.tobytes().hex(), "int8": net.answer(face, reference=False)}
            if number % REFERENCE_EVERY == 0:
                line["int8, reference"] = net.answer(face, reference=True)
            yield {"stream": source.name, **line}
    if (folder / CLIP).exists():
        for line in _readings(VideoSource(DEMO_CLIP), new_steps, settings):
            yield {"stream": DECODED, **line}


def _readings(source: Source, new_steps: Callable[..., Steps], settings: Settings) -> list[dict[str, Any]]:
    kept = Kept()
    Pipeline(source, new_steps(stills=False), [kept], Meters(), settings).run()
    return kept.lines


def main() -> None:
    """Run the command line."""
    match sys.argv[1:]:
        case ["draw", folder]:
            Path(folder).mkdir(parents=True, exist_ok=True)
            draw(Path(folder))
        case ["answer", folder, out]:
            lines = [json.dumps(line) + "\n" for line in answer(Path(folder))]
            Path(out).write_text("".join(lines), encoding="utf-8")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
