"""Fuzzes one target with atheris, guided by its coverage, until libFuzzer's limits end it; or repeats one input.

    python tests/fuzz/fuzz_session.py TARGET FILE              tries one input
    python tests/fuzz/fuzz_session.py TARGET CORPUS -OPTIONS   fuzzes; `make fuzz` starts this

Exit code 0: no promise was broken.
"""

import logging
import os
import resource
import sys
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
REPOSITORY = Path(__file__).parents[2]
sys.path[:0] = [str(REPOSITORY)]

INSTRUMENTED = ["edge", "train", "tomllib", "waitress", "werkzeug", "paho", "prometheus_client", "h5py"]
"""Packages whose coverage guides the fuzzer: ours, and the parsers in Python that we rely on."""


def main() -> None:
    """Run the command."""
    name, place, *options = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    if Path(place).is_file():
        _repeat(name, Path(place))
    else:
        _fuzz(name, Path(place), options)


def _repeat(name: str, file: Path) -> None:
    from fuzz_targets import find  # noqa: PLC0415  # an instrumented import, below, must be the first

    with tempfile.TemporaryDirectory() as folder, find(name).opened(Path(folder)) as try_one:
        try_one(file.read_bytes())


def _fuzz(name: str, corpus: Path, options: list[str]) -> None:
    import atheris  # noqa: PLC0415  # not needed to repeat an input

    with atheris.instrument_imports(include=INSTRUMENTED):
        from fuzz_targets import find  # noqa: PLC0415

        target = find(name)
        with tempfile.TemporaryDirectory() as folder:
            words = Path(folder, "words")
            words.write_text("".join(f'"{_escape(word)}"\n' for word in target.words))
            for number, content in enumerate(target.seeds()):
                (corpus / f"seed-{number}").write_bytes(content)
            scratch = Path(folder, "scratch")
            scratch.mkdir()
            with target.opened(scratch) as try_one:
                atheris.Setup([sys.argv[0], str(corpus), f"-dict={words}", *options], try_one)
                atheris.Fuzz()  # ends the process


def _escape(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main()
