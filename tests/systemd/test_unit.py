"""The unit is valid for systemd and restricts its process as documented."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.errors import (
    CameraAbsentError,
    CameraError,
    ConfigError,
    EdgeError,
    LogError,
    ModelError,
    SinkError,
    SourceError,
    StuckError,
)
from edge.pipeline.pipeline import CHECK_EVERY_S
from edge.runtime.workers import JOIN_TIMEOUT_S
from edge.settings.instance import parse_instance
from edge.settings.load import read_settings
from edge.sources.reopen import GRACE_S

FOLDER = Path(__file__).parents[2] / "systemd"
DROP_INS = {"network", "pins"}

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed: sudo apt install systemd"
)


@pytest.fixture
def unit(tmp_path):
    """Returns a function that writes the unit with some drop-ins and an existing program."""

    def lay_out(*drop_ins):
        text = (FOLDER / "edge-emotion.service").read_text()
        path = tmp_path / "edge-emotion.service"
        path.write_text(text.replace("/opt/edge-emotion/current/venv/bin/edge-emotion", "/bin/true"))
        for name in drop_ins:
            target = tmp_path / "edge-emotion.service.d" / f"{name}.conf"
            target.parent.mkdir(exist_ok=True)
            shutil.copy(FOLDER / f"edge-emotion-{name}.conf", target)
        return path

    return lay_out


@pytest.fixture
def template(tmp_path):
    """The template with all drop-ins, as one of its instances; systemd-analyze takes no template."""
    for name in sorted(DROP_INS):
        target = tmp_path / "edge-emotion@.service.d" / f"{name}.conf"
        target.parent.mkdir(exist_ok=True)
        shutil.copy(FOLDER / f"edge-emotion-{name}.conf", target)
    text = (FOLDER / "edge-emotion@.service").read_text()
    (tmp_path / "edge-emotion@.service").write_text(
        text.replace("/opt/edge-emotion/current/venv/bin/edge-emotion", "/bin/true")
    )
    return tmp_path / "edge-emotion@front-door.service"


def test_systemd_understands_the_template(template, tmp_path):
    """`systemd-analyze verify` reports nothing about an instance."""
    done = analyze("verify", template, folder=tmp_path)
    assert done.stderr == ""
    assert done.returncode == 0


def test_the_template_differs_only_in_what_belongs_to_the_instance():
    """Whatever protects the one service protects each instance; folders, settings and camera's password are its own."""
    own = {
        "Description": "Apparent facial expressions from the camera %i",
        "ExecStart": "/opt/edge-emotion/current/venv/bin/edge-emotion run --instance %i",
        "StateDirectory": "edge-emotion@%i",
        "LogsDirectory": "edge-emotion@%i",
        "RuntimeDirectory": "edge-emotion@%i",
    }
    expected = [
        (key, own.get(key, value.replace("/etc/edge-emotion/camera-", "/etc/edge-emotion/%i.camera-")))
        for key, value in settings_of("edge-emotion.service")
    ]
    assert settings_of("edge-emotion@.service") == expected


def test_the_program_knows_the_folders_of_the_unit():
    """An instance's status socket, state and log lie in the folders that systemd makes for its unit."""
    folders = {
        key: value.replace("%i", "front-door")
        for key, value in settings_of("edge-emotion@.service")
        if key.endswith("Directory")
    }
    instance = parse_instance("front-door")
    assert instance.unit == "edge-emotion@front-door.service"
    assert str(instance.socket) == f"/run/{folders['RuntimeDirectory']}/status.sock"
    assert str(instance.state) == f"/var/lib/{folders['StateDirectory']}"
    assert str(instance.logs) == f"/var/log/{folders['LogsDirectory']}"
    loaded = [value for key, value in settings_of("edge-emotion@.service") if key == "LoadCredential"]
    (credential,) = [value for value in loaded if value.startswith("camera-credentials:")]
    assert credential.replace("%i", "front-door") == f"camera-credentials:{instance.camera_credentials}"


