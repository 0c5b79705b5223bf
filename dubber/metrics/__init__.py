"""Metrics, one file per table column or group of columns."""
