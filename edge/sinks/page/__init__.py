"""The live page: video with predictions, time lines and status for a browser."""
