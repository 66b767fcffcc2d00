"""Motions against sentences: how the body encoder of `lite` was trained, and how good it is."""
