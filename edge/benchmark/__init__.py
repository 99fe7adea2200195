"""Measures this device: how many frames, how soon, at what cost."""
