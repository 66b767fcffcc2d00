"""A file becomes a clip: uint8 frames in, RGB, at the times that were asked for. Knows no model, no text."""
