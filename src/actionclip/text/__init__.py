"""Labels, label files and templates become prompts."""
