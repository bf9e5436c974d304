"""Pure. What goes on now: the contract of the recorder, which knows, and the web, which shows."""
