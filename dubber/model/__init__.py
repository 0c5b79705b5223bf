"""The paper's modules."""
