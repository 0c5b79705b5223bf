"""The WORLD codec: fitted on the training split, no weights to fetch."""
