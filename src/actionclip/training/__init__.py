"""A recipe and a data set become a trained checkpoint."""
