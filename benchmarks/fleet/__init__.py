"""Many devices at one broker: what arrives, how late, and what the broker needs for it."""
