"""The store in one SQLite file, on a local disk of one machine."""

from .engine import open_engine

__all__ = ["open_engine"]
