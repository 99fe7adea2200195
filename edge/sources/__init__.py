"""Where frames come from: cameras, video files, image files, drawn scenes."""
