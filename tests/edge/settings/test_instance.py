"""Services for several cameras of one machine do not get in each other's way."""

from pathlib import Path

import pytest

from edge.cli.main import _run_settings as run_settings
from edge.cli.main import main
from edge.cli.parser import new_parser
from edge.doctor import service
from edge.doctor.check import Context
from edge.errors import ConfigError
from edge.settings.instance import Instance, for_instance, parse_instance
from edge.settings.load import make_settings
from edge.settings.schema import Settings

INSTALLED = {"log": {"path": "/var/log/edge-emotion/readings.jsonl"}, "mqtt": {"host": "broker"}}


@pytest.fixture(autouse=True)
def _board(monkeypatch):
    monkeypatch.setattr("edge.device.info.find_device_id", lambda: "pi-1234")


def test_copied_settings_collide_in_nothing():
    """Log, ports and MQTT device of two instances with the same settings differ, also from the plain service's."""
    settings = make_settings(INSTALLED)
    each = [settings, *(for_instance(settings, parse_instance(name)) for name in ("front", "back"))]
    assert len({one.log.path for one in each}) == 3
    assert len({one.page.port for one in each} | {one.metrics.port for one in each}) == 6
    assert [one.mqtt.device_id for one in each] == ["", "pi-1234-front", "pi-1234-back"]
    assert each[1].log.path == "/var/log/edge-emotion@front/readings.jsonl"
    assert each[1] == for_instance(settings, parse_instance("front"))


def test_what_the_settings_say_stays():
    """Ports, device id and a log elsewhere that somebody has chosen are not replaced."""
    chosen = make_settings(
        {
            "log": {"path": "/srv/door.jsonl"},
            "page": {"port": 80},
            "metrics": {"port": 81},
            "mqtt": {"host": "b", "device_id": "door"},
        }
    )
    assert for_instance(chosen, parse_instance("door")) == chosen
    assert for_instance(Settings(), Instance()) == Settings()


@pytest.mark.parametrize("name", ["", "a/b", "..", "-x", "a b", "ä", "x" * 33, "edge"])
def test_a_name_that_cannot_be_used_is_refused(name):
    """A path, a name that MQTT or systemd would not take, and that of the service's own settings."""
    with pytest.raises(ConfigError, match="--instance: expected"):
        parse_instance(name)


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["run", "--instance", "door"], 2, "/etc/edge-emotion/door.toml: expected a readable TOML file"),
        (["status", "--instance", "door"], 3, "expected a running service at /run/edge-emotion@door/status.sock"),
        (["status", "--instance", "a/b"], 2, "--instance: expected 1 to 32 letters"),
    ],
    ids=["run", "status", "wrong name"],
)
def test_commands_look_for_the_instance(caplog, words, code, text):
    """Each names the instance's own file or socket."""
    assert main(words) == code
    assert text in caplog.text


@pytest.fixture
def door(monkeypatch, tmp_path):
    """Settings of the instance `door` in a folder that stands for /etc/edge-emotion."""
    monkeypatch.setattr("edge.settings.instance.INSTALLED_CONFIG", tmp_path / "edge.toml")
    (tmp_path / "edge.toml").write_text("[detect]\nmin_face_px = 40\n")
    (tmp_path / "door.toml").write_text('[log]\npath = "/var/log/edge-emotion/a.jsonl"\n[detect]\nmin_face_px = 50\n')
    return tmp_path


@pytest.mark.usefixtures("door")
def test_a_run_uses_the_settings_of_the_instance():
    """`run --instance` reads the instance's file, adapts it, and applies further options over it."""
    settings = run_settings(new_parser().parse_args(["run", "--instance", "door", "--source", "scene:one"]))
    assert settings.detect.min_face_px == 50
    assert settings.log.path == "/var/log/edge-emotion@door/a.jsonl"
    assert settings.source.use == "scene:one"


def test_the_doctor_checks_what_the_instance_uses(door):
    """`doctor --instance` checks the same settings; one without any fails, with the command that makes them."""
    (check,) = service.SETTINGS_CHECKS
    context = Context(instance=Instance("door"), root=Path("/"))
    assert context.settings.log.path == "/var/log/edge-emotion@door/a.jsonl"
    assert f"{door}/door.toml: profile" in check.run(context).text
    missing = check.run(Context(instance=Instance("gate"), root=Path("/")))
    assert (missing.status, missing.remedy) == ("failed", f"sudo cp /etc/edge-emotion/edge.toml {door}/gate.toml")
