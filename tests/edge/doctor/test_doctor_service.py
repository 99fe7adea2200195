"""The doctor names what systemd says of the unit; `systemctl` is a real program that answers as systemd does."""

import msgspec
import pytest
from statuses import HEALTHY

from edge.runtime.answer import Answerer

RUNNING = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "UnitFileState": "enabled",
    "Result": "success",
    "ExecMainStatus": "0",
    "NRestarts": "0",
}


@pytest.fixture
def unit(program):
    """Let systemd say this of the unit."""

    def say(**facts):
        lines = "\\n".join(f"{key}={value}" for key, value in (RUNNING | facts).items())
        program("systemctl", f"printf '{lines}\\n'")

    return say


@pytest.mark.parametrize(
    ("facts", "words", "remedy"),
    [
        (
            {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "2"},
            "has failed (exit-code, exit code 2)",
            "journalctl -u edge-emotion.service -n 20",
        ),
        ({"ActiveState": "failed", "Result": "watchdog"}, "has failed (watchdog", "sudo systemctl restart"),
        ({"ActiveState": "inactive"}, "is inactive", "sudo systemctl enable --now edge-emotion.service"),
        ({"NRestarts": "3"}, "restarted 3 times", "journalctl"),
        ({"UnitFileState": "disabled"}, "will not start with the machine", "sudo systemctl enable"),
    ],
)
def test_what_befell_the_unit_is_a_warning(find, unit, facts, words, remedy):
    """It says nothing on whether it would run now, so it is no failure; the remedy is a command."""
    unit(**facts)
    found = find("unit")
    assert found.status == "warning"
    assert words in found.text
    assert remedy in found.remedy


def test_a_running_unit_is_well(find, unit):
    """Active, enabled, never restarted."""
    unit()
    assert find("unit").status == "ok"


def test_the_last_failure_is_told(find, unit, program):
    """In the journal's words, so that nobody has to look for them."""
    unit(ActiveState="failed", Result="exit-code", ExecMainStatus="2")
    program("journalctl", "echo 'edge.toml: log.mod: unknown key'")
    assert "exit code 2: edge.toml: log.mod: unknown key" in find("unit").text


STATUS = msgspec.structs.replace(
    HEALTHY,
    version="1",
    pid=1,
    since="",
    uptime_s=60,
    source="picamera",
    frames=900,
    fps=15.0,
    latency_ms_p50=1,
    latency_ms_p95=2,
    faces=1,
    dropped=0,
    reopens=0,
    log="",
    temperature_c=None,
    throttled=None,
    core_v=None,
)


@pytest.fixture
def answer(open_root):
    """Let a service answer with a status at the socket below the folder that is returned."""
    path = open_root / "run/edge-emotion/status.sock"
    path.parent.mkdir(parents=True)
    answerers = []

    def say(**facts):
        status = msgspec.structs.replace(STATUS, **facts)
        answerers.append(Answerer(path, lambda: msgspec.json.encode(status)))
        return open_root

    yield say
    for answerer in answerers:
        answerer.close()


def test_a_camera_that_the_service_reads_is_well(find, answer):
    """It is not opened a second time, which would fail: the service's own word is taken."""
    root = answer()
    assert "the running service reads picamera" in find("frames", root=root).text
    assert find("status", root=root).status == "ok"


def test_what_the_service_says_of_itself_is_passed_on(find, answer):
    """A lost camera, and the last error."""
    found = find("status", root=answer(state="camera lost", camera_error="unplugged", last_error="gone"))
    assert found.status == "warning"
    assert "unplugged" in found.text
    assert "last error: gone" in found.text


def test_no_service_is_no_fault(find):
    """It would run all the same."""
    assert find("status").status == "ok"


@pytest.mark.parametrize(("files", "status"), [({}, "ok"), ({"opt/edge-emotion/current": ""}, "warning")])
def test_a_missing_unit_matters_where_the_program_is_installed(find, unit, files, status):
    """Whoever runs it from the repository needs none; the remedy is the installer that lies in the installation."""
    unit(LoadState="not-found")
    found = find("unit", files=files)
    assert found.status == status
    assert found.remedy == ("" if status == "ok" else "sudo /opt/edge-emotion/current/systemd/install.sh")


def test_a_systemd_that_does_not_answer_is_not_taken_for_none(find, program, monkeypatch):
    """As on a machine that has too much to do."""
    monkeypatch.setattr("edge.doctor.service.QUICK_S", 0.3)
    program("systemctl", "exec sleep 60")
    found = find("unit")
    assert (found.status, found.remedy) == ("warning", "try again")
    assert "found no answer" in found.text


def test_a_machine_without_systemd_is_well(find, program):
    """The program says so and exits with 1; or it is not there at all."""
    program("systemctl", "echo 'System has not been booted with systemd as init system' >&2; exit 1")
    assert find("unit").status == "ok"


@pytest.mark.parametrize(
    "sink", ["[page]\nenabled = true\n", '[mqtt]\nhost = "broker"\n', "[metrics]\nenabled = true\n"]
)
def test_a_unit_whose_network_does_not_fit_its_sinks(find, config, sink):
    """Closed though one needs it, open though none does; the remedy is the installer that lies in the installation."""
    installed = {"opt/edge-emotion/current": ""}
    drop_in = {"etc/systemd/system/edge-emotion.service.d/network.conf": ""}
    remedy = "sudo /opt/edge-emotion/current/systemd/install.sh"
    asked, none = config(sink), None
    closed = find("network", files=installed, config=asked)
    assert (closed.status, closed.remedy) == ("warning", remedy)
    assert "found it closed" in closed.text
    assert find("network", files=installed | drop_in, config=asked).status == "ok"
    opened = find("network", files=installed | drop_in, config=none)
    assert (opened.status, opened.remedy) == ("warning", remedy)
    assert "found it open" in opened.text


@pytest.mark.parametrize("files", [{}, {"opt/edge-emotion/current": ""}])
def test_a_closed_network_that_nobody_needs_is_well(find, files):
    """Also where there is no installation."""
    assert find("network", files=files).status == "ok"
