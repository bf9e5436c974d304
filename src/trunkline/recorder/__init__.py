"""I/O. Journal in, facts and recordings out."""
