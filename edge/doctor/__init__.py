"""The `doctor` command: checks whether the service would run on this machine, and says how to fix what is wrong."""
