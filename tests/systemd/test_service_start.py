"""The installer enables and starts the service, waits until it is ready, and rolls back if it fails.

A stub `systemctl` keeps the state of the unit in a file.
"""

import pytest
from fake_root import current, put_program

SYSTEMCTL = r"""
state=$(cat "$STATE" 2>/dev/null)
printf '%s\n' "$*" >>"$STATE.calls"
case $* in
    --version) echo "systemd ${SYSTEMD:-257}" ;;
    is-active*) [ "$state" = active ] ;;
    *StatusText*) echo "$TEXT" ;;
    *Job*) [ "$state" != activating ] || echo 7 ;;
    stop*) echo inactive >"$STATE" ;;
    restart*)
        case $(basename "$(readlink "$DESTDIR/opt/edge-emotion/current")") in
            $FAILS-*) echo failed ;;
            $HANGS-*) echo activating ;;
            *) echo active ;;
        esac >"$STATE" ;;
esac
"""


@pytest.fixture
def state(tmp_path):
    """The file with the unit's state."""
    return tmp_path / "state"


def skip_doctor(place):
    """Make the doctor of every installed version succeed at once: the tests of upgrades run the real one."""
    for python in place.glob("opt/edge-emotion/versions/*/venv/bin/python"):
        if python.is_symlink():
            real = python.rename(python.with_name("real-python"))
            put_program(python, f'case "$*" in *" doctor "*) ;; *) exec {real} "$@" ;; esac')


@pytest.fixture
def run(install, stubs, state, place):
    """Returns a function that runs a script with the stub `systemctl`."""
    systemctl = stubs("systemctl", SYSTEMCTL)
    stubs("journalctl", 'echo "$JOURNAL"')

    def call(folder, *options, script="install.sh", **variables):
        own = {
            "SYSTEMCTL": str(systemctl),
            "STATE": str(state),
            "TEXT": "camera lost: none found",
            "READY_SECONDS": "1",
        }
        skip_doctor(place)
        return install(folder, *options, script=script, **own | {"FAILS": "none", "HANGS": "none"} | variables)

    return call


def calls(state):
    return state.with_suffix(".calls").read_text().split("\n") if state.with_suffix(".calls").exists() else []


def test_a_first_installation_enables_and_starts(run, release, place, state, installed):
    """A first installation reloads systemd, enables the unit and starts it, in this order."""
    (place / "opt/edge-emotion/current").unlink()
    done = run(release())
    assert done.returncode == 0, done.stderr
    changes = [line for line in calls(state) if line.partition(" ")[0] in {"daemon-reload", "enable", "restart"}]
    assert changes == ["daemon-reload", "enable edge-emotion.service", "restart --no-block edge-emotion.service"]
    assert current(place) == installed


def test_an_upgrade_does_not_enable_what_its_owner_disabled(run, newer, state):
    """An upgrade restarts the service without enabling the unit."""
    assert run(newer).returncode == 0
    assert "restart --no-block edge-emotion.service" in calls(state)
    assert "enable edge-emotion.service" not in calls(state)


def test_the_same_version_is_not_started_again(run, release, state, installed):  # noqa: ARG001  # the fixture installs it
    """Installing the running version again does not restart the service."""
    assert run(release()).returncode == 0
    before = calls(state)
    done = run(release())
    assert done.returncode == 0, done.stderr
    assert "edge-emotion.service is already running" in done.stdout
    assert not any(line.startswith(("restart", "start")) for line in calls(state)[len(before) - 1 :])


