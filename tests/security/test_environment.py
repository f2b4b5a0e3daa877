"""No credential in what agents run in: real processes print their environment, or read what others show of theirs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lobu_jupyter.agents.acp.process import AcpProcess
from lobu_jupyter.agents.models.keys import inheriting
from lobu_jupyter.agents.tools.mcp import McpServer
from lobu_jupyter.model.environment import is_credential, passed_on, without_credentials
from lobu_jupyter.notebook import discover
from lobu_jupyter.server import secrets
from tests.cli.terminal import Terminal
from tests.extending.test_acp import SCRIPTED
from tests.notebook.cells import bare_kernel
from tests.scenarios.person import Person
from tests.server.page import PageClient
from tests.servers import RealServer

TOKENS = {
    "JUPYTER_TOKEN": "person-of-jupyter",
    "JPY_API_TOKEN": "person-of-the-hub-1",
    "JUPYTERHUB_API_TOKEN": "person-of-the-hub-2",
    "JUPYTERHUB_CRYPT_KEY": "person-of-the-hub-3",
    "JUPYTER_GATEWAY_AUTH_TOKEN": "person-of-the-gateway",
    "CONFIGPROXY_AUTH_TOKEN": "person-of-the-proxy",
    "LOBU_TOKEN": "person-of-lobu",
}
MODEL_KEYS = {"OPENAI_API_KEY": "key-of-openai", "LOCAL_KEY": "key-of-local"}
OTHERS = {"HF_TOKEN": "key-of-a-hub", "AWS_SECRET_ACCESS_KEY": "key-of-a-cloud"}
SECRETS = {**TOKENS, **MODEL_KEYS, **OTHERS}
HARMLESS = {"LC_ALL": "C.UTF-8", "VIRTUAL_ENV": "/venv", "HTTPS_PROXY": "http://proxy:3128"}
SPARK = {"SPARK_HOME": "/spark", "JPY_SESSION_NAME": "work.ipynb", "DASK_SCHEDULER": "tcp://x"}
PRINT = "import json, os; print(json.dumps(dict(os.environ)))"


def print_to(file: Path) -> str:
    """A program that writes its environment to a file: what is journaled would be redacted."""
    return f"import json, os; open({str(file)!r}, 'w').write(json.dumps(dict(os.environ)))"


def leaked(text: str) -> list[str]:
    """The secrets that a text holds."""
    return [name for name, value in SECRETS.items() if value in text]


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process has all of them in its environment."""
    for name, value in {**SECRETS, **HARMLESS}.items():
        monkeypatch.setenv(name, value)


# -- the list


def test_a_program_gets_what_is_on_the_list_and_what_is_named_for_it() -> None:
    given = {**SECRETS, **HARMLESS, **SPARK, "PATH": "/bin", "MY_DATA": "x"}

    assert passed_on(given) == {**HARMLESS, "PATH": "/bin"}
    assert passed_on(given, ["HF_TOKEN", "MY_DATA"]) == {
        **HARMLESS,
        "PATH": "/bin",
        "HF_TOKEN": OTHERS["HF_TOKEN"],
        "MY_DATA": "x",
    }


@pytest.mark.parametrize("name", sorted(TOKENS))
def test_a_persons_credential_is_not_passed_on_though_it_is_named(name: str) -> None:
    assert is_credential(name)
    assert passed_on(TOKENS, [name]) == {}


@pytest.mark.parametrize(
    "address",
    [
        "http://ada:secret@proxy",
        "ada:secret@proxy:3128",
        "//a@[proxy",
        "http:/ada:secret@proxy",
        "http:\\\\a:b@proxy",
    ],
)
def test_a_proxys_password_is_passed_on_only_if_it_is_named(address: str) -> None:
    assert passed_on({"https_proxy": address}) == {}
    assert passed_on({"https_proxy": address}, ["HTTPS_PROXY"]) == {"https_proxy": address}


def test_a_kernel_keeps_all_but_credentials_by_their_name_or_value() -> None:
    own = {**SPARK, **OTHERS, "JUPYTER_PATH": "/j", "JUPYTERHUB_USER": "ada", "JPY_PARENT_PID": "7"}

    hidden = {
        "MY_OWN_NAME": "key-of-openai",
        "HEADER": "Bearer key-of-openai",
        "SITE": "http://h/?token=key-of-openai",
    }
    assert without_credentials({**own, **TOKENS, **hidden}, ["key-of-openai", ""]) == own


@pytest.mark.parametrize(
    "name", ["LC_TOKEN", "LC_", "LC_ALL_KEYS", "XDG_TOKEN", "PATH_TOKEN", "MY_PROXY", "PYTHON_KEY", "lc_key"]
)
def test_a_name_that_only_begins_like_one_of_the_list_is_not_passed_on(name: str) -> None:
    assert passed_on({name: "x", "lc_ctype": "C"}) == {"lc_ctype": "C"}


