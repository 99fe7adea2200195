"""A small display: what stands on it, and the device."""
