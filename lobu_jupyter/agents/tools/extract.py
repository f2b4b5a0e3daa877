"""A program that turns one PDF, Parquet, Arrow or Excel file into text, in a process of its own.

A file comes from anywhere. So it is read with limits of time, memory and rows, and whatever goes wrong costs this process
alone. Reads `{"kind", "data"}` as JSON from stdin (`data` in base64). Writes `{"text"}`, or `{"missing": the library}`.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

SECONDS = 20
MEMORY = 4 * 1024**3  # of addresses, which Arrow reserves freely
ROWS = 20
MAX_CELL = 200
MAX_COLUMNS = 200
MAX_TEXT = 2_000_000
MAX_SHEETS = 20


def main() -> None:
    limit()
    asked: dict[str, str] = json.load(sys.stdin)
    data = io.BytesIO(base64.b64decode(asked["data"]))
    read = {"pdf": text_of_pdf, "parquet": text_of_parquet, "arrow": text_of_arrow, "excel": text_of_excel}
    try:
        said = {"text": read[asked["kind"]](data)[:MAX_TEXT]}
    except ModuleNotFoundError as error:
        said = {"missing": (error.name or "").partition(".")[0]}
    sys.stdout.write(json.dumps(said))


def limit() -> None:
    """Bound this process's time and memory. On Windows the parent's limit of time is the only one."""
    with suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def text_of_pdf(data: io.BytesIO) -> str:
    """Return the text of each page."""
    count, texts = _pages(data)
    parts, size = [f"PDF, {count} page{'' if count == 1 else 's'}"], 0
    for number, page in enumerate(texts, 1):
        text = page.replace("\r\n", "\n").strip()
        parts.append(f"[page {number}]\n{text or '(no text: a picture?)'}")
        size += len(text)
        if size > MAX_TEXT:
            break
    return "\n".join(parts)


def _pages(data: io.BytesIO) -> tuple[int, Iterable[str]]:
    """Return the number of pages and their texts, with pypdfium2 or else with pypdf."""
    try:
        import pypdfium2  # pyright: ignore[reportMissingImports] - an optional library
    except ModuleNotFoundError:
        import pypdf  # pyright: ignore[reportMissingImports] - an optional library

        other: Any = pypdf
        pages = other.PdfReader(data).pages
        return len(pages), (str(page.extract_text()) for page in pages)
    library: Any = pypdfium2
    document = library.PdfDocument(data.getvalue())
    return len(document), (str(page.get_textpage().get_text_range()) for page in document)


def text_of_parquet(data: io.BytesIO) -> str:
    """Return the columns and the first rows."""
    import pyarrow.parquet as parquet

    file: Any = parquet.ParquetFile(data)
    first = next(iter(file.iter_batches(batch_size=ROWS)), None)
    return _table("Parquet", file.metadata.num_rows, file.schema_arrow, first)


def text_of_arrow(data: io.BytesIO) -> str:
    """Return the columns and the first rows of a Feather or Arrow file."""
    import pyarrow as arrow
    import pyarrow.feather as feather

    library: Any = arrow
    table: Any = feather.read_table(library.py_buffer(data.getvalue()), memory_map=False)
    return _table("Arrow", table.num_rows, table.schema, table.slice(0, ROWS))


def text_of_excel(data: io.BytesIO) -> str:
    """Return the size and the first rows of each sheet, with the values that were last computed."""
    import openpyxl  # pyright: ignore[reportMissingModuleSource] - an optional library

    library: Any = openpyxl
    book = library.load_workbook(data, read_only=True, data_only=True)
    parts = [f"Excel, {len(book.sheetnames)} sheets: {', '.join(book.sheetnames)}"]
    for name in book.sheetnames[:MAX_SHEETS]:
        sheet = book[name]
        columns = min(sheet.max_column or MAX_COLUMNS, MAX_COLUMNS)  # None, if the file does not say it
        rows = sheet.iter_rows(max_row=min(sheet.max_row or ROWS, ROWS), max_col=columns, values_only=True)
        parts += [f"[sheet {name}: {sheet.max_row} rows, {sheet.max_column} columns]", *map(_line, rows)]
    return "\n".join(parts)


def _table(kind: str, rows: int, schema: Any, first: Any) -> str:
    names: list[str] = list(schema.names)
    head = f"{kind}, {rows} rows, {len(names)} columns"
    columns = [f"- {field.name}: {field.type}" for field in schema][:MAX_COLUMNS]
    found: list[dict[str, Any]] = first.select(names[:MAX_COLUMNS]).to_pylist() if first is not None else []
    lines = [_line(row.values()) for row in found]
    return "\n".join([head, *columns, f"[first {len(lines)} rows]", _line(names[:MAX_COLUMNS]), *lines])


def _line(values: Iterable[Any]) -> str:
    """Return one row, with tabs between its values."""
    cells = ["" if value is None else str(value).replace("\t", " ").replace("\n", " ") for value in values]
    return "\t".join(cell if len(cell) <= MAX_CELL else cell[: MAX_CELL - 1] + "…" for cell in cells)


if __name__ == "__main__":
    main()
