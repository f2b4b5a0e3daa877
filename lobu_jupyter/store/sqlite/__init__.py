"""The store in one SQLite file, on a local disk of one machine."""

from .engine import open_engine
from .opening import find_version

__all__ = ["find_version", "open_engine"]