# -- what agents run in


async def test_an_acp_agent_and_its_terminal_get_no_credential(full: None, tmp_path: Path) -> None:
    out = tmp_path / "agent.json"
    scripted = [sys.executable, SCRIPTED, "--sessions", str(tmp_path / "s"), "--log", str(tmp_path / "l")]
    code = f"{print_to(out)}; os.execv({sys.executable!r}, {scripted!r})"
    config = {
        "command": [sys.executable, "-c", code],
        "env": {"ROBOT_KEY": "key-of-the-robot"},
        "inherit": ["HF_TOKEN"],
    }
    agent = await AcpProcess.start("robot", config, str(tmp_path))
    try:
        argv = [sys.executable, "-c", PRINT]
        name = await agent.terminals.start(argv, str(tmp_path), {"env": {"MORE": "1"}, "limit": None})
        await agent.terminals.wait(name)
        terminal = json.loads(agent.terminals.text(name))
    finally:
        await agent.close()
    seen = json.loads(out.read_text())

    assert leaked(json.dumps(seen)) == ["HF_TOKEN"]
    assert leaked(json.dumps(terminal)) == ["HF_TOKEN"]
    assert (seen["ROBOT_KEY"], terminal["MORE"]) == ("key-of-the-robot", "1")
    assert "ROBOT_KEY" not in terminal
    assert HARMLESS.items() <= seen.items()
    assert HARMLESS.items() <= terminal.items()


async def test_an_mcp_server_gets_no_credential(full: None, tmp_path: Path) -> None:
    out = tmp_path / "server.json"
    server = str(Path(__file__).parents[1] / "extending" / "mcp_server.py")
    code = f"{print_to(out)}; os.execv({sys.executable!r}, {[sys.executable, server]!r})"
    config = inheriting({"agent_variables": ["HF_TOKEN"]}, {"command": [sys.executable, "-c", code]})
    mcp = McpServer("files", config)
    try:
        await mcp.listed()
    finally:
        await mcp.close()
    seen = json.loads(out.read_text())

    assert leaked(json.dumps(seen)) == ["HF_TOKEN"]
    assert HARMLESS.items() <= seen.items()


