"""Prometheus, as docs/metrics.md configures it, answers the queries of the dashboard and the alerts."""

import json
import math
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import msgspec
import pytest

pytest.importorskip("prometheus_client", reason="prometheus_client is not installed")
pytest.importorskip("waitress", reason="waitress is not installed")

from metrics_client import DOCUMENT, STATUS, port_of
from ports import free_port
from waiting import wait_for

PROMETHEUS = shutil.which("prometheus")


@pytest.fixture
def ask_prometheus(endpoint, tmp_path):
    """Run Prometheus as docs/metrics.md shows, for this endpoint; yield a function that returns an API's data."""
    if PROMETHEUS is None:
        pytest.skip("prometheus is not installed: make setup-system")
    (documented,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert "127.0.0.1:9464" in documented
    shutil.copy(DOCUMENT.with_name("alerts.yml"), tmp_path)
    config, port = tmp_path / "prometheus.yml", free_port()
    documented = documented.replace("9464", str(port_of(endpoint)))
    config.write_text(f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n{documented}")
    options = [f"--config.file={config}", f"--storage.tsdb.path={tmp_path}", f"--web.listen-address=127.0.0.1:{port}"]

    def ask(path, **query):
        url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=60) as response:
                return json.load(response)["data"]
        except urllib.error.URLError:  # it has not started yet
            return {"result": []}

    with subprocess.Popen([PROMETHEUS, *options], stderr=subprocess.DEVNULL) as program:  # noqa: S603  # a fixed program
        try:
            yield ask
        finally:
            program.terminate()


@pytest.mark.slow
def test_prometheus_answers_each_query_of_the_dashboard(ask_prometheus, counters, run_status):
    """No panel is empty or has no number while the device works, and every alert's rule can be computed."""
    run_status.value = msgspec.structs.replace(STATUS, temperature_c=51.5)
    dashboard = json.loads(DOCUMENT.with_name("grafana-dashboard.json").read_text())
    panels = {target["expr"]: panel["title"] for panel in dashboard["panels"] for target in panel.get("targets", [])}

    def without_data():
        counters.emotions.update(["happy"])
        counters.latency.add(0.01)
        values = {
            title: ask_prometheus("query", query=expr.replace("$__rate_interval", "1m").replace("$device", ".+"))
            for expr, title in panels.items()
        }
        return [
            title
            for title, data in values.items()
            if not data["result"] or any(math.isnan(float(sample["value"][1])) for sample in data["result"])
        ]

    wait_for(lambda: not without_data())
    wait_for(lambda: all(rule["health"] == "ok" for rule in rules(ask_prometheus)))
    assert len(rules(ask_prometheus)) == DOCUMENT.with_name("alerts.yml").read_text().count("- alert: ")


@pytest.mark.slow
def test_prometheus_has_no_faces_of_a_lost_camera(ask_prometheus, run_status):
    """The series ends with the camera, in graphs and in sums, and the alert is pending."""
    wait_for(lambda: ask_prometheus("query", query="edge_emotion_faces")["result"])
    run_status.value = msgspec.structs.replace(STATUS, state="camera lost", faces=None, fps=0.0)
    wait_for(lambda: not ask_prometheus("query", query="edge_emotion_faces")["result"])
    assert ask_prometheus("query", query="sum(edge_emotion_faces)")["result"] == []
    pending = 'ALERTS{alertname="EdgeEmotionCameraLost", alertstate="pending"}'
    wait_for(lambda: ask_prometheus("query", query=pending)["result"])


def rules(ask):
    """Return the rules that Prometheus has loaded."""
    return [rule for group in ask("rules")["groups"] for rule in group["rules"]]
