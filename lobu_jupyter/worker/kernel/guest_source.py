"""The code that a request to the kernel carries: one expression that leaves no name behind.

The guest's modules are sent as source and kept in ``sys.modules`` under a name with their hash, so
that they are loaded once per kernel process, in any environment, and match this worker.
"""

from __future__ import annotations

import functools
import hashlib
from importlib.resources import files

_MODULES = ("frames", "looks", "throttle", "guest")
_LOAD = """
import sys, types
package = types.ModuleType(name)
package.__path__ = []
sys.modules[name] = package
for part, source in sources:
    module = types.ModuleType(name + "." + part)
    module.__package__ = name
    sys.modules[module.__name__] = module
    exec(compile(source, "<lobu " + part + ">", "exec"), module.__dict__)
    setattr(package, part, module)
"""


def request_code(request_id: str, text: str) -> str:
    """Return the code to execute, silently, on the main shell."""
    return f"await {_guest()}.serve(get_ipython(), {request_id!r}, {text!r})"


def result_code(request_id: str) -> str:
    """Return the user expression that shows the result."""
    return f"{_loaded()}.guest.take({request_id!r})"


def _loaded() -> str:
    return f"__import__('sys').modules[{_package()[0]!r}]"


def _guest() -> str:
    name, sources = _package()
    load = f"__import__('builtins').exec({_LOAD!r}, {{'name': {name!r}, 'sources': {sources!r}}})"
    return f"({name!r} in __import__('sys').modules or {load}, {_loaded()}.guest)[1]"


@functools.cache
def _package() -> tuple[str, list[tuple[str, str]]]:
    folder = files("lobu_jupyter").joinpath("notebook", "guest")
    sources = [(part, folder.joinpath(f"{part}.py").read_text("utf-8")) for part in _MODULES]
    digest = hashlib.sha256(repr(sources).encode()).hexdigest()
    return f"_lobu_guest_{digest[:12]}", sources
