"""Reads data sets of faces: FER2013's tables and folders of images, as splits of chosen classes."""
