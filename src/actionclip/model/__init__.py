"""Tensors become embeddings; checkpoints, and the weights of other projects."""
