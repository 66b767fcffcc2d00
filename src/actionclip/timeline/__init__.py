"""Timelines: the frame features of a long video or a live stream become moments."""
