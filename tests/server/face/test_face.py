"""Who may be a client of the service, what it may touch there, and what happens while one side is away."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from lobu_jupyter.gateway import Settings, parts
from lobu_jupyter.model.budget import Budget, Budgets
from lobu_jupyter.model.callers import KernelCaller, Person, WorkerCaller
from lobu_jupyter.model.errors import (
    InvalidField,
    KernelNotFound,
    LobuError,
    NotAllowed,
    RunNotFound,
    StoreUnavailable,
    WorkerNotFound,
)
from lobu_jupyter.model.events import decode
from lobu_jupyter.model.policy import Rules
from lobu_jupyter.model.redaction import Redactor
from lobu_jupyter.model.requests import NewThread, StartRun
from lobu_jupyter.model.runs import RunStatus
from lobu_jupyter.server.face import link, socket
from lobu_jupyter.server.face.attachment import attachment_of, place_of, tightened
from lobu_jupyter.server.face.filters import Outgoing
from lobu_jupyter.server.face.methods import METHODS, STREAMS
from lobu_jupyter.server.face.wire import PATH, SERVER_HEADER, VERSION, VERSION_HEADER
from tests.gateway.rig import (
    ME,
    OTHER,
    QUIET,
    Kernels,
    Pool,
    Worker,
    approve,
    batch,
    call,
    paused,
    result,
    say,
    success,
)

from .rig import OPEN, Hub, HubService, Owners, open_server, open_service, until


def test_every_method_of_the_gateway_travels_with_all_its_arguments() -> None:
    named = {"threads": parts.ThreadsPart, "runs": parts.RunsPart, "policy": parts.PolicyPart}
    named |= {"workers": parts.WorkersPart, "kernels": parts.KernelsPart}
    methods = {**METHODS, **STREAMS}
    for name, part in named.items():
        for method, rule in vars(part).items():
            if isinstance(rule, parts.Rule):
                taken = [
                    argument for argument in inspect.signature(rule.rule).parameters if argument != "ctx"
                ]
                assert sorted(methods[f"{name}.{method}"].args) == sorted(taken), (name, method)


async def _connect(service: HubService, **headers: str) -> int:
    """The status of an attempt to open the socket; 101 if it opens."""
    url = f"{service.url}/{PATH}".replace("http", "ws", 1)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection = await websocket_connect(HTTPRequest(url, headers=names))
    except HTTPClientError as error:
        return error.code
    connection.close()
    return 101


class TestWhoMayCome:
    async def test_only_a_servers_own_token_opens_it(self, store: str | Path) -> None:
        hub = Hub()
        mine = {SERVER_HEADER: "", VERSION_HEADER: str(VERSION)}
        own = {"name": "ada", "kind": "user"}
        hub.users["a-persons"] = {**own, "scopes": ["access:servers!user=ada", "tokens!user=ada", "self"]}
        hub.users["a-services"] = {"name": "x", "kind": "service", "scopes": ["access:servers!server=x/"]}
        hub.users["another-servers"] = {**own, "scopes": ["access:servers!server=bob/"]}
        good = hub.server_token("ada")
        named = hub.server_token("ada", "two")
        async with open_service(store, hub) as service:
            token = f"token {good}"
            statuses = {
                "own": await _connect(service, Authorization=token, **mine),
                "bearer": await _connect(service, Authorization=f"Bearer {good}", **mine),
                "none": await _connect(service, **mine),
                "person": await _connect(service, Authorization="token a-persons", **mine),
                "service": await _connect(service, Authorization="token a-services", **mine),
                "another": await _connect(service, Authorization="token another-servers", **mine),
                "unknown": await _connect(service, Authorization="token x", **mine),
                "other name": await _connect(service, Authorization=f"token {named}", **mine),
                "cookie": await _connect(service, Cookie=f"jupyterhub-services={good}", **mine),
                "page": await _connect(service, Authorization=token, Origin="http://evil.example", **mine),
                "same page": await _connect(service, Authorization=token, Origin=service.url, **mine),
            }
        assert statuses == {"own": 101, "bearer": 101} | {
            name: 403 for name in statuses if name not in ("own", "bearer")
        }

    @pytest.mark.parametrize(
        ("version", "status"), [(VERSION, 101), (VERSION - 1, 101), (VERSION + 1, 426), (None, 426)]
    )
    async def test_this_version_and_the_one_before_are_taken(
        self, store: str | Path, version: int | None, status: int
    ) -> None:
        hub = Hub()
        headers = {SERVER_HEADER: "", "Authorization": f"token {hub.server_token('ada')}"}
        if version is not None:
            headers[VERSION_HEADER] = str(version)
        async with open_service(store, hub) as service:
            assert await _connect(service, **headers) == status

    async def test_a_server_of_another_version_says_what_to_do(
        self, store: str | Path, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr("lobu_jupyter.server.face.remote.FIRST_SECONDS", 0.5)
        monkeypatch.setattr(link, "AWAY_SECONDS", 0.2)
        hub = Hub()
        async with (
            open_service(store, hub) as service,
            open_server(service.url, hub.server_token("ada"), version=VERSION + 1) as remote,
        ):
            with pytest.raises(StoreUnavailable, match="Install the same lobu_jupyter on both"):
                await remote.threads.list(ME)

    async def test_a_server_whose_token_ends_is_put_out(self, store: str | Path, monkeypatch: Any) -> None:
        monkeypatch.setattr(socket, "CHECK_SECONDS", 0.05)
        monkeypatch.setattr(link, "AWAY_SECONDS", 0.2)
        hub = Hub()
        token = hub.server_token("ada")
        async with open_service(store, hub) as service, open_server(service.url, token) as remote:
            hub.away = True
            await asyncio.sleep(0.2)  # a hub that restarts is no reason
            assert await remote.threads.list(ME) == []
            hub.away = False
            hub.users.clear()
            await until(lambda: isinstance(remote.link.failure, NotAllowed))
            with pytest.raises(StoreUnavailable):
                await remote.threads.list(ME)


class TestWhatIsSomebodyElses:
    async def test_nobody_speaks_for_another(self, store: str | Path) -> None:
        hub = Hub()
        async with (
            open_service(store, hub) as service,
            open_server(service.url, hub.server_token("ada")) as adas,
            open_server(service.url, hub.server_token("bob")) as bobs,
        ):
            thread = await bobs.threads.create(OTHER)
            kernel = KernelCaller(kernel_id="k", name="bob", attended=True, decides=True)
            for by in (OTHER, kernel):
                with pytest.raises(NotAllowed, match="ada only"):
                    await adas.threads.get(by, thread.thread_id)
            with pytest.raises(NotAllowed):
                await adas.workers.register("host", owner="bob")
            with pytest.raises(NotAllowed):
                await adas.threads.notebook_moved("a", "b", owner="bob")
            with pytest.raises(NotAllowed):
                await adas.workers.heartbeat(ME)

    async def test_another_persons_worker_run_and_kernel_cannot_be_touched(self, store: str | Path) -> None:
        hub = Hub()
        async with (
            open_service(store, hub) as service,
            open_server(service.url, hub.server_token("ada"), kernels=Kernels("k1", "kb")) as adas,
            open_server(service.url, hub.server_token("bob"), kernels=Kernels("kb")) as bobs,
        ):
            worker = await Worker.register(bobs)  # pyright: ignore[reportArgumentType]
            thread = await bobs.threads.create(OTHER)
            run = await bobs.runs.start(OTHER, thread.thread_id, StartRun(prompt="x", kernel_id="kb"))
            await worker.fetch(5)
            forged = WorkerCaller(worker.caller.worker_id, worker.caller.incarnation)
            attempts = [
                (WorkerNotFound, adas.workers.gone(forged.worker_id)),
                (WorkerNotFound, adas.workers.stop(forged.worker_id)),
                (WorkerNotFound, adas.workers.inbox(forged, 0, 0.0)),
                (WorkerNotFound, adas.workers.heartbeat(forged)),
                (
                    WorkerNotFound,
                    adas.workers.ingest(forged, batch(run.run_id, forged.incarnation, 1, *say("x"))),
                ),
                (RunNotFound, adas.workers.record_cell(run.run_id, "a.ipynb", "c", {})),
                (KernelNotFound, adas.kernels.event("kb", "died")),
                (KernelNotFound, adas.kernels.set_tools(ME, "kb", [])),
                (KernelNotFound, adas.kernels.tools(ME, "kb")),
                (KernelNotFound, adas.threads.create(ME, NewThread(kernel_id="kb"))),
            ]
            mine = await adas.threads.create(ME)
            start = StartRun(prompt="x", kernel_id="kb")
            attempts.append((KernelNotFound, adas.runs.start(ME, mine.thread_id, start)))
            for kind, attempt in attempts:
                with pytest.raises(kind):
                    await attempt
            assert (await bobs.runs.get(OTHER, run.run_id)).status is RunStatus.RUNNING
            await worker.emit(run.run_id, *say("mine"), success())

    async def test_another_persons_server_authorizes_nothing(self, store: str | Path) -> None:
        hub, owners = Hub(), Owners()
        async with (
            open_service(store, hub) as service,
            open_server(service.url, hub.server_token("ada"), owners=owners) as adas,
        ):
            thread = await adas.threads.create(ME)
            owners.refusal = NotAllowed("Jupyter's authorizer does not let you.")
            with pytest.raises(NotAllowed, match="authorizer"):
                await adas.runs.start(ME, thread.thread_id, StartRun(prompt="x", kernel_id="k1"))
            assert owners.asked[-1] == ("ada", "k1")

    async def test_what_is_no_frame_or_no_argument_is_refused(self, store: str | Path) -> None:
        hub = Hub()
        async with (
            open_service(store, hub) as service,
            open_server(service.url, hub.server_token("ada")) as adas,
        ):
            for name, args in (
                ("threads.get", b"{"),
                ("threads.get", b'{"by": {"type": "person", "name": "ada"}, "thread_id": 1}'),
                ("threads.get", b'{"by": {"type": "person", "name": "ada"}, "thread_id": "t", "more": 1}'),
                ("threads.get", b'{"by": {"type": "god", "name": "ada"}, "thread_id": "t"}'),
                ("threads.get", b"[" * 100_000),
                ("gateway.close", b"{}"),
                ("gateway.__init__", b"{}"),
                ("seat.check_run", b"{}"),
                ("gateway.at_seat", b"{}"),
            ):
                with pytest.raises(LobuError) as refused:
                    await adas.link.call(name, args)
                assert isinstance(refused.value, InvalidField), (name, args)
            assert await adas.threads.list(ME) == []


class TestPolicyForAll:
    SERVICE = Settings(
        rules=Rules(allow=("read_*",), ask=("run_*",), mode="ask"),
        max_mode="ask",
        allowed_models=("good:*",),
        budgets=Budgets(run=Budget(tokens=100)),
        unknown_price="deny",
        limits={"outputBytes": 1000},
    )

    def test_a_servers_own_configuration_cannot_loosen_it(self) -> None:
        own = Settings(
            pool="bob",
            place="bob:/home/bob",
            rules=Rules(allow=("*",), mode="allow"),
            max_mode="allow",
            allowed_models=("*",),
            budgets=Budgets(run=Budget(tokens=10_000), day=Budget(tokens=5)),
            unknown_price="allow",
            limits={"outputBytes": 10_000},
            agent_rules={"demo": Rules(allow=("*",), mode="allow")},
            retain_all=True,
            keep_seconds=1.0,
            max_runs_per_user=1000,
        )

        seat = tightened(self.SERVICE, attachment_of(own, "1"), "ada")

        assert seat.rules == self.SERVICE.rules
        assert (seat.max_mode, seat.allowed_models, seat.unknown_price) == ("ask", ("good:*",), "deny")
        assert seat.budgets == Budgets(run=Budget(tokens=100), day=Budget(tokens=5))
        assert seat.limits == {"outputBytes": 1000}
        assert seat.agent_rules == {"demo": Rules()}
        assert (seat.pool, seat.place) == ("ada", "ada:bob:/home/bob")
        assert (seat.keep_seconds, seat.max_runs_per_user) == (None, self.SERVICE.max_runs_per_user)

    def test_it_can_tighten(self) -> None:
        own = Settings(
            rules=Rules(deny=("run_*",), ask=("read_x",), mode="deny"),
            max_mode="deny",
            budgets=Budgets(run=Budget(tokens=10)),
        )

        seat = tightened(self.SERVICE, attachment_of(own, "1"), "ada")

        assert seat.rules == Rules(allow=("read_*",), ask=("run_*", "read_x"), deny=("run_*",), mode="deny")
        assert seat.max_mode == "deny"
        assert seat.budgets == Budgets(run=Budget(tokens=10))

    @pytest.mark.parametrize(
        ("owner", "place"), [("ada", "bob:/x"), ("a", "a%3Ab:/x"), ("a:b", "/x"), ("ada", "adam:/")]
    )
    def test_nobody_names_another_persons_place(self, owner: str, place: str) -> None:
        others = {place_of(name, "/x") for name in ("bob", "a", "ada", "a:b", "adam") if name != owner}
        assert place_of(owner, place) not in others

    async def test_a_run_gets_the_services_rules(self, store: str | Path) -> None:
        hub = Hub()
        settings = replace(OPEN, rules=self.SERVICE.rules, max_mode="ask", allowed_models=("good:*",))
        loose = Settings(rules=Rules(allow=("*",), mode="allow"))
        async with (
            open_service(store, hub, settings=settings) as service,
            open_server(service.url, hub.server_token("ada"), settings=loose) as adas,
        ):
            worker = await Worker.register(adas)  # pyright: ignore[reportArgumentType]
            thread = await adas.threads.create(ME)
            with pytest.raises(InvalidField, match="good:"):
                await adas.runs.start(ME, thread.thread_id, StartRun(prompt="x", model="bad:1"))
            await adas.runs.start(ME, thread.thread_id, StartRun(prompt="x", mode="allow"))
            (item,) = await worker.fetch(5)

            assert item.task is not None
            assert item.task.policy.max_mode == "ask"
            assert item.task.policy.layers[0].rules == self.SERVICE.rules


class TestKernelsStayAtTheirServer:
    async def test_a_worker_gets_the_connection_that_only_its_server_has(self, store: str | Path) -> None:
        hub = Hub()
        async with (
            open_service(store, hub) as service,
            open_server(service.url, hub.server_token("ada")) as adas,
        ):
            worker = await Worker.register(adas)  # pyright: ignore[reportArgumentType]
            thread = await adas.threads.create(ME)
            await adas.runs.start(ME, thread.thread_id, StartRun(prompt="x", kernel_id="k1"))
            (item,) = await worker.fetch(5)

            assert item.task is not None
            assert item.task.kernel is not None
            assert item.task.kernel.connection == {"key": "k"}

    async def test_the_pool_of_the_server_is_woken(self, store: str | Path) -> None:
        hub, pool = Hub(), Pool()
        async with (
            open_service(store, hub) as service,
            open_server(service.url, hub.server_token("ada"), pool=pool) as adas,
        ):
            thread = await adas.threads.create(ME)
            await adas.runs.start(ME, thread.thread_id, StartRun(prompt="x"))
            await until(lambda: pool.calls > 0)


class TestAwayAndBack:
    async def test_a_follower_goes_on_where_it_was(self, store: str | Path) -> None:
        hub = Hub()
        async with AsyncExitStack() as stack:
            service = await stack.enter_async_context(open_service(store, hub))
            port = int(service.url.rsplit(":", 1)[1].split("/")[0])
            adas = await stack.enter_async_context(open_server(service.url, hub.server_token("ada")))
            worker = await Worker.register(adas)  # pyright: ignore[reportArgumentType]
            thread = await adas.threads.create(ME)
            run = await adas.runs.start(ME, thread.thread_id, StartRun(prompt="x"))
            await worker.fetch(5)
            seen: list[int] = []
            first = asyncio.Event()

            async def follow() -> None:
                async with aclosing(adas.runs.follow(ME, thread.thread_id, 0, run_id=run.run_id)) as pages:
                    async for page in pages:
                        seen.extend(entry.seq for entry in page)
                        if seen:
                            first.set()

            reader = asyncio.create_task(follow())
            await worker.emit(run.run_id, *say("one"))
            await asyncio.wait_for(first.wait(), 10)
            for connection in list(service.sockets):
                connection.close()
            await worker.emit(run.run_id, *say("two", "m2"))
            for connection in list(service.sockets):
                connection.ws_connection.stream.close()  # without a word
            await worker.emit(run.run_id, *say("three", "m3"), success())
            await asyncio.wait_for(reader, 20)

            assert port
            assert seen == list(range(1, len(seen) + 1))
            whole = [
                entry
                async for page in adas.runs.follow(ME, thread.thread_id, 0, follow=False)
                for entry in page
            ]
            assert [entry.seq for entry in whole] == seen
            assert decode(whole[-1].body)["type"] == "RUN_FINISHED"

    async def test_a_service_that_is_away_says_so_and_comes_back(
        self, store: str | Path, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr(link, "AWAY_SECONDS", 0.3)
        hub = Hub()
        token = hub.server_token("ada")
        async with AsyncExitStack() as stack:
            async with open_service(store, hub) as service:
                port = int(service.url.rsplit(":", 1)[1].split("/")[0])
                adas = await stack.enter_async_context(open_server(service.url, token))
                thread = await adas.threads.create(ME)
                worker = await Worker.register(adas)  # pyright: ignore[reportArgumentType]
                run = await adas.runs.start(ME, thread.thread_id, StartRun(prompt="x"))
                await worker.fetch(5)
            for attempt in (
                lambda: adas.threads.get(ME, thread.thread_id),
                adas.health,
                lambda: worker.emit(run.run_id, *say("held")),
            ):
                with pytest.raises(StoreUnavailable, match="hub's lobu service"):
                    await attempt()
            assert worker.batches.get(run.run_id) is None

            async with open_service(store, hub, port=port):
                async with asyncio.timeout(20):
                    while True:
                        with suppress(StoreUnavailable):
                            assert (
                                await adas.threads.get(ME, thread.thread_id)
                            ).thread_id == thread.thread_id
                            break
                        await asyncio.sleep(0.05)
                health = msgspec.to_builtins(await adas.health())
                assert health["store"]["kind"] == "hub"


class TestTwoReplicas:
    async def test_a_question_decided_at_one_goes_on_at_the_other(self, store: str | Path) -> None:
        hub = Hub()
        polling = replace(OPEN, poll_seconds=0.02)
        async with (
            open_service(store, hub, settings=polling) as one,
            open_service(store, hub, settings=polling) as two,
            open_server(one.url, hub.server_token("ada")) as at_one,
            open_server(two.url, hub.server_token("ada", "x"), server="x") as at_two,
        ):
            worker = await Worker.register(at_one)  # pyright: ignore[reportArgumentType]
            thread = await at_one.threads.create(ME)
            run = await at_one.runs.start(ME, thread.thread_id, StartRun(prompt="x"))
            await worker.fetch(5)
            await worker.emit(run.run_id, *call("c"), paused("c"), checkpoint="{}")

            started, new = await at_two.policy.resume(Person("ada"), thread.thread_id, [approve("c")])

            assert new
            assert (await at_one.runs.get(ME, started.run_id)).status is RunStatus.RUNNING


class TestNoSecretLeavesTheServer:
    SECRET = "sk-the-servers-own-key-0123456789"

    async def test_a_key_of_the_server_is_in_no_frame(self, store: str | Path, monkeypatch: Any) -> None:
        hub = Hub()
        settings = replace(QUIET, redactor=Redactor([self.SECRET]))
        async with (
            open_service(store, hub) as service,
            open_server(service.url, hub.server_token("ada"), settings=settings) as adas,
        ):
            sent: list[bytes] = []
            write: Callable[[Any], bool] = getattr(adas.link, "_write")  # noqa: B009 - private

            def keep(frame: Any) -> bool:
                sent.append(msgspec.msgpack.encode(frame))
                return write(frame)

            monkeypatch.setattr(adas.link, "_write", keep)
            worker = await Worker.register(adas)  # pyright: ignore[reportArgumentType]
            thread = await adas.threads.create(ME, NewThread(title=f"my {self.SECRET}"))
            run = await adas.runs.start(ME, thread.thread_id, StartRun(prompt=f"use {self.SECRET}"))
            await worker.fetch(5)
            start, delta, end = say("")
            for part in (f"it is {self.SECRET[:11]}", f"{self.SECRET[11:]} and", " more sk-the"):
                await worker.emit(
                    run.run_id, *([start] if part.startswith("it") else []), {**delta, "delta": part}
                )
            await worker.emit(run.run_id, end, *call("c", args=f'{{"code": "{self.SECRET}"}}'))
            for part in (self.SECRET[:5], self.SECRET[5:]):
                await worker.emit(
                    run.run_id, {"type": "TEXT_MESSAGE_CHUNK", "messageId": "m9", "delta": part}
                )
            await worker.emit(
                run.run_id, result("c", f"printed {self.SECRET}"), *call("d"), paused("d"), checkpoint="{}"
            )
            body = [
                entry.body
                for page in [p async for p in adas.runs.follow(ME, thread.thread_id, 0, follow=False)]
                for entry in page
            ]
            said = "".join(
                e.get("delta", "") for e in map(decode, body) if e["type"] == "TEXT_MESSAGE_CONTENT"
            )

            assert said == "it is [redacted] and more sk-the[redacted]"
            assert not [frame for frame in sent if self.SECRET.encode() in frame]
            with pytest.raises(InvalidField, match="key or token"):
                await adas.policy.resume(
                    ME, thread.thread_id, [approve("d", editedArgs={"code": self.SECRET})]
                )

    async def test_a_batch_that_is_sent_again_is_the_same(self, store: str | Path) -> None:
        outgoing = Outgoing()
        redactor = Redactor([self.SECRET])
        settings = replace(QUIET, redactor=redactor)
        first = batch("r", 1, 1, *say(f"a {self.SECRET[:9]}"))
        once = await outgoing.checked(settings, "workers.ingest", {"batch": first})
        again = await outgoing.checked(settings, "workers.ingest", {"batch": first})
        assert msgspec.json.encode(once["batch"]) == msgspec.json.encode(again["batch"])

    async def test_the_servers_own_limits_and_guardrail_hold_too(self, store: str | Path) -> None:
        async def guardrail(text: str, where: str) -> None:
            if "zebra" in text:
                raise ValueError("no zebras")

        hub = Hub()
        settings = replace(QUIET, guardrail=guardrail, allowed_models=("mine:*",))
        async with (
            open_service(store, hub) as service,
            open_server(service.url, hub.server_token("ada"), settings=settings) as adas,
        ):
            thread = await adas.threads.create(ME)
            with pytest.raises(NotAllowed, match="no zebras"):
                await adas.runs.start(ME, thread.thread_id, StartRun(prompt="a zebra"))
            with pytest.raises(InvalidField, match="mine:"):
                await adas.runs.start(ME, thread.thread_id, StartRun(prompt="a", model="other:1"))
