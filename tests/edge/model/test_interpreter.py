"""Interpreter packages are tried in order, fail with one-line errors, and write nothing to the terminal."""

import contextlib
import os
import subprocess
import sys
import threading

import pytest
from waiting import LIMIT_S

from edge.errors import ModelError, ShortageError
from edge.model.bundled import BUNDLED_MODEL
from edge.model.interpreter import MODULES, open_interpreter
from edge.model.manifest import read_model

CONTENT, _ = read_model(BUNDLED_MODEL)


@pytest.fixture
def write_package(tmp_path, monkeypatch):
    """Write an interpreter package whose `allocate_tensors` runs the given line of Python."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, line):
        (tmp_path / f"{name}.py").write_text(
            "import os\n\n\nclass Interpreter:\n"
            "    def __init__(self, **_options):\n        pass\n\n"
            f"    def allocate_tensors(self):\n        {line}\n"
        )
        monkeypatch.setitem(MODULES, name, name)
        return name

    yield write
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("raise ValueError('no subgraph')", "cannot open it: no subgraph"),
        ("raise RuntimeError('an operator is unknown')", "cannot open it: an operator is unknown"),
        ("raise RuntimeError('first line\\nsecond line')", "cannot open it: first line"),
        ("raise RuntimeError('\\n')", "cannot open it: RuntimeError"),
        ("b'\\xff'.decode()", "invalid start byte"),
        ("raise MemoryError", "cannot open it: MemoryError"),
        ("{}['input']", "cannot open it: 'input'"),
        ("raise SystemError('null argument to internal routine')", "null argument to internal routine"),
    ],
)
def test_a_failing_interpreter_is_a_one_line_error(write_package, line, words):
    """The error names the package and its reason in one line, even for a reason of several lines or none."""
    name = write_package("failing_interpreter", line)
    with pytest.raises(ModelError) as caught:
        open_interpreter(CONTENT, package=name)
    assert str(caught.value).endswith(words)
    assert name in str(caught.value)


def test_a_package_that_finds_no_memory_is_not_missing(tmp_path, monkeypatch):
    """If memory is too small to load the package, the error does not advise to install the package."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(MODULES, "heavy", "heavy_interpreter")
    (tmp_path / "heavy_interpreter.py").write_text("raise ImportError('libx.so: failed to map segment')")
    with pytest.raises(ShortageError, match=r"expected more memory.*libx.so: failed to map segment"):
        open_interpreter(CONTENT, package="heavy")


def test_a_model_that_cannot_be_opened_for_lack_of_memory_is_not_damaged(tmp_path):
    """TFLite does not say why it cannot open a model: whether any memory is left tells."""
    (tmp_path / "small.py").write_text(
        "import mmap, resource\n\n\nclass Interpreter:\n"
        "    def __init__(self, **_options):\n"
        "        used = int(open('/proc/self/statm').read().split()[0]) * mmap.PAGESIZE\n"
        "        resource.setrlimit(resource.RLIMIT_AS, (used + (8 << 20),) * 2)\n"
        "        raise RuntimeError('failed to prepare')\n"
    )
    code = (
        "from edge.model.interpreter import MODULES, open_interpreter\n"
        "MODULES['small'] = 'small'\n"
        "try:\n    open_interpreter(b'0000TFL3', package='small')\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(BUNDLED_MODEL.parents[1])])}
    done = subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT_S, check=True, env=environment
    )
    assert done.stdout.startswith("ShortageError expected more memory, or another thread, found a limit of"), done


@pytest.mark.parametrize("line", ["os.write(2, b'INFO: ready')", "os.write(2, b'ERROR'), 1 / 0"])
def test_standard_error_is_silenced_only_while_opening(write_package, capfd, line):
    """Output of the package to file descriptor 2 is dropped; later output appears, also after an error."""
    name = write_package("talking_interpreter", line)
    with contextlib.suppress(ModelError):
        open_interpreter(CONTENT, package=name)
    os.write(2, b"ours")
    assert capfd.readouterr().err == "ours"


def test_standard_error_is_there_after_two_threads_opened_models(write_package, capfd):
    """The thread that begins last also ends last, if it may: it would restore what the first one had put there."""
    name = write_package("waiting_interpreter", "__import__('threading').current_thread().wait()")
    first, second = (threading.Thread(target=open_interpreter, args=[CONTENT], kwargs={"package": name}) for _ in "12")
    overlap = threading.Event()

    def begin_the_second():
        second.start()
        overlap.wait(0.5)

    def outlast_the_first():
        overlap.set()
        first.join()

    first.wait, second.wait = begin_the_second, outlast_the_first
    first.start()
    first.join()
    second.join()
    os.write(2, b"ours")
    assert capfd.readouterr().err == "ours"


def test_opening_a_model_leaks_no_file_descriptor(interpreter_package):
    """After opening ten models, the process has as many open files as before."""

    def open_files():
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # a list, so that its own descriptor counts every time

    open_interpreter(CONTENT, package=interpreter_package)
    before = open_files()
    for _ in range(10):
        open_interpreter(CONTENT, package=interpreter_package)
    assert open_files() == before


def test_auto_takes_the_first_installed_package(write_package, monkeypatch):
    """`auto` skips a package that is missing; a package that is requested by name is not replaced by another."""
    name = write_package("working_interpreter", "pass")
    monkeypatch.setattr("edge.model.interpreter.MODULES", {"ai-edge-litert": "no_such_module", name: name})
    assert open_interpreter(CONTENT)[1] == name
    with pytest.raises(ModelError, match="ai-edge-litert: No module named"):
        open_interpreter(CONTENT, package="ai-edge-litert")
