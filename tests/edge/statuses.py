"""A status for tests to begin with: `msgspec.structs.replace` changes what a test is about."""

from edge.status import Status

HEALTHY = Status(
    version="1.2.3",
    pid=4711,
    state="running",
    since="2026-11-20T12:00:00Z",
    uptime_s=7384.0,
    source="/dev/video0",
    frames=1234,
    fps=29.8,
    latency_ms_p50=3.41,
    latency_ms_p95=8.99,
    faces=2,
    dropped=5,
    undelivered=0,
    reopens=1,
    log="/var/log/edge-emotion/readings.jsonl",
    log_dropped=0,
    temperature_c=61.5,
    throttled=[],
    core_v=0.85,
)
