"""The doctor reports problems of the settings, the unit, its network, and the running service."""

import pytest

RUNNING = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "UnitFileState": "enabled",
    "Result": "success",
    "ExecMainStatus": "0",
    "NRestarts": "0",
}

INSTALLED = {"opt/edge-emotion/current": ""}
INSTALLER = "sudo /opt/edge-emotion/current/systemd/install.sh"


def test_settings_are_read_as_the_service_reads_them(run_check, config):
    """The given configuration is read, else the installed one, else the defaults are used."""
    assert "the defaults" in run_check("settings").text
    installed = run_check("settings", files={"etc/edge-emotion/edge.toml": '[source]\nuse = "camera"\n'})
    assert (installed.status, "source camera" in installed.text) == ("ok", True)
    given = run_check("settings", config=config('profile = "low-power"\n'))
    assert "profile low-power" in given.text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no toml", "this is no TOML"),
        ("[source]\nfsp = 3\n", "source.fsp: unknown key"),
        ("[source]\nfps = 0\n", "source.fps"),
    ],
)
def test_invalid_settings_fail(run_check, config, text, words):
    """A file that is not TOML, an unknown key and an invalid value fail with the message of a run."""
    path = config(text)
    finding = run_check("settings", config=path)
    assert (finding.status, finding.remedy) == ("failed", f"sudo nano {path}")
    assert words in finding.text


def test_missing_configuration_fails(run_check, tmp_path):
    """A configuration that was given but does not exist is a failure; the defaults do not replace it."""
    finding = run_check("settings", config=tmp_path / "none.toml")
    assert (finding.status, finding.remedy) == ("failed", "give another --config")
    assert "none.toml" in finding.text


@pytest.fixture
def unit(program):
    """Install a `systemctl` that prints these properties of a running unit, with changes."""

    def write(**properties):
        lines = "\\n".join(f"{key}={value}" for key, value in (RUNNING | properties).items())
        program("systemctl", f"printf '{lines}\\n'")

    return write


@pytest.mark.parametrize(
    ("properties", "words", "remedy"),
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
def test_unit_with_a_problem_is_a_warning(run_check, unit, properties, words, remedy):
    """A failed, stopped, restarted or disabled unit is no failure, because it may run now; the remedy is a command."""
    unit(**properties)
    finding = run_check("unit")
    assert finding.status == "warning"
    assert words in finding.text
    assert remedy in finding.remedy


def test_running_unit_is_ok(run_check, unit):
    """An active and enabled unit that was never restarted is ok."""
    unit()
    assert run_check("unit").status == "ok"


def test_last_error_of_the_unit_is_quoted(run_check, unit, program):
    """A failed unit's newest error in the journal is part of the finding."""
    unit(ActiveState="failed", Result="exit-code", ExecMainStatus="2")
    program("journalctl", "echo 'edge.toml: log.mod: unknown key'")
    assert "exit code 2: edge.toml: log.mod: unknown key" in run_check("unit").text


@pytest.mark.parametrize(("files", "status", "remedy"), [({}, "ok", ""), (INSTALLED, "warning", INSTALLER)])
def test_missing_unit_is_a_warning_where_the_program_is_installed(run_check, unit, files, status, remedy):
    """A checkout needs no unit; an installation does, and the remedy is its own installer."""
    unit(LoadState="not-found")
    finding = run_check("unit", files=files)
    assert (finding.status, finding.remedy) == (status, remedy)


def test_systemd_that_does_not_respond_is_a_warning(run_check, program, monkeypatch):
    """A systemctl that exceeds its time limit is not mistaken for a machine without systemd."""
    monkeypatch.setattr("edge.doctor.service.QUICK_S", 0.3)
    program("systemctl", "exec sleep 60")
    finding = run_check("unit")
    assert (finding.status, finding.remedy) == ("warning", "try again")
    assert "found no response" in finding.text


def test_machine_without_systemd_is_ok(run_check, program):
    """A systemctl that only says that systemd is not running is no problem."""
    program("systemctl", "echo 'System has not been booted with systemd as init system' >&2; exit 1")
    assert run_check("unit").status == "ok"


def test_camera_that_the_service_reads_is_ok(run_check, serve_status):
    """A camera that the running service reads is not opened, which would fail; the service's status is the finding."""
    root = serve_status(source="picamera")
    assert "the running service reads picamera" in run_check("frames", root=root).text
    assert run_check("status", root=root).status == "ok"


def test_problem_of_the_running_service_is_a_warning(run_check, serve_status):
    """A lost camera and the last error are part of the finding."""
    root = serve_status(state="camera lost", camera_error="unplugged", last_error="gone")
    finding = run_check("status", root=root)
    assert finding.status == "warning"
    assert "unplugged" in finding.text
    assert "last error: gone" in finding.text


def test_no_running_service_is_ok(run_check):
    """A service that is not running may still be able to."""
    assert run_check("status").status == "ok"


@pytest.mark.parametrize(
    "sink", ["[page]\nenabled = true\n", '[mqtt]\nhost = "broker"\n', "[metrics]\nenabled = true\n"]
)
def test_network_that_does_not_fit_the_sinks_is_a_warning(run_check, config, sink):
    """A closed network that a sink needs, and an open one that no sink needs; the remedy is the installer."""
    drop_in = {"etc/systemd/system/edge-emotion.service.d/network.conf": ""}
    with_sink, without_sink = config(sink), None
    closed = run_check("network", files=INSTALLED, config=with_sink)
    assert (closed.status, closed.remedy) == ("warning", INSTALLER)
    assert "found it closed" in closed.text
    assert run_check("network", files=INSTALLED | drop_in, config=with_sink).status == "ok"
    opened = run_check("network", files=INSTALLED | drop_in, config=without_sink)
    assert (opened.status, opened.remedy) == ("warning", INSTALLER)
    assert "found it open" in opened.text


@pytest.mark.parametrize("files", [{}, INSTALLED])
def test_closed_network_without_a_sink_that_needs_it_is_ok(run_check, files):
    """Without such a sink the network stays closed, installed or not."""
    assert run_check("network", files=files).status == "ok"
