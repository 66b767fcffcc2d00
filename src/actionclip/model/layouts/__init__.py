"""Weights in the layouts of others become contents of our checkpoints. Knows no network."""
