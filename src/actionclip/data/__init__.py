"""Any folder, list or benchmark becomes clips and labels."""
