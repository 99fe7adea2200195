"""The installer enables and starts the service, waits until it is ready, and goes back to what ran before if it fails.

`systemctl` is a small program here that keeps the state of one unit in a file.
"""

import pytest
from roots import current

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
    """File with the unit's state."""
    return tmp_path / "state"


@pytest.fixture
def run(install, stubs, state):
    """Return a function that runs a script with that `systemctl`."""
    systemctl = stubs("systemctl", SYSTEMCTL)
    stubs("journalctl", 'echo "$JOURNAL"')

    def call(folder, *options, script="install.sh", **variables):
        own = {
            "SYSTEMCTL": str(systemctl),
            "STATE": str(state),
            "TEXT": "camera lost: none found",
            "READY_SECONDS": "1",
        }
        return install(folder, *options, script=script, **own | {"FAILS": "none", "HANGS": "none"} | variables)

    return call


def calls(state):
    return state.with_suffix(".calls").read_text().split("\n") if state.with_suffix(".calls").exists() else []


def test_a_first_installation_enables_and_starts(run, release, place, state, installed):
    """In that order, after systemd has read the unit."""
    (place / "opt/edge-emotion/current").unlink()
    done = run(release())
    assert done.returncode == 0, done.stderr
    said = [line for line in calls(state) if line.partition(" ")[0] in {"daemon-reload", "enable", "restart"}]
    assert said == ["daemon-reload", "enable edge-emotion.service", "restart --no-block edge-emotion.service"]
    assert current(place) == installed


def test_an_upgrade_does_not_enable_what_its_owner_disabled(run, newer, state):
    """It only starts the new version."""
    assert run(newer).returncode == 0
    assert "restart --no-block edge-emotion.service" in calls(state)
    assert "enable edge-emotion.service" not in calls(state)


def test_the_same_version_is_not_started_again(run, release, state, installed):  # noqa: ARG001
    """A second run of the installer does not interrupt a service that works."""
    assert run(release()).returncode == 0
    before = calls(state)
    done = run(release())
    assert done.returncode == 0, done.stderr
    assert "edge-emotion.service runs already" in done.stdout
    assert not any(line.startswith(("restart", "start")) for line in calls(state)[len(before) - 1 :])


def test_a_dry_run_leaves_a_running_service_alone(run, newer, place, state):
    """It neither switches nor restarts nor goes back: systemd is only asked."""
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
def test_a_version_that_does_not_start_is_taken_back(run, newer, place, state, fault, journal):
    """What ran before runs again, with its own unit; the exit code and one line say why."""
    state.write_text("active\n")
    before = current(place)
    (unit,) = (place / "opt/edge-emotion/versions").glob("1.1.0-*/systemd/edge-emotion.service")
    unit.write_text(unit.read_text() + "# the new unit\n")
    done = run(newer, **{fault: "1.1.0", "JOURNAL": journal})
    assert done.returncode == 4
    assert done.stderr.startswith("error: version 1.1.0-")
    assert done.stderr.endswith(f" did not become ready: {journal or 'camera lost: none found'}\n")
    assert f"going back to version {before}" in done.stdout
    assert current(place) == before
    assert state.read_text() == "active\n"
    assert "# the new unit" not in (place / "etc/systemd/system/edge-emotion.service").read_text()


@pytest.mark.parametrize("fault", ["FAILS", "HANGS"])
def test_a_version_that_waits_for_a_camera_stays(run, newer, place, fault):
    """Nothing ran before, so there is nothing to go back to: it is installed, and says at once what it waits for."""
    done = run(newer, **{fault: "1.1.0", "READY_SECONDS": "1000"})
    assert done.returncode == 0, done.stderr
    assert "camera lost: none found" in done.stderr
    assert current(place).startswith("1.1.0-")


def test_the_start_can_be_left_to_others(run, newer, state):
    """With --no-start the unit is neither enabled nor started."""
    assert run(newer, "--no-start").returncode == 0
    assert not any(line.split(" ")[0] in {"enable", "start", "restart"} for line in calls(state))


@pytest.mark.parametrize(
    ("systemd", "getent", "expected"),
    [("252", "exit 2", set()), ("257", "exit 2", {"backoff.conf"}), ("252", "exit 0", {"pins.conf"})],
)
def test_drop_ins_are_those_that_this_machine_understands(run, newer, place, stubs, systemd, getent, expected):
    """The back-off needs systemd 254; a unit with a group that does not exist is not started."""
    stubs("getent", getent)
    folder = place / "etc/systemd/system/edge-emotion.service.d"
    folder.mkdir(exist_ok=True)
    (folder / "mine.conf").touch()
    assert run(newer, SYSTEMD=systemd).returncode == 0
    assert {path.name for path in folder.iterdir()} == expected | {"mine.conf"}


@pytest.mark.parametrize(
    "sink", ["[page]\nenabled = true\n", '[mqtt]\nhost = "broker"\n', "[metrics]\nenabled = true\n"]
)
def test_the_network_is_open_as_long_as_a_sink_needs_it(run, newer, place, state, sink):
    """The installer, run again after a change of the configuration, opens or closes it, and starts the service anew."""
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
        assert "is built already" in done.stdout
        assert drop_in.exists() is is_open
        restarts += 1
        assert calls(state).count("restart --no-block edge-emotion.service") == restarts
        assert "runs already" in run(installed).stdout


def test_uninstalling_stops_and_disables(run, release, place, state, installed):  # noqa: ARG001
    """Before the unit is taken away; then systemd forgets it."""
    state.write_text("active\n")
    assert run(release(), script="uninstall.sh").returncode == 0
    assert calls(state)[:3] == ["stop edge-emotion.service", "disable edge-emotion.service", "daemon-reload"]
