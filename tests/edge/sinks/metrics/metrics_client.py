"""Reads what a metrics endpoint serves, and the status that it serves in the tests."""

import re
import urllib.request
from pathlib import Path

import msgspec
from samples import HEALTHY

from edge.model.bundled import BUNDLED_MODEL
from edge.model.manifest import read_manifest
from edge.status import SinkStatus

DOCUMENT = Path(__file__).parents[4] / "docs" / "metrics.md"

MODEL = read_manifest(BUNDLED_MODEL.with_suffix(".json"))

STATUS = msgspec.structs.replace(
    HEALTHY,
    reopens=3,
    stalls=4,
    log_dropped=7,
    log_bytes=123456,
    log_flushes=89,
    throttled=["throttled", "under-voltage since boot"],
    sinks=[
        SinkStatus(name="mqtt", error="the broker is away", dropped=11, faults=6, stored=42, lost=3),
        SinkStatus(name="metrics"),
    ],
)


def port_of(endpoint):
    return int(re.fullmatch(r"http://127\.0\.0\.1:(\d+)/metrics", endpoint.note)[1])


def text_of(endpoint):
    with urllib.request.urlopen(endpoint.note, timeout=60) as response:  # noqa: S310  # an http:// URL of this machine
        return response.read().decode()


def samples_of(endpoint):
    """Return the samples as Prometheus parses them: name and labels to value."""
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415  # an optional package

    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text_of(endpoint))
        for sample in family.samples
    }
