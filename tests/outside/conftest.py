"""Opt-in: `make test-agents` installs the agents (some 2 GB) and sets OUTSIDE_AGENTS."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("OUTSIDE_AGENTS") else ["test_*.py"]
