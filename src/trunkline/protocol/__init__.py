"""Pure. What the wire says: events, dialects, profiles, audio formats, prices."""
