"""An annotated copy of a video, and the drawing of annotations, which the window uses as well."""
