"""Work on whole stores, without a gateway: check one, upgrade it, copy it to another database."""

from .check import check_store
from .copy import copy_store
from .upgrade import upgrade_store

__all__ = ["check_store", "copy_store", "upgrade_store"]
