"""The corpus that is made here: rendered faces and synthetic voices."""
