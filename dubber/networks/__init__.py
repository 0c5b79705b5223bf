"""Networks that others trained: read and run here, never trained."""
