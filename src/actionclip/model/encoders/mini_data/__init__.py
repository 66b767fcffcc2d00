"""`mini` in the layout of `transformers`; benchmarks/small_clip.py made it."""
