"""The `bench` command: measures the pipeline on this device."""
