"""I/O. What happened, durably: the gateway appends, the recorder tails."""
