"""The report of `%lobu doctor`: what works, what does not, and why. It names keys, never their values."""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING

import lobu_jupyter
from lobu_jupyter.client.findings import agents_of, told, versions_of
from lobu_jupyter.model.errors import LobuError, StoreUnavailable
from lobu_jupyter.notebook.output.tables import Table

from . import session
from .errors import NoGateway

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .session import Session

_PACKAGES = ("ipykernel", "ipython", "jupyter_server", "jupyterlab", "pydantic-ai-slim")
_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY", "OLLAMA_BASE_URL")

NOT_TOLD_YET = (
    "assistant, demo and script, and what else is installed; a worker tells when the first run starts it"
)
NO_MODEL = (
    "none: the server has no key. Set OPENAI_API_KEY, ANTHROPIC_API_KEY or GOOGLE_API_KEY where the Jupyter "
    "server starts, or LobuApp.default_model"
)


def doctor() -> Table:
    """Return a table of the findings."""
    return Table(("what", "how it is"), list(_findings()))


def _findings() -> Iterator[tuple[str, str]]:
    yield "python", f"{platform.python_version()}, {sys.executable}"
    yield "versions", f"lobu_jupyter {lobu_jupyter.__version__}, {versions_of(_PACKAGES)}"
    here = [name for name in _KEYS if os.environ.get(name)]
    yield (
        "keys in this kernel",
        f"{', '.join(here)} (not used: keys belong to the server)" if here else "none, as it should be",
    )
    try:
        link = session.reaching()
    except StoreUnavailable as error:
        yield "store", f"cannot be used; all else of Jupyter works: {error}"
        return
    except (NoGateway, LobuError) as error:
        yield "gateway", f"not found: {error}"
        return
    yield "gateway", f"{link.found.url} ({link.found.how})"
    yield "kernel", link.kernel_id or "none: this Python is no Jupyter kernel"
    yield from _health(link)
    if link.gateway is not None:
        yield "log of the gateway", link.gateway.log_tail()[-1000:].strip() or "empty"


def _health(link: Session) -> Iterator[tuple[str, str]]:
    try:
        health = link.client.health()
        agents = link.client.workers.agents()
    except LobuError as error:
        yield "server", f"{error} [{error.code}]"
        return
    for name, value in health.items():
        yield name, told(value)
    yield "agents", agents_of(agents) or NOT_TOLD_YET
    if agents:
        yield "model", next((str(a["model"]) for a in agents if a.get("model")), NO_MODEL)
