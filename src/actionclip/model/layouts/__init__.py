"""The weight files of other projects become checkpoints."""
