"""The metrics sink: a Prometheus endpoint."""
