"""The `report` command: what a log says, as a page, pictures, text or a table."""
