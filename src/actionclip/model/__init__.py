"""Tensors become embeddings. Knows no files but checkpoints, no seconds."""
