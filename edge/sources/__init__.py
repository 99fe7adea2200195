"""Where frames come from: cameras, video files, pictures."""
