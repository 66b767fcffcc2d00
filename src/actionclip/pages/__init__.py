"""HTML pages of predictions, timelines and evaluations, each one file that loads nothing else."""
