"""The live page: what the camera sees and what is said of it, for a browser."""
