"""For how long tests wait for what must come."""

PATIENCE_S = 100.0
"""However busy the machine is, nothing takes as long: what does, hangs."""
PATIENCE_MS = PATIENCE_S * 1000
