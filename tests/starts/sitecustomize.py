"""Imported by each Python of the tests at its start (tests/starts/__init__.py)."""

import sys

sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
