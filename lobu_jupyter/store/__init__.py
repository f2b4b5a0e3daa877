"""The store of rows: SQLite behind one writer with group commit. It has no rules of its own."""
