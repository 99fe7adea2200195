"""A window on the desktop with the annotated video."""
