"""The alerts are valid, come when they should, and ask for figures that there are."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"
ALERTS, CASES = DOCS / "alerts.yml", Path(__file__).with_name("alerts.yml")


@pytest.mark.parametrize(("what", "path"), [("check", ALERTS), ("test", CASES)])
def test_promtool_is_content(what, path):
    """Valid rules; quiet while all is well; each one comes, with its words, when what it is for has lasted."""
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool is not installed: make setup-system")
    checked = subprocess.run(  # noqa: S603  # Prometheus' own tool
        [promtool, what, "rules", path], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_each_alert_has_its_case():
    """One without would never have been seen."""
    names = re.findall(r"- alert: (\w+)", ALERTS.read_text())
    assert names
    assert set(names) == set(re.findall(r'alertname="(\w+)"', CASES.read_text()))


def test_alerts_ask_for_figures_that_there_are():
    """A name that is misspelt would never be above anything."""
    there = set(re.findall(r"^\| `(edge_emotion_\w+)`", (DOCS / "metrics.md").read_text(), flags=re.MULTILINE))
    asked = {name.removesuffix("_bucket") for name in re.findall(r"\b(edge_emotion_\w+)", ALERTS.read_text())}
    assert asked
    assert asked <= there
