"""The commands in the documents exist: their targets, modules, sub-commands and options are those of the project."""

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from edge.cli.parser import new_parser
from edge.stages import COMMANDS as STAGES

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "CONTRIBUTING.md", "docs/*.md", "benchmarks/**/*.md", "models/*.md")
MAKEFILE = (REPOSITORY / "Makefile").read_text()
INSTALLERS = ("install.sh", "uninstall.sh")
PACKAGES = ("edge", "train", "convert", "benchmarks")
FOREIGN_OPTIONS = {"--network", "--hook-type"}
"""Options of docker and pre-commit, which stand alone in a sentence."""


def documents():
    """The pages that tell a reader what to type, relative to the repository's root."""
    return sorted({str(page.relative_to(REPOSITORY)) for pattern in PAGES for page in REPOSITORY.glob(pattern)})


def code_of(document):
    """The text of each plain block and each code span of a document."""
    text = (REPOSITORY / document).read_text()
    fenced = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
    blocks = [block for language, block in fenced.findall(text) if not language]
    return [*blocks, *(" ".join(span.split()) for span in re.findall(r"`([^`]+)`", fenced.sub("", text)))]


def simple_commands(code):
    """Split shell code into simple commands, each a list of words; quoted scripts inside are split too."""
    code = re.sub(r"(^|\s)#.*$", "", code.replace("\\\n", " "), flags=re.MULTILINE)
    lexer = shlex.shlex(code, posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace, lexer.whitespace_split = " \t", True
    lexer.commenters = ""
    commands = [[]]
    try:
        for word in lexer:
            if set(word) <= set("();<>|&\n"):
                commands.append([])
            else:
                commands[-1].append(word)
                commands[:0] = simple_commands(word) if re.search(r"(edge-emotion|install\.sh) ", word) else []
    except ValueError:  # a report or a table with a lone quote: only its single lines may be commands
        return [command for line in code.splitlines() for command in simple_commands(line)] if "\n" in code else []
    return [command for command in commands if command]


def own_call(words):
    """Return program and arguments if the words call a part of this project, else None."""
    while words and (words[0] == "sudo" or re.match(r"[A-Z_]+=", words[0])):
        words = words[1:]
    if not words:
        return None
    if words[0] in {"docker", "uvx"}:  # what follows is the program inside
        image = next((at for at, word in enumerate(words) if re.fullmatch(r"edge-emotion(:\w+)?", word)), None)
        return None if image is None or "build" in words else ("edge-emotion", words[image + 1 :])
    if len(words) > 1 and words[0].endswith(".py") and (REPOSITORY / words[0]).is_file():
        return words[0], words[1:]
    program, arguments = Path(words[0]).name, words[1:]
    if re.match(r"python3?", program) and arguments[:1] == ["-m"] and arguments[1].partition(".")[0] in PACKAGES:
        return arguments[1], arguments[2:]
    return (program, arguments) if program in {"edge-emotion", "make", *INSTALLERS} else None


def calls(document):
    """Each call of a part of this project in a document, as program and arguments."""
    found = (own_call(words) for code in code_of(document) for words in simple_commands(code))
    return [call for call in found if call is not None]


def options_in(words):
    return {match for word in words for match in re.findall(r"^\[?(--[a-z][\w-]*)", word)}


@cache
def known_options(program):
    """The options of a module, a script, an installer or a sub-command of edge-emotion, from its --help."""
    program = STAGES[program][0] if program in STAGES else program
    if program in INSTALLERS:
        call = [str(REPOSITORY / "systemd" / program), "--help"]
    elif program.endswith(".py"):
        call = [sys.executable, program, "--help"]
    elif program.partition(".")[0] in PACKAGES:
        call = [sys.executable, "-m", program, "--help"]
    else:
        call = [sys.executable, "-m", "edge", program, "--help"]
    done = subprocess.run(call, cwd=REPOSITORY, capture_output=True, text=True, check=True)  # noqa: S603  # our own programs
    return set(re.findall(r"(?<![\w-])--[a-z][\w-]*", done.stdout))


def recipe_of(target):
    """Return the commands that a target of the Makefile runs, as lines."""
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)*)", MAKEFILE, re.MULTILINE)
    return None if found is None else found[1]


def check_make(arguments):
    """Target and variables are the Makefile's, and ARGS holds options of what the target calls."""
    variables = set(re.findall(r"\$[({](?:\w+ )?\$?\(?([A-Z_]+)\b", MAKEFILE)) | {"PYTHON"}
    for argument in arguments:
        name, is_variable, value = argument.partition("=")
        if not is_variable:
            assert recipe_of(name) is not None, f"no target {name}"
        elif name != "ARGS":
            assert name in variables, f"no variable {name}"
        else:
            recipe = "".join(recipe_of(word) for word in arguments if "=" not in word)
            program = re.search(r"-m ([\w.]+)|bin/edge-emotion (\w+)|systemd/(\w+\.sh)|(tests/\w+)", recipe)
            assert program is not None, f"no program in the recipe takes {value}"
            if not program[4]:
                assert options_in(shlex.split(value)) <= known_options(next(filter(None, program.groups())))


def check_command(arguments):
    """The arguments are valid for edge-emotion."""
    if arguments[:1] and arguments[0] in STAGES:
        assert options_in(arguments) <= known_options(arguments[0])
        return
    try:
        new_parser().parse_args(arguments)
    except SystemExit as stopped:
        assert stopped.code == 0, f"edge-emotion refuses {arguments}"  # noqa: PT017  # --help and --version stop as well


@pytest.mark.parametrize("document", documents())
def test_each_command_is_accepted(document):
    """Each command of a document names a target, a sub-command, variables and options that exist."""
    for program, arguments in calls(document):
        if program == "make":
            check_make(arguments)
        elif program == "edge-emotion":
            if arguments:
                check_command(arguments)
        else:
            assert options_in(arguments) <= known_options(program), f"{program} {arguments}"


def test_options_that_stand_alone_exist():
    """An option in a sentence is one of some program of the project."""
    parser_help = new_parser().format_help()
    commands = re.findall(r"^    ([a-z][\w-]*)", parser_help, re.MULTILINE)
    modules = (
        "benchmarks",
        "benchmarks.clips",
        "benchmarks.fleet",
        "benchmarks/instructions/report.py",
        "train.prior_sweep",
        "train.teacher_predictions",
    )
    known = set().union(*map(known_options, (*commands, *modules, *INSTALLERS)), FOREIGN_OPTIONS)
    alone = {
        (document, option)
        for document in documents()
        for code in code_of(document)
        if code.startswith("--")
        for option in options_in(code.split())
    }
    assert {(document, option) for document, option in alone if option not in known} == set()


@pytest.mark.parametrize("document", [name for name in documents() if not name.startswith("models/")])
def test_commands_name_their_interpreter(document):
    """No page calls a bare `python`, which Debian lacks; models/README.md says what was run, not what to run."""
    commands = [words for code in code_of(document) for words in simple_commands(code)]
    assert [words for words in commands if words[:2] == ["python", "-m"]] == []


def test_the_documents_have_commands():
    """The search finds commands of every kind, also a quoted one, so that the tests above check something."""
    found = [call for document in documents() for call in calls(document)]
    assert {"make", "edge-emotion", "train", *INSTALLERS} <= {program for program, _ in found}
    assert ("edge-emotion", ["doctor", "--no-camera"]) in found
