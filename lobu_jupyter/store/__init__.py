"""Rows, guarded: SQLite behind one writer with group commit. No rules of its own."""
