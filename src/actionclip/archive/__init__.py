"""Videos become rows of an archive; words or examples become the moments that they describe."""
