"""The embedded teacher, its training and its weights."""
