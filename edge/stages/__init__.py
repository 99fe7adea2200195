"""Makes the desktop stages, the packages `train` and `convert`, importable and callable, from a wheel or a checkout.

In a checkout they are folders beside `edge`. A wheel carries them in this folder, because packages with such general
names do not belong in site-packages. Both need the extra `train`:

    pip install 'edge-emotion[train]'

    import edge.stages
    edge.stages.enable()
    from train.data.dataset import read_dataset
"""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from edge.device.packages import PROJECT, install_command
from edge.errors import ConfigError

COMMANDS = {
    "train": ("train.__main__", "train a model"),
    "evaluate": ("train.evaluate", "evaluate a model, with report and plots"),
    "conditions": ("train.conditions", "measure the effect of distance, light, noise and blur on a model"),
    "faces": ("train.faces", "cut a set of faces out of photographs"),
    "sheet": ("train.augmentation_sheet", "draw augmented faces for inspection"),
    "convert": ("convert.__main__", "convert a trained model to verified .tflite models"),
}
"""Module and description of each stage's command."""


def how_to_install() -> str:
    """Return what a user does to install the packages that the stages need."""
    if (PROJECT / "Makefile").is_file():
        return "use make train, make evaluate or make convert, which install them"
    return install_command("edge-emotion[train]")


def find_stages() -> Path | None:
    """Return the folder that contains the packages `train` and `convert`; None where only the runtime is installed."""
    folders = (Path(__file__).parent, Path(__file__).resolve().parents[2])
    return next((folder for folder in folders if all(is_stage(folder / name) for name in ("train", "convert"))), None)


def is_stage(folder: Path) -> bool:
    """Return whether the folder is one of this project's stages, not another package of that name."""
    return (folder / "__init__.py").is_file() and (folder / "settings.py").is_file()


def enable() -> None:
    """Put the packages `train` and `convert` on the module search path.

    Raises:
        ConfigError: only the runtime is installed here, as on a Raspberry Pi.
    """
    folder = find_stages()
    if folder is None:
        raise ConfigError(f"expected the packages train and convert, found the runtime alone: {how_to_install()}")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def run_stage(command: str, arguments: Sequence[str]) -> int:
    """Run a stage's command and return its exit code.

    Args:
        command: a key of `COMMANDS`.
        arguments: the command's own.

    Raises:
        ConfigError: the stages, or the packages that they need, are not installed.
    """
    enable()
    module, _ = COMMANDS[command]
    try:
        exit_code: int = importlib.import_module(module).main(list(arguments))
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] in {"edge", "train", "convert"}:
            raise
        raise ConfigError(f"expected the packages for training, found no {error.name}: {how_to_install()}") from error
    return exit_code
