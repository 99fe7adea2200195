"""Where readings and pictures go."""
