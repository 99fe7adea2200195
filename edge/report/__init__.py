"""The `report` command: summarizes logs as an HTML page, text or CSV."""
