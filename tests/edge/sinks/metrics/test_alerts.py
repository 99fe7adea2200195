"""The alerting rules are valid, fire when they should, and query metrics that exist."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[4] / "docs"
ALERTS, CASES = DOCS / "alerts.yml", Path(__file__).with_name("alerts.yml")


@pytest.mark.slow
@pytest.mark.parametrize(("command", "path"), [("check", ALERTS), ("test", CASES)])
def test_promtool_accepts_the_rules_and_their_cases(command, path):
    """Nothing fires while all is well; each alert fires, with its text, after its cause has lasted."""
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool is not installed: make setup-system")
    checked = subprocess.run(  # noqa: S603  # a fixed program
        [promtool, command, "rules", path], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_each_alert_has_a_case():
    """An alert without one might never fire."""
    names = re.findall(r"- alert: (\w+)", ALERTS.read_text())
    assert names
    assert set(names) == set(re.findall(r'alertname="(\w+)"', CASES.read_text()))


def test_alerts_query_documented_metrics_only():
    """An alert with a misspelt name would never fire."""
    documented = set(re.findall(r"^\| `(edge_emotion_\w+)`", (DOCS / "metrics.md").read_text(), flags=re.MULTILINE))
    queried = {name.removesuffix("_bucket") for name in re.findall(r"\b(edge_emotion_\w+)", ALERTS.read_text())}
    assert queried
    assert queried <= documented
