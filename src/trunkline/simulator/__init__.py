"""I/O. A realtime provider that runs here."""
