"""Tables and arrays of any library, described by one protocol without loading a library or computing data.

A class is known by the module that it comes from, and only modules that the kernel has loaded are asked. The
description is ``{"columns": [{"name", "dtype"}], "shape"?, "head"?, "lazy"?, …}``. Of lazy data (dask, Spark, polars'
LazyFrame, DuckDB's relations, datasets of files) only the schema is read. A library that may answer slowly, because it
asks files or a server for a schema, gets :data:`SECONDS`.
"""

from __future__ import annotations

import itertools
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["describe", "library_of", "shape_of"]

SECONDS = 2.0
MAX_TEXT = 2000
MAX_COLUMNS = 100
HEAD_ROWS, HEAD_ITEMS = 5, 10
CHECKED_ROWS = 100_000
_SHAPED = frozenset({
    "numpy", "pandas", "geopandas", "polars", "pyarrow", "xarray", "torch", "jax", "jaxlib", "tensorflow", "scipy",
    "cupy", "cudf", "dask", "sparse", "awkward", "zarr", "h5py",
})  # fmt: skip
"""Libraries whose ``shape`` is an attribute that computes nothing."""
_PROTOCOLS = ("__arrow_c_stream__", "__arrow_c_schema__", "__dataframe__")


def library_of(value: Any) -> str:
    """Return the library that a value's class comes from, by its first loaded base, else an empty text."""
    for cls in type(value).__mro__:
        module = str(cls.__module__)
        if module in ("builtins", "__main__"):
            continue
        loaded, first = sys.modules.get(module), cls.__qualname__.partition(".")[0]
        if loaded is not None and (hasattr(loaded, first) or module.partition(".")[0] in _SHAPED):
            return module.partition(".")[0]
    return ""


def shape_of(value: Any) -> list[int | None] | None:
    """Return the shape of an array or table, with None for a length that would have to be computed."""
    if library_of(value) not in _SHAPED:
        return None
    shape = getattr(value, "shape", None)
    return [_length(n) for n in shape] if isinstance(shape, tuple) else None


def _length(n: Any) -> int | None:
    if isinstance(n, float):
        return None  # dask's unknown length is NaN
    try:
        return n.__index__()
    except (AttributeError, TypeError):
        return None


def describe(value: Any) -> dict[str, Any] | None:
    """Describe a table or an array, None if the value is neither."""
    library = library_of(value)
    names = {cls.__name__ for cls in type(value).__mro__}
    for name, kinds, reader, slow in _READERS:
        if name == library and (not kinds or kinds & names):
            return _within(reader, value) if slow else reader(value)
    if library and any(hasattr(type(value), protocol) for protocol in _PROTOCOLS):
        return _within(_any_table, value)
    return None


def _within(reader: Callable[[Any], dict[str, Any]], value: Any) -> dict[str, Any]:
    """Read in a thread of its own, which is left to itself after :data:`SECONDS`."""
    found: list[dict[str, Any]] = []

    def read() -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found.append(reader(value))
        except BaseException as error:  # noqa: BLE001  foreign code may raise anything, polars even a panic
            found.append({"unread": cut(f"{type(error).__name__}: {error}")})

    thread = threading.Thread(target=read, daemon=True, name="lobu look")
    thread.start()
    thread.join(SECONDS)
    return found[0] if found else {"unread": f"its schema could not be read in {SECONDS:g} s"}


def _table(columns: Iterable[tuple[Any, Any]], **more: Any) -> dict[str, Any]:
    """Return a description with at most :data:`MAX_COLUMNS` columns."""
    found = list(columns)
    told = [{"name": str(name), "dtype": cut(str(dtype))} for name, dtype in found[:MAX_COLUMNS]]
    described: dict[str, Any] = {"columns": told, **{k: v for k, v in more.items() if v is not None}}
    if len(found) > MAX_COLUMNS:
        described["moreColumns"] = len(found) - MAX_COLUMNS
    return described


def _polars(frame: Any) -> dict[str, Any]:
    head = frame.head(HEAD_ROWS).select(frame.columns[:MAX_COLUMNS])
    counts = frame.head(CHECKED_ROWS).null_count().row(0) if frame.width else ()
    missing = {str(name): int(n) for name, n in zip(frame.columns, counts, strict=True) if n}
    return _table(
        frame.schema.items(),
        head=cut(str(head)),
        missing=dict(itertools.islice(missing.items(), MAX_COLUMNS)),
    )


def _polars_lazy(frame: Any) -> dict[str, Any]:
    schema = frame.collect_schema()
    return _table(schema.items(), shape=[None, len(schema)], lazy=True)


def _polars_series(series: Any) -> dict[str, Any]:
    return {"dtype": str(series.dtype), "head": cut(str(series.head(HEAD_ROWS).to_list()))}


def _arrow(table: Any) -> dict[str, Any]:
    schema = table.schema
    few = table.select(schema.names[:MAX_COLUMNS]) if len(set(schema.names)) == len(schema.names) else table
    head = cut(str(few.slice(0, HEAD_ROWS).to_pylist()))
    return _table(zip(schema.names, schema.types, strict=True), head=head)


