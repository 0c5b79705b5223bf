"""Training: losses, batches, the loop, checkpoints, several processes."""
