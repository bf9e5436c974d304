"""Trunkline carries, records and shows realtime voice calls."""

__version__ = "0.1.0"
