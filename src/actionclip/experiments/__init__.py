"""Experiments: the tables and the figure of the paper, trained and measured anew on any data."""
