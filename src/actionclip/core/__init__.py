"""The one way from frames and labels to embeddings and scores, and the cache of what it computes.

`encode` runs the vision tower, `labels` the text tower, `cache` and `store` keep their results on
disk. Knows no data sets and no timelines.
"""
