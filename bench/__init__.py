"""Measures what Trunkline costs, beside what others cost. See README.md."""
