"""Experiments: the tables and figures of the paper, trained and measured anew."""
