"""Environment variables that a program inherits: one list for all programs of agents.

An outside agent, its terminals, the command of `lobu exec` and an MCP server get the variables that a program
needs on its system (:data:`PASSED`) and those that the configuration names for them. A person's credential is
never among them, because its holder decides as the person.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PASSED = frozenset(
    [
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "PWD",
        "LANG",
        "LANGUAGE",
        "TZ",
        "TERM",
        "COLORTERM",
        "NO_COLOR",
        "COLUMNS",
        "LINES",
        "TMPDIR",
        "TMP",
        "TEMP",
        "HOSTNAME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_CACHE_HOME",
        "XDG_STATE_HOME",
        "XDG_RUNTIME_DIR",
        "XDG_CONFIG_DIRS",
        "XDG_DATA_DIRS",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "CONDA_DEFAULT_ENV",
        "CONDA_EXE",
        "CONDA_PYTHON_EXE",
        "CONDA_SHLVL",
        "PIXI_PROJECT_ROOT",
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONUNBUFFERED",
        "PYTHONUTF8",
        "PYTHONIOENCODING",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
        "NODE_PATH",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "NODE_EXTRA_CA_CERTS",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "FTP_PROXY",
        "NO_PROXY",
        "CUDA_VISIBLE_DEVICES",
        "OMP_NUM_THREADS",
        "SYSTEMROOT",
        "SYSTEMDRIVE",
        "WINDIR",
        "COMSPEC",
        "PATHEXT",
        "OS",
        "USERPROFILE",
        "USERNAME",
        "HOMEDRIVE",
        "HOMEPATH",
        "APPDATA",
        "LOCALAPPDATA",
        "PROGRAMDATA",
        "ALLUSERSPROFILE",
        "PROGRAMFILES",
        "PROGRAMFILES(X86)",
        "PROGRAMW6432",
        "COMMONPROGRAMFILES",
        "NUMBER_OF_PROCESSORS",
        "PROCESSOR_ARCHITECTURE",
        "__CF_USER_TEXT_ENCODING",
    ]
)
"""Names that any program gets on Linux, macOS and Windows. Those of the locale are added."""

_LOCALE = re.compile(
    r"LC_(ALL|ADDRESS|COLLATE|CTYPE|IDENTIFICATION|MEASUREMENT|MESSAGES|MONETARY|NAME|NUMERIC|PAPER|TELEPHONE|TIME)"
)
_PROXY = "_PROXY"
_FAMILIES = ("JUPYTER", "JUPYTERHUB", "JPY", "LOBU", "KG", "EG", "CONFIGPROXY")
_CREDENTIAL = re.compile(
    rf"({'|'.join(_FAMILIES)})_(\w*_)?(TOKENS?|SECRETS?|PASSWORDS?|PASSWD|PWD|KEYS?|COOKIE|CREDENTIALS?|HEADERS)"
)


def is_credential(name: str) -> bool:
    """Return whether the variable holds a credential of a person, a Jupyter server, a hub or a gateway."""
    return _CREDENTIAL.fullmatch(name.upper()) is not None


def passed_on(environment: Mapping[str, str], named: Iterable[str] = ()) -> dict[str, str]:
    """Return the part of `environment` that a program gets. ``named``: the variables named for it.

    The address of a proxy is left out if it holds a password, unless it is named.
    """
    wanted = {name.upper() for name in named}
    return {
        name: value
        for name, value in environment.items()
        if not is_credential(name) and (name.upper() in wanted or _is_harmless(name.upper(), value))
    }


def for_program(environment: Mapping[str, str], config: Mapping[str, Any]) -> dict[str, str]:
    """Return a configured program's variables: the usual, those of ``inherit``, and ``env`` over both."""
    own = {str(name): str(value) for name, value in (config.get("env") or {}).items()}
    return {**passed_on(environment, inherited(config)), **own}


def inherited(config: Mapping[str, Any]) -> list[str]:
    """Return the names of the variables that a configuration passes on as they are."""
    names = config.get("inherit") or ()
    return [names] if isinstance(names, str) else [str(name) for name in names]


def without_credentials(environment: Mapping[str, str], secrets: Iterable[str] = ()) -> dict[str, str]:
    """Return `environment` without credentials, by name, and without values that hold one of `secrets`."""
    known = set(secrets)
    return {
        k: v
        for k, v in environment.items()
        if not is_credential(k) and not any(secret in v for secret in known if secret)
    }


def _is_harmless(name: str, value: str) -> bool:
    if name.endswith(_PROXY) and name in PASSED:
        return "@" not in value  # a password would stand before it, however the address is written
    return name in PASSED or _LOCALE.fullmatch(name) is not None
