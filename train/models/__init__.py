"""The architectures, one a file, chosen by the file's name."""
