"""The place of a store: a local disk, because SQLite's WAL needs shared memory that network disks lack."""

from __future__ import annotations

import os
from pathlib import Path

from lobu_jupyter.model.errors import StoreUnavailable

NETWORK = frozenset(
    [
        "nfs",
        "nfs4",
        "cifs",
        "smb",
        "smb2",
        "smb3",
        "smbfs",
        "afs",
        "9p",
        "ceph",
        "lustre",
        "gpfs",
        "beegfs",
        "glusterfs",
        "ncpfs",
        "davfs",
        "fuse.sshfs",
        "fuse.glusterfs",
        "fuse.ceph",
        "fuse.s3fs",
        "fuse.rclone",
        "fuse.gcsfuse",
        "fuse.davfs",
        "fuse.goofys",
    ]
)


def file_system(path: Path, mounts: str) -> str:
    """Return the type of the file system that holds `path`, by the text of /proc/mounts, or "" if unknown."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ")
        if path.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), fields[2]
    return kind


def settle(path: Path) -> Path:
    """Return the store's absolute path after checking its place and creating its file.

    Raises:
        StoreUnavailable: the store cannot be there.
    """
    path = path.expanduser().absolute()
    check_place(path)
    make_private(path)
    return path


def check_place(path: Path) -> None:
    """Refuse a store on a network file system.

    Raises:
        StoreUnavailable: it is on one. The message names the option to set.
    """
    try:
        mounts = Path("/proc/mounts").read_text("utf-8")
    except OSError:
        return  # this system has no such list
    kind = file_system(path.resolve(), mounts)
    if kind in NETWORK:
        raise StoreUnavailable(
            f"The lobu store {path} lies on a network file system ({kind}), where SQLite is not safe. "
            "Set LobuApp.store to a PostgreSQL database (postgresql://user@host/database), or LobuApp.store_path to a file "
            "on a local disk. On a JupyterHub, LobuApp.gateway_url names the hub's lobu service, which has the store."
        )


def make_private(path: Path) -> None:
    """Create the file if it is missing, and let only its owner read it.

    Raises:
        StoreUnavailable: the file or its folder cannot be created or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise StoreUnavailable(
            f"The lobu store {path} cannot be written: {error.strerror}. "
            "Set LobuApp.store_path to a file that you can write."
        ) from error
