"""Two Jupyter servers, a load balancer and PostgreSQL by one command; Ctrl-C ends all of it.

    python examples/scale/run.py [--port 8888] [--store postgresql://…] [--plain]

Kill any part (its process id is printed): it is started again, and runs, pages and workers go on meanwhile. Without
--store, a PostgreSQL of its own is made in a temporary folder, which is removed at the end. --plain: no JupyterLab.
"""

import argparse
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8888)
    parser.add_argument("--store", help="a PostgreSQL that is there already")
    parser.add_argument("--token", default=secrets.token_hex(16))
    parser.add_argument("--plain", action="store_true")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="lobu-scale-"))
    parts = {}
    try:
        os.environ["LOBU_STORE"] = given.store or database(folder, parts)
        ports = [free_port(), free_port()]
        for number, port in enumerate(ports, 1):
            parts[f"server-{number}"] = Part(server(folder, port, given))
        parts["proxy"] = Part([sys.executable, HERE / "proxy.py", given.port, *ports])
        for name, part in parts.items():
            part.start(name)
        print(f"\nhttp://127.0.0.1:{given.port}/lab?token={given.token}\n", flush=True)
        while True:
            time.sleep(0.2)
            for name, part in parts.items():
                part.revive(name)
    except KeyboardInterrupt:
        print("ending", flush=True)
    finally:
        for part in reversed(parts.values()):
            part.end()
        shutil.rmtree(folder, ignore_errors=True)


class Part:
    """A process that is started again when it ends. ``options``: of Popen. ``stop``: the signal that ends it."""

    def __init__(self, command, stop=signal.SIGTERM, **options):
        self.command, self.stop, self.options = [str(word) for word in command], stop, options
        self.process = None

    def start(self, name):
        if self.process is None:
            self.process = subprocess.Popen(self.command, start_new_session=True, **self.options)
            print(f"{name}: process {self.process.pid}", flush=True)

    def revive(self, name):
        if self.process.poll() is not None:
            print(f"{name} ended ({self.process.returncode}) and is started again", flush=True)
            self.process = None
            self.start(name)

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.stop)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()


def server(folder, port, given):
    """The command of a server. Both have one root directory, one pool and one place, so that either does for the other."""
    return [
        sys.executable, "-m", "jupyter_server" if given.plain else "jupyterlab", "--no-browser", "--allow-root",
        "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={given.token}", f"--ServerApp.cookie_secret_file={folder / 'cookie_secret'}",
        "--ServerApp.jpserver_extensions=lobu_jupyter=True", "--LobuApp.pool=scale", "--LobuApp.place=scale",
    ]  # fmt: skip


def database(folder, parts):
    """Make a cluster and start it, and return its address."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    programs = (
        found[-1]
        if found
        else Path(shutil.which("initdb") or sys.exit("install PostgreSQL, or give --store")).parent
    )
    port, password, data = free_port(), secrets.token_hex(16), folder / "data"
    options = {"cwd": "/", "stdout": (folder / "log").open("wb"), "stderr": subprocess.STDOUT}
    (folder / "password").write_text(password)
    if os.geteuid() == 0:  # which PostgreSQL refuses
        shutil.chown(folder, "postgres")
        shutil.chown(folder / "password", "postgres")
        options |= {"user": "postgres", "group": "postgres", "extra_groups": []}
    initdb = [programs / "initdb", "-D", data, "-U", "lobu", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8",
              f"--pwfile={folder / 'password'}"]  # fmt: skip
    subprocess.run(initdb, check=True, **options)
    command = [
        programs / "postgres",
        "-D",
        data,
        "-p",
        port,
        "-c",
        "listen_addresses=127.0.0.1",
        "-k",
        folder,
    ]
    parts["database"] = Part(command, stop=signal.SIGINT, **options)
    return f"postgresql://lobu:{password}@127.0.0.1:{port}/postgres"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


main()
