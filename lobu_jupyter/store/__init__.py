"""The store of rows, in SQLite or PostgreSQL. It has no rules of its own."""
