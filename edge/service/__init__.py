"""A run as a systemd service: health, notifications, journal and status socket."""
