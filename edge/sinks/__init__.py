"""Where readings go: the JSON-lines log, the console."""
