"""Says where the wheel carries what lies beside `edge` in a checkout; all else about the package is in pyproject.toml.

`train` and `convert` are packages of their own here, with names too general for site-packages: there they would hide
other packages, or be hidden by them. A wheel carries them inside `edge/stages`, whose functions make them importable.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

STAGES = find_packages(include=["train", "train.*", "convert", "convert.*"])

RUNTIME = find_packages(include=["edge", "edge.*"])


def describe() -> str:
    """Return the README without pictures and links into the repository: a package's page has none of its files."""
    text = (Path(__file__).parent / "README.md").read_text()
    text = re.sub(r"^!\[[^\]]*\]\((?!https?:)[^)]*\)\n+", "", text, flags=re.MULTILINE)
    return re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]*\)", r"\1", text)


setup(
    long_description=describe(),
    long_description_content_type="text/markdown",
    packages=[*RUNTIME, "edge.assets.models", *(f"edge.stages.{name}" for name in STAGES)],
    package_dir={
        "edge.assets.models": "models",
        "edge.stages.train": "train",
        "edge.stages.convert": "convert",
    },
    include_package_data=False,  # the source archive has more files in these folders than a wheel needs
)
