"""A file becomes a clip: RGB frames, at the places that were asked for. No model, no text."""
