"""Training: objectives, data, the loop, and runs in folders."""
