"""A small display: which screen it shows, how that is drawn, and the drivers that show it."""
