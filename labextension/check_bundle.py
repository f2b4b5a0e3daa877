"""Is the built bundle in the tree the one that these sources and this lock make?

The build writes the SHA-256 of its sources and of what it made into
``lobu_jupyter/labextension/bundle.json``; run without an option, this compares. It needs no node.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "lobu_jupyter"
RECORD = PACKAGE / "labextension" / "bundle.json"
SOURCES = (
    "src",
    "style",
    "schema",
    "package.json",
    "yarn.lock",
    "tsconfig.json",
    "plain.language.mjs",
    "widget.build.mjs",
    "notices.mjs",
)
BUILT = ("labextension", "notebook/static")
NOTICES = ("labextension/static", "notebook/static")
PARTS = {"jsx-runtime": "preact", "preact-hooks": "preact"}
"""Entry points that the builder lists as packages of their own: their package has the licence."""


def digest(root: Path, names: tuple[str, ...]) -> str:
    """SHA-256 over the names and bytes of all files below `names`, in order of their paths."""
    total = hashlib.sha256()
    for path in sorted(p for name in names for p in _files(root / name) if p != RECORD):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    return total.hexdigest()


def _files(path: Path) -> list[Path]:
    return [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]


def current() -> dict[str, str]:
    """The record that belongs to the tree as it is."""
    return {"sources": digest(HERE, SOURCES), "built": digest(PACKAGE, BUILT)}


def without_notice(package: Path) -> list[str]:
    """Return the bundles below `package` that lie without the licences of what they hold, and why."""
    found: list[str] = []
    for folder in NOTICES:
        try:
            packages = json.loads((package / folder / "third-party-licenses.json").read_text())["packages"]
        except (OSError, ValueError, KeyError):
            found.append(f"{folder} has no third-party-licenses.json")
            continue
        with_text = {each["name"] for each in packages if (each.get("extractedText") or "").strip()}
        bare = [each["name"] for each in packages if PARTS.get(each["name"], each["name"]) not in with_text]
        if bare or not packages:
            found.append(f"{folder}/third-party-licenses.json has no text of {', '.join(bare) or 'anything'}")
    return found


def main(arguments: list[str]) -> int:
    """Compare, or with ``--write`` record; 1 if the bundle is not of these sources."""
    if arguments == ["--write"]:
        RECORD.write_text(json.dumps(current(), indent=2) + "\n")
        return 0
    if not RECORD.exists():
        print("no bundle: run `jlpm build` in labextension/", file=sys.stderr)
        return 1
    recorded, now = json.loads(RECORD.read_text()), current()
    stale = [part for part in now if recorded.get(part) != now[part]]
    if stale:
        print(f"{' and '.join(stale)} changed: run `jlpm build` in labextension/", file=sys.stderr)
    for lack in (lacks := without_notice(PACKAGE)):
        print(f"{lack}: run `jlpm build` in labextension/", file=sys.stderr)
    return 1 if stale or lacks else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
