"""I/O. One call: admitted, dialled, relayed frame by frame, journalled."""
