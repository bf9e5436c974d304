"""I/O. Who asks: the JSON API and the dashboard."""
