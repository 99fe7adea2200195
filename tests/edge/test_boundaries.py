"""Imports point one way: checked in a process of its own, so that no other test's import can hide a fault."""

import subprocess
import sys
from pathlib import Path

import pytest

EDGE = Path(__file__).parents[2] / "edge"

FORBIDDEN = {
    "edge": ("benchmarks", "pytest", "tensorflow", "keras", "train", "convert", "pandas", "torch"),
    "edge/vision": (
        "threading",
        "time",
        "queue",
        "edge.runtime",
        "edge.sinks",
        "edge.sources",
        "edge.pipeline",
    ),
    "edge/runtime": (
        "cv2",
        "numpy",
        "edge.vision",
        "edge.sources",
        "edge.sinks",
        "edge.records",
        "edge.pipeline",
    ),
    "edge/sources": ("edge.vision", "edge.sinks", "edge.runtime", "edge.pipeline"),
    "edge/sinks": ("edge.vision", "edge.sources", "edge.runtime", "edge.pipeline"),
}
"""What a folder's own modules may not import."""

LISTING = """
import ast, pathlib, sys
for path in pathlib.Path(sys.argv[1]).rglob("*.py"):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
        else:
            continue
        for name in names:
            print(path.name, name)
"""


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_a_folder_imports_only_what_it_may(folder):
    """Vision knows no threads and no clock, the runtime no pixels, sources and sinks not each other."""
    listing = subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-c", LISTING, EDGE.parent / folder], capture_output=True, text=True, check=True
    )
    imports = [line.split() for line in listing.stdout.splitlines()]
    assert imports
    wrong = [
        f"{module} imports {name}"
        for module, name in imports
        for forbidden in FORBIDDEN[folder]
        if name == forbidden or name.startswith(forbidden + ".")
    ]
    assert wrong == []


@pytest.mark.slow
def test_the_running_edge_loads_no_training_package():
    """After importing all commands, neither TensorFlow nor Keras nor the training stage is in memory, nor scenes."""
    # numpy 1 loads all of its parts at once, numpy 2 only those in use
    code = "import sys, numpy; own = {*sys.modules}; import edge.__main__, edge.cli.run, edge.doctor.runner; "
    code += "print(*({*sys.modules} - own))"
    loaded = subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=EDGE.parent
    ).stdout.split()
    assert "edge.pipeline.pipeline" in loaded
    assert not [name for name in loaded if name.split(".")[0] in FORBIDDEN["edge"]]
    assert "edge.scenes.catalogue" not in loaded
    assert "numpy.random" not in loaded
