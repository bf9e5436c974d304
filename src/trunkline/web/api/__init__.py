"""I/O. The JSON API."""
