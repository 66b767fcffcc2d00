"""REST and a page over the recognizer: one process, safe by default. Knows no tensors."""
