"""I/O. Facts about calls: ClickHouse SQL, embedded or on a server."""
