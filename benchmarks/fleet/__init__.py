"""Measures many simulated devices at one MQTT broker: losses, delays, and the broker's CPU and memory."""