def _arrow_array(array: Any) -> dict[str, Any]:
    return {
        "dtype": str(array.type),
        "shape": [len(array)],
        "head": cut(str(array.slice(0, HEAD_ITEMS).to_pylist())),
    }


def _arrow_lazy(source: Any) -> dict[str, Any]:
    schema = source.schema
    return _table(zip(schema.names, schema.types, strict=True), shape=[None, len(schema.names)], lazy=True)


def _duckdb(relation: Any) -> dict[str, Any]:
    columns = list(relation.columns)
    return _table(zip(columns, relation.types, strict=True), shape=[None, len(columns)], lazy=True)


def _dask(frame: Any) -> dict[str, Any]:
    return _table(
        frame.dtypes.items(), shape=[None, len(frame.columns)], lazy=True, partitions=frame.npartitions
    )


def _lazy_array(array: Any) -> dict[str, Any]:
    return {"dtype": str(array.dtype), "lazy": True, "chunks": cut(str(getattr(array, "chunksize", "")))}


def _spark(frame: Any) -> dict[str, Any]:
    columns = list(frame.dtypes)  # of the schema: no job runs
    return _table(columns, shape=[None, len(columns)], lazy=True)


def _xarray(data: Any) -> dict[str, Any]:
    """Describe a Dataset or DataArray by its variables. Their values may be on a disk, and are not read."""
    variables = getattr(data, "data_vars", None)
    named = (
        data.variables
        if variables is not None
        else {str(data.name or "values"): data.variable, **data.coords.variables}
    )
    told = [(name, f"{one.dtype} {one.dims} {one.shape}") for name, one in named.items()]
    return _table(
        told,
        sizes={str(name): int(n) for name, n in data.sizes.items()},
        attributes=cut(str(list(data.attrs))),
    )


def _torch(tensor: Any) -> dict[str, Any]:
    described = {"dtype": str(tensor.dtype), "device": str(tensor.device)}
    if (
        tensor.device.type == "cpu"
        and tensor.layout == sys.modules["torch"].strided
        and not tensor.is_quantized
    ):
        described["head"] = cut(str(tensor.detach().reshape(-1)[:HEAD_ITEMS].tolist()))
    return described


def _typed(array: Any) -> dict[str, Any]:
    return {"dtype": str(getattr(array, "dtype", "?"))}


def _any_table(table: Any) -> dict[str, Any]:
    """Describe a table by what it offers of the usual attributes."""
    schema: Any = getattr(table, "schema", None)
    if schema is not None and not callable(schema):
        if hasattr(schema, "items"):
            return _table(schema.items(), lazy=_is_lazy(table))
        names, types = getattr(schema, "names", None), getattr(schema, "types", None)
        if names is not None and types is not None:
            return _table(zip(names, types, strict=False), lazy=_is_lazy(table))
    columns = list(
        itertools.islice(
            getattr(table, "columns", None) or getattr(table, "column_names", None) or [], 10_000
        )
    )
    dtypes: Any = getattr(table, "dtypes", None)
    known = dict(dtypes.items()) if hasattr(dtypes, "items") else {}
    return _table((name, known.get(name, "?")) for name in columns)


def _is_lazy(table: Any) -> bool | None:
    return True if hasattr(type(table), "execute") or hasattr(type(table), "collect") else None


def cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + f"… ({len(text)} characters)"


_Reader = tuple[str, frozenset[str], "Callable[[Any], dict[str, Any]]", bool]
_READERS: list[_Reader] = [
    ("polars", frozenset({"DataFrame"}), _polars, False),
    ("polars", frozenset({"LazyFrame"}), _polars_lazy, True),
    ("polars", frozenset({"Series"}), _polars_series, False),
    ("pyarrow", frozenset({"Table", "RecordBatch"}), _arrow, False),
    ("pyarrow", frozenset({"ChunkedArray", "Array"}), _arrow_array, False),
    (
        "pyarrow",
        frozenset({"FileSystemDataset", "InMemoryDataset", "UnionDataset", "RecordBatchReader"}),
        _arrow_lazy,
        True,
    ),
    ("duckdb", frozenset({"DuckDBPyRelation"}), _duckdb, True),
    ("_duckdb", frozenset({"DuckDBPyRelation"}), _duckdb, True),
    ("dask", frozenset({"DataFrame"}), _dask, True),
    ("dask", frozenset({"Series", "Array"}), _lazy_array, True),
    ("pyspark", frozenset({"DataFrame"}), _spark, True),
    ("xarray", frozenset({"Dataset", "DataArray"}), _xarray, True),
    ("torch", frozenset({"Tensor", "Parameter"}), _torch, False),
    *(
        (name, frozenset(), _typed, True)
        for name in ("jax", "jaxlib", "tensorflow", "cupy", "zarr", "h5py", "sparse")
    ),
]
