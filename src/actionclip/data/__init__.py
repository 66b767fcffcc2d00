"""Any folder, list or benchmark becomes clips and labels. Knows no recognizer, no training."""
