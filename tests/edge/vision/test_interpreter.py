"""An interpreter package that is missing or fails is said in one line, and the terminal stays as it was."""

import contextlib
import os
import sys

import pytest

from edge.errors import ModelError
from edge.manifest import read_model
from edge.shipped import SHIPPED_MODEL
from edge.vision.interpreter import MODULES, open_interpreter

CONTENT, _ = read_model(SHIPPED_MODEL)


@pytest.fixture
def write_package(tmp_path, monkeypatch):
    """Write an interpreter package whose `Interpreter` does what `body` says when its tensors are allocated."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, body):
        (tmp_path / f"{name}.py").write_text(
            "import os\n\n\nclass Interpreter:\n"
            "    def __init__(self, **_options):\n        pass\n\n"
            f"    def allocate_tensors(self):\n        {body}\n"
        )
        monkeypatch.setitem(MODULES, name, name)
        return name

    yield write
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise ValueError('no subgraph')", "cannot open it: no subgraph"),
        ("raise RuntimeError('an operator is unknown')", "cannot open it: an operator is unknown"),
        ("raise RuntimeError('first line\\nsecond line')", "cannot open it: first line"),
        ("raise RuntimeError('\\n')", "cannot open it: RuntimeError"),
    ],
)
def test_an_interpreter_that_fails_is_named_with_its_reason(write_package, body, words):
    """In one line, whatever the package raises, even when it gives no reason."""
    name = write_package("failing_interpreter", body)
    with pytest.raises(ModelError) as caught:
        open_interpreter(CONTENT, package=name)
    assert str(caught.value).endswith(words)
    assert name in str(caught.value)


@pytest.mark.parametrize("body", ["os.write(2, b'INFO: ready')", "os.write(2, b'ERROR'), 1 / 0"])
def test_its_lines_are_kept_off_the_terminal_and_ours_come_back(write_package, capfd, body):
    """What it writes to file descriptor 2 is lost; what we write after it is not, not even after an error."""
    name = write_package("talking_interpreter", body)
    with contextlib.suppress(ZeroDivisionError):
        open_interpreter(CONTENT, package=name)
    os.write(2, b"ours")
    assert capfd.readouterr().err == "ours"


def test_opening_leaves_no_file_open(interpreter_package):
    """Ten models later as many files are open as before."""

    def open_files():
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # counts, and opens one itself, as before

    open_interpreter(CONTENT, package=interpreter_package)
    before = open_files()
    for _ in range(10):
        open_interpreter(CONTENT, package=interpreter_package)
    assert open_files() == before


def test_the_first_package_that_is_installed_is_taken(write_package, monkeypatch):
    """`auto` goes on to the next where one is missing; a name that is given is not replaced by another."""
    name = write_package("working_interpreter", "pass")
    monkeypatch.setattr("edge.vision.interpreter.MODULES", {"ai-edge-litert": "no_such_module", name: name})
    assert open_interpreter(CONTENT)[1] == name
    with pytest.raises(ModelError, match="ai-edge-litert: No module named"):
        open_interpreter(CONTENT, package="ai-edge-litert")