def analyze(*words, folder):
    return subprocess.run(  # noqa: S603  # the system's own tool
        ["systemd-analyze", *map(str, words)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{folder}:", "SYSTEMD_COLORS": "0"},
    )


def settings_of(name):
    """Return the key and value of each line in a unit file."""
    lines = (FOLDER / name).read_text().splitlines()
    return [line.partition("=")[::2] for line in lines if "=" in line and not line.startswith("#")]


def test_every_drop_in_is_tested():
    """The list of drop-ins in this module is complete."""
    assert {path.stem.removeprefix("edge-emotion-") for path in FOLDER.glob("*.conf")} == DROP_INS


@pytest.mark.parametrize("drop_ins", [(), *((name,) for name in sorted(DROP_INS))], ids=str)
def test_systemd_understands_every_line(unit, tmp_path, drop_ins):
    """`systemd-analyze verify` reports nothing."""
    done = analyze("verify", unit(*drop_ins), folder=tmp_path)
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize(("drop_ins", "most"), [((), 1.5), (("pins",), 1.5), (("network",), 2.5)], ids=str)
def test_the_exposure_level_is_low(unit, tmp_path, drop_ins, most):
    """`systemd-analyze security` rates the unit at most 1.5 of 10, or 2.5 with network access."""
    path = unit(*drop_ins)
    done = analyze("security", "--offline=true", f"--threshold={most * 10:.0f}", path, folder=tmp_path)
    assert done.returncode == 0, done.stdout


EXPOSED = {
    "RootDirectoryOrRootImage",  # it is installed on the machine, not in an image
    "SupplementaryGroups",  # cameras belong to the group video
    "PrivateDevices",  # would hide every camera
    "DeviceAllow",  # cameras
    "RestrictAddressFamilies_AF_NETLINK",  # libcamera learns of devices through it
    "RestrictAddressFamilies_AF_UNIX",  # systemd, journal, status
    "ProcSubset",  # XNNPACK reads /proc/cpuinfo
    "PrivateUsers",  # would take the group video away
    "UMask",  # the log is readable by its group
}
"""The weaknesses that `systemd-analyze security` may report, each with its reason."""


def test_nothing_is_exposed_without_a_reason(unit, tmp_path):
    """The reported weaknesses are exactly the known ones: the rating alone would tolerate several new ones."""
    done = analyze("security", "--offline=true", "--json=short", unit(), folder=tmp_path)
    assert {item["json_field"] for item in json.loads(done.stdout) if item["exposure"]} == EXPOSED


@pytest.mark.parametrize(
    ("promise", "lines"),
    [
        ("ready after the first frame, and ended when frames stop", "Type=notify NotifyAccess=main WatchdogSec=30s"),
        ("neither start nor stop last for ever", "TimeoutStartSec=60s TimeoutStopSec=10s"),
        ("tried again after a failure, soon and without a limit", "Restart=on-failure StartLimitIntervalSec=0"),
        ("it fits a Zero 2 W", "MemoryHigh=224M MemoryMax=288M TasksMax=64 LimitCORE=0 OOMPolicy=stop"),
        ("other users do not read its log", "StateDirectoryMode=0750 LogsDirectoryMode=0750 UMask=0027"),
        ("what is its own", "StateDirectory=edge-emotion LogsDirectory=edge-emotion RuntimeDirectory=edge-emotion"),
        ("no memory shared with others", "PrivateIPC=yes"),
        ("only the devices that are named", "DevicePolicy=closed"),
        ("after the cameras that are there at boot", "After=systemd-udevd.service After=modprobe@videodev.service"),
        ("the first camera may come later", "Wants=modprobe@videodev.service"),
        ("it starts with the machine, and does not hold it up", "WantedBy=multi-user.target After=multi-user.target"),
        ("one thread each", "Environment=OMP_NUM_THREADS=1 Environment=OPENBLAS_NUM_THREADS=1"),
        ("a call that is not allowed is an error, not the end", "SystemCallErrorNumber=EPERM"),
    ],
)
def test_the_unit_has_the_keys_for_each_promise(promise, lines):
    """Each promise needs these keys; the emulated Pi tests their effect."""
    found = {f"{key}={word}" for key, value in settings_of("edge-emotion.service") for word in value.split()}
    assert set(lines.split()) <= found, promise


def test_an_unprotected_unit_exceeds_the_exposure_level(unit, tmp_path):
    """Without its protections the unit fails the rating, which shows that the rating test can fail."""
    path = unit()
    kept = [line for line in path.read_text().splitlines() if not line.startswith(("Protect", "Private", "SystemCall"))]
    path.write_text("\n".join(kept).replace("DynamicUser=yes", "DynamicUser=no"))
    done = analyze("security", "--offline=true", "--threshold=15", path, folder=tmp_path)
    assert done.returncode != 0


def test_the_network_needs_its_drop_in(unit, tmp_path):
    """The unit has no network access without the drop-in, and has it with the drop-in."""
    closed = analyze("security", "--offline=true", unit(), folder=tmp_path).stdout
    opened = analyze("security", "--offline=true", unit("network"), folder=tmp_path).stdout
    words = "✗ RestrictAddressFamilies=~AF_(INET|INET6)"
    assert words not in closed
    assert words in opened


SECONDS = {"": 1, "s": 1, "min": 60}


def seconds_of(name):
    """Return a key of the unit that is a time, s."""
    (text,) = [value for key, value in settings_of("edge-emotion.service") if key == name]
    number, unit = re.fullmatch(r"(\d+)(\D*)", text).groups()
    return int(number) * SECONDS[unit]


def starts_within(seconds, *, run_s):
    """Return how often systemd starts a service that fails `run_s` after each start, as the unit's limits say."""
    interval_s, cycle_s = seconds_of("StartLimitIntervalSec"), run_s + seconds_of("RestartSec")
    limits = [int(value) for key, value in settings_of("edge-emotion.service") if key == "StartLimitBurst"]
    wanted = int(seconds // cycle_s) + 1
    burst = limits[0] if limits else 5  # systemd's default
    return burst if interval_s and interval_s > burst * cycle_s else wanted


@pytest.mark.parametrize("run_s", [0, 1, 5, 20, 60])
def test_a_fault_that_lasts_never_ends_the_restarts(run_s):
    """However soon each process fails, a hang of 15 minutes or a week does not use up systemd's patience."""
    for seconds in (15 * 60, 7 * 86400):
        assert starts_within(seconds, run_s=run_s) >= seconds / (run_s + 10)


def test_the_recovery_from_a_hang_takes_less_than_twenty_seconds():
    """A hang that only a new process can end: noticed twice, ended, restarted, and opened again by the new process."""
    source = read_settings(FOLDER / "edge.toml").source
    noticed_s = source.stall_timeout_s + GRACE_S + CHECK_EVERY_S
    assert noticed_s <= 5.0
    start_s = 4.0  # until the first frame; on the emulated Pi, which is slower than any, it is measured
    assert 2 * noticed_s + JOIN_TIMEOUT_S + seconds_of("RestartSec") + start_s < 20
    assert source.open_timeout_s + noticed_s + JOIN_TIMEOUT_S + seconds_of("RestartSec") + start_s < 22


def test_only_errors_of_the_configuration_are_not_retried():
    """Invalid settings (2) and models (4) end the service for good; all else, such as a camera (3), is tried again."""
    (codes,) = [value for key, value in settings_of("edge-emotion.service") if key == "RestartPreventExitStatus"]
    prevented = {int(code) for code in codes.split()}
    assert prevented == {ConfigError.exit_code, ModelError.exit_code}
    errors = [SourceError, CameraError, CameraAbsentError, SinkError, LogError, StuckError, EdgeError]
    assert prevented.isdisjoint(error.exit_code for error in errors)


@pytest.mark.parametrize("name", ["web-token", "mqtt-password", "mqtt-key", "camera-credentials"])
def test_secrets_are_credentials(name):
    """Each secret reaches the service as a systemd credential, an empty one if its file does not exist."""
    settings = settings_of("edge-emotion.service")
    assert ("LoadCredential", f"{name}:/etc/edge-emotion/{name}") in settings
    assert ("SetCredential", rf"{name}:\n") in settings


def test_device_classes_are_those_of_the_kernel():
    """DeviceAllow uses the names in /proc/devices, which differ from those in /dev: spidev's driver is called spi."""
    allowed = [
        value.split()
        for name in ("edge-emotion.service", "edge-emotion-pins.conf")
        for key, value in settings_of(name)
        if key == "DeviceAllow"
    ]
    camera = {"char-video4linux", "char-media", "char-dma_heap", "char-vcio"}
    assert {name for name, _ in allowed} == camera | {"char-gpiochip", "char-i2c", "char-spi", "char-fb"}
    assert {rights for _, rights in allowed} == {"rw"}


def test_the_unit_needs_only_groups_of_debian():
    """The unit names the group video only: a unit with a missing group does not start."""
    groups = [value for key, value in settings_of("edge-emotion.service") if key == "SupplementaryGroups"]
    assert groups == ["video"]


def test_the_installed_configuration_suits_the_unit():
    """It waits for a camera, survives a full disk, and logs to the unit's log directory."""
    settings = read_settings(FOLDER / "edge.toml")
    assert settings.source.reopen
    assert settings.log.on_error == "retry"
    (logs,) = [value for key, value in settings_of("edge-emotion.service") if key == "LogsDirectory"]
    assert settings.log.path == f"/var/log/{logs}/readings.jsonl"
