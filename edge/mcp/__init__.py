"""Tells AI assistants what the running service sees, over the Model Context Protocol (MCP)."""
