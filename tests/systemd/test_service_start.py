"""The installer enables and starts the service, waits until it is ready, and goes back to what ran before if it fails.

`systemctl` is a small program here that keeps the state of one unit in a file.
"""

import pytest
from roots import current

SYSTEMCTL = r"""
state=$(cat "$STATE" 2>/dev/null)
printf '%s\n' "$*" >>"$STATE.calls"
case $1 in
    --version) echo "systemd ${SYSTEMD:-257}" ;;
    is-active) [ "$state" = active ] ;;
    show) echo "no camera yet" ;;
    stop) echo inactive >"$STATE" ;;
    start | restart)
        version=$(basename "$(readlink "$DESTDIR/opt/edge-emotion/current")")
        case $version in
            $FAILS-*) echo failed >"$STATE"; echo "Job for edge-emotion.service failed." >&2; exit 1 ;;
            $HANGS-*) exec sleep 100 ;;
            *) echo active >"$STATE" ;;
        esac ;;
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

    def call(folder, *options, FAILS="none", HANGS="none", **variables):  # noqa: N803  # the program's variables
        return install(
            folder, *options, SYSTEMCTL=str(systemctl), STATE=str(state), FAILS=FAILS, HANGS=HANGS, READY_SECONDS="2",
            **variables,
        )  # fmt: skip

    return call


def calls(state):
    return state.with_suffix(".calls").read_text().split("\n") if state.with_suffix(".calls").exists() else []


def test_a_first_installation_enables_and_starts(run, release, place, state, installed):
    """In that order, after systemd has read the unit."""
    (place / "opt/edge-emotion/current").unlink()
    done = run(release())
    assert done.returncode == 0, done.stderr
    said = [line for line in calls(state) if line.partition(" ")[0] in {"daemon-reload", "enable", "restart"}]
    assert said == ["daemon-reload", "enable edge-emotion.service", "restart edge-emotion.service"]
    assert current(place) == installed


def test_an_upgrade_does_not_enable_what_its_owner_disabled(run, newer, state):
    """It only starts the new version."""
    assert run(newer).returncode == 0
    assert "restart edge-emotion.service" in calls(state)
    assert "enable edge-emotion.service" not in calls(state)


def test_the_same_version_is_not_started_again(run, release, state, installed):  # noqa: ARG001
    """A second run of the installer does not interrupt a service that works."""
    state.write_text("active\n")
    done = run(release())
    assert done.returncode == 0, done.stderr
    assert "edge-emotion.service runs already" in done.stdout
    assert not any(line.startswith(("restart", "start")) for line in calls(state))


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
    assert done.stderr.endswith(f" did not become ready: {journal or 'no camera yet'}\n")
    assert f"going back to version {before}" in done.stdout
    assert current(place) == before
    assert state.read_text() == "active\n"
    assert "# the new unit" not in (place / "etc/systemd/system/edge-emotion.service").read_text()


@pytest.mark.parametrize("fault", ["FAILS", "HANGS"])
def test_a_version_that_waits_for_a_camera_stays(run, newer, place, fault):
    """Nothing ran before, so there is nothing to go back to: it is installed, and says what it waits for."""
    done = run(newer, **{fault: "1.1.0"})
    assert done.returncode == 0, done.stderr
    assert "no camera yet" in done.stderr
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


def test_uninstalling_stops_and_disables(run, release, place, state, installed):  # noqa: ARG001
    """Before the unit is taken away; then systemd forgets it."""
    state.write_text("active\n")
    assert run(release(), script="uninstall.sh").returncode == 0
    assert calls(state)[:3] == ["stop edge-emotion.service", "disable edge-emotion.service", "daemon-reload"]
