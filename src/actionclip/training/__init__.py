"""A recipe and a data set become a trained checkpoint. Knows no surface and no protocol."""
