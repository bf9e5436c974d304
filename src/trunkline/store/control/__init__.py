"""I/O. Accounts, keys and sign-ins: SQLAlchemy on SQLite or PostgreSQL."""
