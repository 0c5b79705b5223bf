"""Phone times of a text in its recording, and durations in tokens."""
