"""The unit is one that systemd understands, and gives its process little that it could do harm with."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.config import read_settings

FOLDER = Path(__file__).parents[2] / "systemd"
DROP_INS = {"backoff", "network", "pins"}
SINCE_254 = ["'RestartSteps' in section", "'RestartMaxDelaySec' in section"]
"""Which keys an older systemd does not know: those of the back-off, which is installed for newer ones only."""

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed: sudo apt install systemd"
)


@pytest.fixture
def unit(tmp_path):
    """Return a function that lays out the unit with drop-ins, and with a program that is there."""

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


def analyze(*words, folder):
    return subprocess.run(  # noqa: S603  # the system's own tool
        ["systemd-analyze", *map(str, words)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{folder}:", "SYSTEMD_COLORS": "0"},
    )


def settings_of(name):
    """Key and value of each line, as the file has them."""
    lines = (FOLDER / name).read_text().splitlines()
    return [line.partition("=")[::2] for line in lines if "=" in line and not line.startswith("#")]


def test_every_drop_in_is_in_the_table():
    """A new one is verified and rated with the others."""
    assert {path.stem.removeprefix("edge-emotion-") for path in FOLDER.glob("*.conf")} == DROP_INS


@pytest.mark.parametrize("drop_ins", [(), *((name,) for name in sorted(DROP_INS))], ids=str)
def test_systemd_understands_every_line(unit, tmp_path, drop_ins):
    """`systemd-analyze verify` has nothing to say; an older one not of the lines meant for newer ones either."""
    done = analyze("verify", unit(*drop_ins), folder=tmp_path)
    said = [line for line in done.stderr.splitlines() if not any(words in line for words in SINCE_254)]
    assert said == []
    assert done.returncode == 0


@pytest.mark.parametrize(("drop_ins", "most"), [((), 1.5), (("pins",), 1.5), (("network",), 2.5)], ids=str)
def test_its_exposure_has_a_limit(unit, tmp_path, drop_ins, most):
    """0 is safe, 10 is anything goes: at most 1.5 without network, 2.5 with."""
    path = unit(*drop_ins)
    done = analyze("security", "--offline=true", f"--threshold={most * 10:.0f}", path, folder=tmp_path)
    assert done.returncode == 0, done.stdout


EXPOSED = {
    "RootDirectoryOrRootImage",  # it is installed on the machine, not in an image
    "SupplementaryGroups",  # cameras belong to the group video
    "PrivateDevices",  # would hide every camera
    "DeviceAllow",  # for the same reason
    "RestrictAddressFamilies_AF_NETLINK",  # libcamera hears of devices by it
    "RestrictAddressFamilies_AF_UNIX",  # systemd, journal, status
    "ProcSubset",  # XNNPACK reads /proc/cpuinfo
    "PrivateUsers",  # would take the group video away
    "UMask",  # the log's group may read it
}
"""What systemd's analysis may find, and why it has to be so."""


def test_nothing_is_exposed_without_a_reason(unit, tmp_path):
    """The figure alone would let several protections go before it is over its limit."""
    done = analyze("security", "--offline=true", "--json=short", unit(), folder=tmp_path)
    assert {item["json_field"] for item in json.loads(done.stdout) if item["exposure"]} == EXPOSED


@pytest.mark.parametrize(
    ("promise", "lines"),
    [
        ("ready after the first frame, and ended when frames stop", "Type=notify NotifyAccess=main WatchdogSec=30s"),
        ("neither start nor stop last for ever", "TimeoutStartSec=60s TimeoutStopSec=10s"),
        ("tried again after a failure, later, not for ever", "Restart=on-failure RestartSec=5s StartLimitBurst=5"),
        ("failures are counted for longer than five tries take", "StartLimitIntervalSec=10min"),
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
def test_what_the_unit_asks_of_systemd(promise, lines):
    """Each promise rests on these lines; what they do is seen in the emulated Pi."""
    found = {f"{key}={word}" for key, value in settings_of("edge-emotion.service") for word in value.split()}
    assert set(lines.split()) <= found, promise


def test_the_limit_is_one(unit, tmp_path):
    """A unit with its protections taken out is over it: the tool was asked the right question."""
    path = unit()
    kept = [line for line in path.read_text().splitlines() if not line.startswith(("Protect", "Private", "SystemCall"))]
    path.write_text("\n".join(kept).replace("DynamicUser=yes", "DynamicUser=no"))
    done = analyze("security", "--offline=true", "--threshold=15", path, folder=tmp_path)
    assert done.returncode != 0


def test_the_network_is_closed_unless_its_drop_in_is_there(unit, tmp_path):
    """And the drop-in opens it."""
    closed = analyze("security", "--offline=true", unit(), folder=tmp_path).stdout
    opened = analyze("security", "--offline=true", unit("network"), folder=tmp_path).stdout
    words = "✗ RestrictAddressFamilies=~AF_(INET|INET6)"
    assert words not in closed
    assert words in opened


def test_faults_that_do_not_mend_themselves_are_not_tried_again():
    """The exit codes of a wrong configuration and a wrong model."""
    assert ("RestartPreventExitStatus", "2 4") in settings_of("edge-emotion.service")


@pytest.mark.parametrize("name", ["web-token", "mqtt-password", "mqtt-key"])
def test_secrets_reach_the_service_alone(name):
    """They are handed over by systemd, and a machine without one still has a service: the line has a default, too."""
    settings = settings_of("edge-emotion.service")
    assert ("LoadCredential", f"{name}:/etc/edge-emotion/{name}") in settings
    assert ("SetCredential", rf"{name}:\n") in settings


def test_device_classes_are_those_of_the_kernel():
    """As /proc/devices names them, which is not always as the files in /dev are called: spidev's driver says spi."""
    allowed = [
        value.split()
        for name in ("edge-emotion.service", "edge-emotion-pins.conf")
        for key, value in settings_of(name)
        if key == "DeviceAllow"
    ]
    camera = {"char-video4linux", "char-media", "char-dma_heap", "char-vcio"}
    assert {name for name, _ in allowed} == camera | {"char-gpiochip", "char-i2c", "char-spi", "char-fb"}
    assert {rights for _, rights in allowed} == {"rw"}


def test_no_group_is_asked_for_that_debian_lacks():
    """A unit with a missing group is not started: only the drop-in for pins asks for those of Raspberry Pi OS."""
    groups = [value for key, value in settings_of("edge-emotion.service") if key == "SupplementaryGroups"]
    assert groups == ["video"]


def test_the_configuration_that_is_installed_is_that_of_a_service():
    """It can be read, waits for its camera, outlives a full disk, and logs where the unit lets it."""
    settings = read_settings(FOLDER / "edge.toml")
    assert settings.source.reopen
    assert settings.log.on_error == "retry"
    (logs,) = [value for key, value in settings_of("edge-emotion.service") if key == "LogsDirectory"]
    assert settings.log.path == f"/var/log/{logs}/readings.jsonl"
