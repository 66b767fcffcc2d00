"""The one inference path from frames and labels to scores, and the cache of what it computes."""
