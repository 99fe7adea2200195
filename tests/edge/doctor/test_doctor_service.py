"""The doctor names what systemd says of the unit; `systemctl` is a real program that answers as systemd does."""

import pytest

RUNNING = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "UnitFileState": "enabled",
    "Result": "success",
    "ExecMainStatus": "0",
    "NRestarts": "0",
    "MainPID": "1",
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


@pytest.mark.parametrize(("files", "status"), [({}, "ok"), ({"opt/edge-emotion/current": ""}, "warning")])
def test_a_missing_unit_matters_where_the_program_is_installed(find, unit, files, status):
    """Whoever runs it from the repository needs none."""
    unit(LoadState="not-found")
    assert find("unit", files=files).status == status


def test_a_machine_without_systemd_is_well(find, program):
    """The program says so and exits with 1; or it is not there at all."""
    program("systemctl", "echo 'System has not been booted with systemd as init system' >&2; exit 1")
    assert find("unit").status == "ok"
