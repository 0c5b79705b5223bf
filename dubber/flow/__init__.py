"""Discrete flow matching: the path and its samplers."""