def test_a_dry_run_leaves_a_running_service_alone(run, newer, place, state):
    """A dry run neither switches, restarts nor rolls back; it only queries systemd."""
    state.write_text("active\n")
    before = current(place)
    done = run(newer, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "starting edge-emotion.service" in done.stdout
    assert "going back" not in done.stdout
    assert current(place) == before
    assert {line.partition(" ")[0] for line in calls(state)} <= {"is-active", "show", ""}


@pytest.mark.parametrize("journal", ["", "the model is damaged"])
@pytest.mark.parametrize("fault", ["FAILS", "HANGS"])
def test_a_version_that_does_not_start_is_rolled_back(run, newer, place, state, fault, journal):
    """If the new version fails or hangs, the old one runs again with its own unit, and the error gives the reason."""
    state.write_text("active\n")
    before = current(place)
    (unit,) = (place / "opt/edge-emotion/versions").glob("1.1.0-*/systemd/edge-emotion.service")
    unit.write_text(unit.read_text() + "# the new unit\n")
    done = run(newer, **{fault: "1.1.0", "JOURNAL": journal})
    assert done.returncode == 4
    assert done.stderr.startswith("error: version 1.1.0-")
    assert done.stderr.endswith(f" did not become ready: {journal or 'camera lost: none found'}\n")
    assert f"returning to version {before}" in done.stdout
    assert current(place) == before
    assert state.read_text() == "active\n"
    assert "# the new unit" not in (place / "etc/systemd/system/edge-emotion.service").read_text()


@pytest.mark.parametrize("fault", ["FAILS", "HANGS"])
def test_a_version_that_waits_for_a_camera_stays(run, newer, place, fault):
    """If no version was running, the new one stays, and the installer prints what it waits for."""
    done = run(newer, **{fault: "1.1.0", "READY_SECONDS": "1000"})
    assert done.returncode == 0, done.stderr
    assert "camera lost: none found" in done.stderr
    assert current(place).startswith("1.1.0-")


def test_no_start(run, newer, state):
    """With `--no-start` the unit is neither enabled nor started."""
    assert run(newer, "--no-start").returncode == 0
    assert not any(line.split(" ")[0] in {"enable", "start", "restart"} for line in calls(state))


@pytest.mark.parametrize(("getent", "expected"), [("exit 2", set()), ("exit 0", {"pins.conf"})])
def test_drop_ins_depend_on_the_system(run, newer, place, stubs, getent, expected):
    """The one for pins needs a group of Raspberry Pi OS; that of an earlier version goes, and the user's own stay."""
    stubs("getent", getent)
    folder = place / "etc/systemd/system/edge-emotion.service.d"
    folder.mkdir(exist_ok=True)
    (folder / "mine.conf").touch()
    (folder / "backoff.conf").touch()
    assert run(newer).returncode == 0
    assert {path.name for path in folder.iterdir()} == expected | {"mine.conf"}


@pytest.mark.parametrize(
    "sink", ["[page]\nenabled = true\n", '[mqtt]\nhost = "broker"\n', "[metrics]\nenabled = true\n"]
)
def test_the_network_is_open_while_a_sink_needs_it(run, newer, place, state, sink):
    """After a change of the configuration the installer opens or closes the network and restarts the service."""
    drop_in = place / "etc/systemd/system/edge-emotion.service.d/network.conf"
    assert run(newer).returncode == 0
    assert not drop_in.exists()
    restarts = calls(state).count("restart --no-block edge-emotion.service")
    config = place / "etc/edge-emotion/edge.toml"
    kept = config.read_text()
    for text, is_open in ((sink, True), (kept, False)):
        config.write_text(text)
        installed = place / "opt/edge-emotion/current"
        done = run(installed)
        assert done.returncode == 0, done.stderr
        assert "is already built" in done.stdout
        assert drop_in.exists() is is_open
        restarts += 1
        assert calls(state).count("restart --no-block edge-emotion.service") == restarts
        assert "is already running" in run(installed).stdout


def test_uninstalling_stops_and_disables(run, release, place, state, installed):  # noqa: ARG001  # the fixture installs it
    """The uninstaller stops the unit and all instances, disables and removes it, and reloads systemd."""
    state.write_text("active\n")
    assert run(release(), script="uninstall.sh").returncode == 0
    stopped = "stop edge-emotion.service edge-emotion@*.service"
    assert calls(state)[:3] == [stopped, "disable edge-emotion.service", "daemon-reload"]