def test_the_command_of_exec_gets_no_credential(
    full: None,
    server: RealServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    lobu, out = Terminal(server, monkeypatch, capfd), tmp_path / "exec.json"

    ran = lobu("exec", "--env", "HF_TOKEN", "--", sys.executable, "-c", print_to(out))
    refused = lobu("exec", "--env", "LOBU_TOKEN", "--", sys.executable, "-c", "print('ran')")

    seen = json.loads(out.read_text())
    assert ran.code == 0, ran.err
    assert leaked(json.dumps(seen)) == ["HF_TOKEN"]
    assert server.token not in json.dumps(seen)
    assert seen["LOBU_RUN_ID"] in ran.err
    assert "not passed on: OPENAI_API_KEY" in ran.err
    assert (refused.code, "your credential" in refused.err) == (2, True)


# -- the server and its children


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """A server whose environment is full, with an agent that prints its own, and its terminal's."""
    home = tmp_path_factory.mktemp("full")
    files = ["--sessions", str(home / "sessions.json"), "--log", str(home / "log")]
    robot = {
        "command": [sys.executable, SCRIPTED, *files],
        "env": {"NAMED": "env:HF_TOKEN", "NO": "env:JPY_API_TOKEN"},
    }
    config = {
        "LobuApp": {
            "acp_agents": {"robot": robot},
            "providers": {"local": {"base_url": "http://127.0.0.1:9/v1", "api_key_env": "LOCAL_KEY"}},
            "allow": ["robot__*"],
        }
    }
    (home / "config").mkdir()
    (home / "config" / "jupyter_server_config.json").write_text(json.dumps(config))
    server = RealServer(home, env={**SECRETS, **HARMLESS, **SPARK}, token=TOKENS["JUPYTER_TOKEN"])
    try:
        yield server.start()
    finally:
        server.stop()


async def test_a_kernel_gets_no_credential_also_when_it_is_restarted(server: RealServer) -> None:
    kernel = server.start_kernel("some.ipynb")
    async with PageClient(server, kernel) as page:
        first = json.loads(await page.run(PRINT))
    server.restart_kernel(kernel)
    async with PageClient(server, kernel) as page:
        again = json.loads(await page.run(PRINT))

    for seen in (first, again):
        assert set(leaked(json.dumps(seen))) <= {
            "AWS_SECRET_ACCESS_KEY"
        }  # the person's; HF_TOKEN is an agent's
        assert seen["JPY_PARENT_PID"] == str(server.pid)
        assert seen["JPY_SESSION_NAME"].endswith("some.ipynb")
        assert {**HARMLESS, "SPARK_HOME": "/spark"}.items() <= seen.items()


def test_the_terminal_of_an_agent_at_a_server_has_no_credential(server: RealServer, tmp_path: Path) -> None:
    person, out = Person(server), tmp_path / "terminal"
    thread = person.thread()

    run = person.start(thread, f"run env > {out}", agent="robot", mode="allow")
    person.finish(thread, run["runId"])

    seen = out.read_text()
    assert "LC_ALL=" in seen
    assert leaked(seen) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows environments so")
def test_proc_shows_no_key_and_no_token_of_the_server_or_its_worker(server: RealServer) -> None:
    person = Person(server)
    thread = person.thread()
    person.finish(thread, person.start(thread, "say hello", agent="script")["runId"])
    (worker,) = server.worker_pids()

    shown = {pid: Path(f"/proc/{pid}/environ").read_bytes().decode() for pid in (server.pid, worker)}

    for text in shown.values():
        assert "PATH=" in text
        assert set(leaked(text)) <= {"AWS_SECRET_ACCESS_KEY"}
    assert "LOCAL_KEY" not in psutil.Process(worker).environ()


NOBODY = 65534
WORKS = """
import ctypes, os, time
from lobu_jupyter.worker.__main__ import keep_memory_private
os.setuid({nobody})
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as a process is that was this user's from its start
{private}
print(flush=True)
time.sleep(600)
"""
LOOKS = "import os, sys; os.setuid({nobody}); open('/proc/' + sys.argv[1] + '/mem', 'rb').close()"


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="becomes another user of Linux")
@pytest.mark.parametrize(("private", "readable"), [("keep_memory_private()", False), ("", True)])
def test_the_memory_of_a_worker_is_closed_to_processes_of_its_user(private: str, readable: bool) -> None:
    works = [sys.executable, "-c", WORKS.format(nobody=NOBODY, private=private)]
    with subprocess.Popen(works, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        looks = [sys.executable, "-c", LOOKS.format(nobody=NOBODY), str(process.pid)]
        looked = subprocess.run(looks, stderr=subprocess.PIPE, check=False)
        process.kill()

    assert (looked.returncode == 0) is readable, looked.stderr


def test_a_credential_that_is_named_for_an_agent_is_refused_and_said(server: RealServer) -> None:
    assert "no agent is given JPY_API_TOKEN" in server.log()
    assert secrets.outside_variables([{"env": {"A": "env:JPY_API_TOKEN", "B": "env:HF_TOKEN"}}]) == {
        "HF_TOKEN"
    }


async def test_what_an_administrator_lets_kernels_keep_they_keep(tmp_path: Path) -> None:
    options = [
        "--LobuApp.kernel_variables=JUPYTERHUB_API_TOKEN",
        "--LobuApp.keep_keys_from_kernels=False",
    ]
    with RealServer(tmp_path / "kept", env=SECRETS, options=options) as server:
        async with PageClient(server, server.start_kernel()) as page:
            seen = json.loads(await page.run(PRINT))

    kept = set(seen) & set(SECRETS)
    assert kept == {"JUPYTERHUB_API_TOKEN", "OPENAI_API_KEY", "LOCAL_KEY", *OTHERS}


# -- the notebook's side


def test_a_token_for_another_server_leaves_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOBU_URL", "http://x/")
    monkeypatch.setenv("LOBU_TOKEN", "person-of-lobu")
    monkeypatch.setattr(discover, "_token", None)

    first, again = discover.find(None, None), discover.find(None, None)

    assert first is not None
    assert first == again
    assert first.token == "person-of-lobu"
    assert "LOBU_TOKEN" not in os.environ


def test_a_kernel_holds_no_token_of_its_embedded_gateway(tmp_path: Path) -> None:
    look = (
        "import gc, json, os\nfrom pathlib import Path\nfrom lobu_jupyter.notebook import session\n"
        "now = session.current()\nhome = now.gateway.home\n"
        "file = next((home / 'runtime').glob('jpserver-*.json'))\ntoken = json.loads(file.read_text())['token']\n"
        "print(now.found.token, token in str(vars(now)) or token in str(vars(now.gateway)), len(token) > 20)\n"
        "from lobu_jupyter.notebook.widget import client_of\n"
        "print(type(client_of(now)._options['auth']).__name__)"
    )
    with bare_kernel(tmp_path / "home") as kernel:
        kernel.run("%lobu --agent script --wait say hello")
        seen = kernel.run(look)

    assert seen.text == "None False True\nKernelAuth\n", seen.error
