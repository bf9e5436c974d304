"""I/O. What can be asked: accounts, facts, recordings."""
