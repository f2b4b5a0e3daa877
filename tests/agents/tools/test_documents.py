"""read_file of what is no text: pictures, PDF, tables. Broken and hostile files cost only their own process."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import openpyxl
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from pydantic_ai.messages import BinaryContent, ModelMessage
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel

from lobu_jupyter.agents.builtin.script import script
from lobu_jupyter.agents.loop.agent import PydanticAgent
from lobu_jupyter.agents.tools import documents, extract
from tests.agents.bench import FakeKernel, run, task_for

from .test_files import ALLOW, call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.processes
SALES = pd.DataFrame({"region": [f"r{n}" for n in range(50)], "sales": range(50)})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


async def test_a_parquet_file_is_its_columns_and_first_rows(root: Path) -> None:
    SALES.to_parquet(root / "sales.parquet")

    text = await call(root, "read_file", path="sales.parquet")

    assert "Parquet, 50 rows, 2 columns" in text
    assert "- sales: int64" in text
    assert "[first 20 rows]\nregion\tsales\nr0\t0\n" in text
    assert "r20\t20" not in text


async def test_a_feather_file_too(root: Path) -> None:
    SALES.to_feather(root / "sales.feather")

    assert "Arrow, 50 rows, 2 columns" in await call(root, "read_file", path="sales.feather")


async def test_an_excel_file_is_its_sheets(root: Path) -> None:
    book = openpyxl.Workbook()
    north: Any = book.active
    north.title = "North"
    north.append(["month", "sum"])
    north.append(["May\ttabbed", 7])
    book.create_sheet("South")
    book.save(root / "b.xlsx")

    text = await call(root, "read_file", path="b.xlsx")

    assert "Excel, 2 sheets: North, South" in text
    assert "[sheet North: 2 rows, 2 columns]\nmonth\tsum\nMay tabbed\t7" in text


async def test_a_pdf_is_the_text_of_its_pages_and_is_paged(root: Path) -> None:
    figure = plt.figure()
    figure.text(0.1, 0.5, "Revenue grew")
    figure.savefig(root / "r.pdf")
    plt.close(figure)

    assert await call(root, "read_file", path="r.pdf") == "PDF, 1 page\n[page 1]\nRevenue grew"
    assert "[lines 3 to 3 of 3]\nRevenue grew" in await call(root, "read_file", path="r.pdf", start=3)


async def test_a_picture_goes_to_a_model_that_sees(root: Path) -> None:
    figure = plt.figure(figsize=(1, 1))
    figure.savefig(root / "dot.png")
    plt.close(figure)
    seen: list[ModelMessage] = []

    async def stream(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str | DeltaToolCalls]:
        seen[:] = messages
        yield "A dot." if len(messages) > 1 else {0: DeltaToolCall("read_file", '{"path": "dot.png"}')}

    agent = PydanticAgent("a", "", lambda _: FunctionModel(stream_function=stream))
    ended = await run(agent, task_for("look", root=str(root)))

    assert ended.text == "A dot."
    shown = [item for m in seen for p in m.parts for item in _items(getattr(p, "content", None))]
    (image,) = [item for item in shown if isinstance(item, BinaryContent)]
    assert (image.media_type, image.data) == ("image/png", (root / "dot.png").read_bytes())
    assert "dot.png is a picture, image/png" in next(iter(ended.results.values()))


def _items(content: Any) -> list[Any]:
    return list(content) if isinstance(content, (list, tuple)) else [content]


@pytest.mark.parametrize("name", ["a.pdf", "a.parquet", "a.feather", "a.xlsx"])
async def test_a_broken_document_is_an_error_with_code_to_try(root: Path, name: str) -> None:
    (root / name).write_bytes(b"PAR1 nonsense \x00\x01")

    text = await call(root, "read_file", path=name)

    assert f"{name} cannot be read" in text
    assert "Read it with run_code: import p" in text


async def test_a_bomb_ends_with_its_own_process(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "SECONDS", 3)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"<a>" * 30_000_000)
        archive.writestr("[Content_Types].xml", b"<a>" * 30_000_000)
    (root / "bomb.xlsx").write_bytes(bomb.getvalue())

    assert "bomb.xlsx cannot be read" in await call(root, "read_file", path="bomb.xlsx")


def test_a_missing_library_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    monkeypatch.setattr(extract, "limit", lambda: None)
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"kind": "excel", "data": ""})))

    extract.main()

    assert json.loads(capsys.readouterr().out) == {"missing": "openpyxl"}


async def by_kernel(root: Path, name: str, kernel: FakeKernel) -> str:
    asked = f"tool read_file {json.dumps({'path': name})}"
    ended = await run(script(), task_for(asked, policy=ALLOW, root=str(root)), kernel)
    return next(iter(ended.results.values()))


@pytest.fixture
def server_without_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    async def missing(kind: str, data: bytes) -> dict[str, str]:
        return {"missing": "pyarrow"}

    monkeypatch.setattr(documents, "_extracted", missing)


@pytest.mark.usefixtures("server_without_libraries")
async def test_a_kernel_with_the_library_reads_what_the_server_cannot(root: Path) -> None:
    SALES.to_parquet(root / "sales.parquet")

    assert "Parquet, 50 rows, 2 columns" in await by_kernel(root, "sales.parquet", FakeKernel())


@pytest.mark.usefixtures("server_without_libraries")
async def test_a_file_is_named_as_unread_if_the_kernel_cannot_read_it_either(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "a.parquet").write_bytes(b"PAR1 nonsense")

    assert "needs the library pyarrow, which the server" in await by_kernel(root, "a.parquet", FakeKernel())
    monkeypatch.setattr(documents, "_program", lambda: 'print(\'{"missing": "pyarrow"}\')')
    assert "neither the server nor the kernel has" in await by_kernel(root, "a.parquet", FakeKernel())


@pytest.mark.usefixtures("server_without_libraries")
async def test_a_kernel_is_sent_no_hidden_file_and_none_that_is_too_large(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SALES.to_parquet(root / ".secret.parquet")
    SALES.to_parquet(root / "sales.parquet")
    monkeypatch.setattr(documents, "MOST_FOR_KERNEL", 100)

    assert "is hidden" in await by_kernel(root, ".secret.parquet", FakeKernel())
    assert "needs the library pyarrow" in await by_kernel(root, "sales.parquet", FakeKernel())


def test_pypdf_reads_a_pdf_where_pypdfium2_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Page:
        def extract_text(self) -> str:
            return "Revenue grew"

    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    monkeypatch.setitem(
        sys.modules, "pypdf", SimpleNamespace(PdfReader=lambda data: SimpleNamespace(pages=[Page()]))
    )

    assert extract.text_of_pdf(io.BytesIO(b"%PDF")) == "PDF, 1 page\n[page 1]\nRevenue grew"
