"""A video file or stream becomes RGB frames, decoded in limited processes, and frames a clip."""
