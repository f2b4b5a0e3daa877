"""The store in PostgreSQL, for several servers. It needs the extra ``lobu_jupyter[postgres]``."""
