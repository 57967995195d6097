"""Running requests: preparing, walking, saving with metadata, and replaying."""
