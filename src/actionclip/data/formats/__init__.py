"""Each way in which data sets are written down becomes examples: one file a way. Opens no video."""
