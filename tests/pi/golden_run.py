"""Runs the pipeline and the model on fixed frames, so that two machines can be compared.

    golden_run.py draw FOLDER             once: writes the grey frames of the bundled clip and of drawn scenes
    golden_run.py run FOLDER OUT.jsonl    on each machine: writes one line for each face in each frame

`compare.py` compares the lines of two machines.
"""

import importlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.counters import Counters
from edge.model.bundled import BUNDLED_MODEL
from edge.model.interpreter import MODULES, open_interpreter
from edge.model.manifest import read_model
from edge.pipeline.build import build_steps
from edge.pipeline.pipeline import Pipeline
from edge.records import Box, Frame, Gray, Observation
from edge.scenes.catalogue import make_scene
from edge.settings.schema import DetectSettings, ScheduleSettings, Settings
from edge.sinks.base import Sink
from edge.sinks.log.lines import reading_fields
from edge.sources.base import Source
from edge.sources.open import DEMO_CLIP
from edge.sources.scene import SceneSource
from edge.sources.video import VideoSource
from edge.vision.classify import EmotionClassifier, input_table

SCENES = ("fast", "three", "five")
FRAMES = 50
"""Frames of each scene: two seconds, with at least two scans. The clip is used whole."""

Method = Literal["auto", "haar"]

METHODS: tuple[Method, ...] = ("auto", "haar")
"""Values of `detect.method`; the clip that this machine decodes is run with the first only."""

CLIP = "clip.npy"
DECODED = "clip, decoded here"
"""Stream for the clip as this machine decodes it, read in addition if the folder has the clip's frames."""

REFERENCE_EVERY = 8
"""The reference kernels are slow, so they run for one reading in so many."""


class FrameFile(Source):
    """Reads frames from a .npy file, (N, H, W) uint8."""

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
        """Do nothing: no resource is held."""


class Collector(Sink[Observation]):
    """Collects every reading in the log's format, without the fields that depend on the clock."""

    name = "collector"

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def write(self, observation: Observation) -> None:
        """Collect the observation's readings."""
        for reading in observation.readings:
            line = {"frame": observation.frame_index, **reading_fields(reading)}
            del line["latency_ms"]
            self.lines.append(line)


class RawModel:
    """The bundled model with the runtime's input, in two sets of kernels; its output stays int8."""

    def __init__(self) -> None:
        content, manifest = read_model(BUNDLED_MODEL)
        classifier = EmotionClassifier(content, manifest)
        self.crop = classifier.crop
        self._stored = input_table(manifest.input, manifest.input_tensor)
        self._shipped, _ = open_interpreter(content)
        module = importlib.import_module(MODULES[classifier.package])
        self._reference = module.Interpreter(
            model_content=content, num_threads=1, experimental_op_resolver_type=module.OpResolverType.BUILTIN_REF
        )
        self._reference.allocate_tensors()

    def predict(self, face: Gray, *, reference: bool) -> list[int]:
        """Return one int8 value for each label.

        Args:
            face: the model's input crop.
            reference: whether to use TFLite's reference kernels instead of the runtime's.
        """
        interpreter = self._reference if reference else self._shipped
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], self._stored[face][None, :, :, None])
        interpreter.invoke()
        return [int(value) for value in interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]]


def draw(folder: Path) -> None:
    """Write the grey frames of each stream, (N, H, W) uint8."""
    streams: dict[str, Source] = {"clip": VideoSource(DEMO_CLIP)}
    streams |= {f"scene {name}": SceneSource(make_scene(name), live=False) for name in SCENES}
    for name, source in streams.items():
        frames = []
        while (frame := source.read()) is not None and (name == "clip" or len(frames) < FRAMES):
            frames.append(frame.gray)
        source.close()
        np.save(folder / f"{name}.npy", np.stack(frames))


def run(folder: Path) -> Iterator[dict[str, Any]]:
    """Run each stream through the pipeline and each face through the model; yield a line for each face in each frame.

    `face` in a line is the model's input crop, so that the model's output can be compared on equal inputs.
    """
    model = RawModel()
    for method in METHODS:
        for path in sorted(folder.glob("*.npy")):
            source = FrameFile(path)
            for number, line in enumerate(_readings(source, method)):
                face = model.crop(source.frames[line["frame"]], Box(*line["box"]))
                line |= {"face": face.tobytes().hex(), "int8": model.predict(face, reference=False)}
                if number % REFERENCE_EVERY == 0:
                    line["int8, reference"] = model.predict(face, reference=True)
                yield {"method": method, "stream": source.name, **line}
    if (folder / CLIP).exists():
        for line in _readings(VideoSource(DEMO_CLIP), METHODS[0]):
            yield {"method": METHODS[0], "stream": DECODED, **line}


def _readings(source: Source, method: Method) -> list[dict[str, Any]]:
    # No throttling on a hot machine.
    settings = Settings(detect=DetectSettings(method=method), schedule=ScheduleSettings(heat_limit_c=120.0))
    cv2.setNumThreads(settings.detect.threads)
    collector, new_steps = Collector(), build_steps(settings)
    Pipeline(source, new_steps(is_still_images=False), [collector], Counters(), settings).run()
    return collector.lines


def main() -> None:
    """Run the command line."""
    match sys.argv[1:]:
        case ["draw", folder]:
            Path(folder).mkdir(parents=True, exist_ok=True)
            draw(Path(folder))
        case ["run", folder, out]:
            lines = [json.dumps(line) + "\n" for line in run(Path(folder))]
            Path(out).write_text("".join(lines), encoding="utf-8")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
