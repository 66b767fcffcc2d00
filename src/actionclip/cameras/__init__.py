"""Several named sources are watched at once; events become calls, posts and clips."""
