"""dubber: automated video dubbing by discrete flow matching (DiFlowDubber)."""

__version__ = "0.1.0"
