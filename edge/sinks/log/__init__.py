"""The log of readings: JSON lines in a file that is rotated, compressed and pruned."""
