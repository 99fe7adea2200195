"""A window with the annotated video."""
