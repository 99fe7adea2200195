"""Command line: `python -m benchmarks.clips FOLDER` measures the runtime on the clips of a folder."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.clips.figures import SavedClips, save
from benchmarks.clips.footage import Clip, find_clips
from benchmarks.clips.measure import REPOSITORY, settings_for
from benchmarks.clips.report import write_clips_report
from benchmarks.clips.suite import Plan, measure_clips
from edge.device.info import describe_machine
from edge.errors import ConfigError, EdgeError
from edge.sources.base import silence_opencv
from edge.sources.folder import find_images

TURNS = [35.0, 180.0]
METHODS = ["auto", "haar"]

_FAILED, _WRONG_INPUT = 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    silence_opencv()
    machine = describe_machine()
    try:
        plan = _plan(options)
        figures = measure_clips(plan)
    except EdgeError as error:
        sys.stderr.write(f"{error}\n")
        return _WRONG_INPUT
    except ChildProcessError as error:
        sys.stderr.write(f"{error}\n")
        return _FAILED
    saved = SavedClips(datetime.now(UTC).date().isoformat(), machine, figures)
    page = write_clips_report(saved)
    print(page)
    if plan.cpu or options.out:
        print(f"kept in {save(saved, page, options.out)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.clips",
        description="Measure the runtime on real clips: NAME.mp4 with its reference boxes in NAME.json.",
        epilog="exit codes: 0 done, 1 a run failed, 2 clips, photographs or settings cannot be used",
    )
    parser.add_argument("clips", metavar="FOLDER", type=Path, help="the clips with their references")
    parser.add_argument("--only", metavar="NAME", nargs="+", help="measure only these clips")
    parser.add_argument(
        "--methods",
        metavar="NAME",
        nargs="+",
        default=METHODS,
        help=f"values of detect.method; targets are those of the first (default: {' '.join(METHODS)})",
    )
    parser.add_argument("--config", metavar="FILE", type=Path, help="settings in TOML, for every method")
    parser.add_argument("--rounds", type=_positive, default=3, metavar="N", help="takes of each figure (default: 3)")
    parser.add_argument(
        "--loop-frames", type=_positive, default=1000, metavar="N", help="length of looped clips (default: 1000)"
    )
    parser.add_argument("--no-cpu", action="store_true", help="leave out CPU time; results are kept only with --out")
    parser.add_argument(
        "--turn",
        metavar="DEGREES",
        type=float,
        nargs="*",
        default=TURNS,
        help="also measure clips turned clockwise by so much (default: 35 180; without a value: none)",
    )
    parser.add_argument(
        "--turned-clips", metavar="NAME", nargs="+", help="the clips that are turned (default: those of one person)"
    )
    parser.add_argument("--photos", metavar="FOLDER", type=Path, help="photographs with a face on each")
    parser.add_argument("--annotated", metavar="FOLDER", type=Path, help="write annotated clips, to look at")
    parser.add_argument("--out", metavar="FOLDER", type=Path, help="for clips.md and clips.json (default: by machine)")
    return parser


def _plan(options: argparse.Namespace) -> Plan:
    """Check the options and return the plan.

    Raises:
        EdgeError: Something cannot be used.
    """
    clips = find_clips(options.clips)
    if options.only:
        clips = _named(options.only, clips)
    turned = _named(options.turned_clips, clips) if options.turned_clips else _with_one_person(clips)
    if options.photos is not None and not (options.photos.is_dir() and find_images(options.photos)):
        raise ConfigError(f"{options.photos}: expected a folder of photographs, found none: see --photos")
    if options.annotated is not None:
        _check_outside(options.annotated)
        options.annotated.mkdir(parents=True, exist_ok=True)
    return Plan(
        clips=clips,
        methods={method: settings_for(method, options.config) for method in options.methods},
        rounds=options.rounds,
        loop_frames=options.loop_frames,
        turns=options.turn,
        turned=turned if options.turn else [],
        photographs=options.photos,
        annotated=options.annotated.resolve() if options.annotated else None,
        cpu=not options.no_cpu,
    )


def _named(names: list[str], clips: list[Clip]) -> list[Clip]:
    by_name = {clip.name: clip for clip in clips}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise ConfigError(f"expected clips among {', '.join(by_name)}, found {', '.join(unknown)}")
    return [by_name[name] for name in names]


def _with_one_person(clips: list[Clip]) -> list[Clip]:
    """Return the clips of one person with a reference face: turned, all of it stays in the frame."""
    return [clip for clip in clips if clip.reference.persons == 1 and any(clip.reference.faces)]


def _check_outside(folder: Path) -> None:
    if folder.resolve().is_relative_to(REPOSITORY):
        raise ConfigError(f"{folder}: expected a folder outside {REPOSITORY}: pictures of people stay out of it")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, found {text}")
    return value


if __name__ == "__main__":
    sys.exit(main())
