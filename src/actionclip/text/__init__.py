"""A label becomes prompts. Knows no model, no video."""
