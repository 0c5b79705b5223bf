"""Speech as discrete tokens and back: one folder per codec."""
