"""Evaluation: a model and a data set become numbers with intervals, and reports of them."""
