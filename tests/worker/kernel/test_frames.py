"""Tables of any library are described by their schema; nothing is imported, computed or waited for without a limit."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lobu_jupyter.notebook.guest import frames, looks

Json = dict[str, Any]


def described(value: Any) -> Json:
    told = looks.describe_variable("it", {"it": value})
    assert json.loads(json.dumps(told)) == told
    assert len(json.dumps(told)) < 40_000
    return told


def columns(told: Json) -> dict[str, str]:
    return {column["name"]: column["dtype"] for column in told["columns"]}


def test_polars_frames_are_described_and_lazy_ones_by_their_schema_alone(tmp_path: Path) -> None:
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"month": ["Jan", "Feb"], "sales": [1.5, None]})
    frame.write_parquet(tmp_path / "t.parquet")
    ran: list[int] = []
    lazy = frame.lazy().with_columns(
        pl.col("sales").map_elements(lambda x: ran.append(1) or x, return_dtype=pl.Float64).alias("more")
    )

    eager = described(frame)
    scanned = described(pl.scan_parquet(tmp_path / "t.parquet"))

    assert (eager["type"], eager["shape"], eager["missing"]) == ("polars.DataFrame", [2, 2], {"sales": 1})
    assert columns(eager) == {"month": "String", "sales": "Float64"}
    assert "Feb" in eager["head"]
    assert columns(described(lazy)) == {"month": "String", "sales": "Float64", "more": "Float64"}
    assert (described(lazy)["lazy"], described(lazy)["shape"]) == (True, [None, 3])
    assert columns(scanned) == {"month": "String", "sales": "Float64"}
    assert "No such file" in described(pl.scan_parquet(tmp_path / "none.parquet"))["unread"]
    assert described(frame["sales"])["dtype"] == "Float64"
    assert ran == []


def test_a_wide_polars_frame_is_bounded() -> None:
    pl = pytest.importorskip("polars")

    told = described(pl.DataFrame({f"c{n}": ["x" * 5000] for n in range(3000)}))

    assert (len(told["columns"]), told["moreColumns"]) == (100, 2900)
    assert len(told["head"]) < 2100
    assert described(pl.DataFrame())["columns"] == []


def test_arrow_tables_arrays_and_datasets_are_described() -> None:
    pa = pytest.importorskip("pyarrow")
    dataset = pytest.importorskip("pyarrow.dataset")
    table = pa.table({"a": [1, None], "b": ["x", "y"]})

    assert columns(described(table)) == {"a": "int64", "b": "string"}
    assert described(table)["head"] == "[{'a': 1, 'b': 'x'}, {'a': None, 'b': 'y'}]"
    assert columns(described(table.to_batches()[0])) == {"a": "int64", "b": "string"}
    assert (described(table["a"])["dtype"], described(pa.array([1, 2]))["head"]) == ("int64", "[1, 2]")
    assert described(dataset.dataset(table))["lazy"] is True
    assert columns(described(pa.RecordBatchReader.from_batches(table.schema, table.to_batches()))) == {
        "a": "int64",
        "b": "string",
    }


def test_duckdbs_relations_are_described_and_not_run() -> None:
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect()
    ran: list[int] = []
    connection.create_function("slow", lambda x: ran.append(1) or x, [int], int)

    told = described(connection.sql("select slow(1) as a, 'x' as b from range(100)"))

    assert columns(told) == {"a": "BIGINT", "b": "VARCHAR"}
    assert (told["lazy"], told["shape"]) == (True, [None, 2])
    assert ran == []


def test_xarrays_are_described_by_their_variables() -> None:
    xr = pytest.importorskip("xarray")
    data = xr.Dataset({"t": (("x", "y"), np.zeros((2, 3)))}, coords={"x": [1, 2]}, attrs={"source": "s"})

    told = described(data)

    assert columns(told) == {"t": "float64 ('x', 'y') (2, 3)", "x": "int64 ('x',) (2,)"}
    assert (told["sizes"], told["attributes"]) == ({"x": 2, "y": 3}, "['source']")
    assert columns(described(data["t"]))["t"].startswith("float64")


def test_numpys_other_arrays_are_described() -> None:
    record = described(np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]))

    assert "'a'" in record["dtype"]
    assert described(np.ma.masked_array([1, 2], [0, 1]))["shape"] == [2]
    assert described(np.array(["2020"], dtype="datetime64[D]"))["head"] == "[datetime.date(2020, 1, 1)]"
    assert described(np.array(5))["shape"] == []


# -- libraries that are too large to install for a test: classes of their names and modules ---------


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """An object whose class is one of a loaded module's, with these attributes and properties that raise."""

    def make(module: str, name: str, forbidden: tuple[str, ...] = (), **members: Any) -> Any:
        def refuse(member: str) -> property:
            def read(self: Any) -> Any:
                raise AssertionError(f"{member} computes the data")

            return property(read)

        body = {"__module__": module, **{each: refuse(each) for each in forbidden}, **members}
        cls = type(name, (), body)
        loaded = types.ModuleType(module)
        setattr(loaded, name, cls)
        monkeypatch.setitem(sys.modules, module, loaded)
        return cls()

    return make


COMPUTING = ("values", "head", "compute", "collect", "toPandas", "count", "__len__", "to_pandas", "__array__")


def test_dask_and_spark_are_described_without_a_computation(made: Callable[..., Any]) -> None:
    dtypes = pd.Series({"a": np.dtype("int64")})
    dask = made(
        "dask.dataframe.core", "DataFrame", COMPUTING, dtypes=dtypes, columns=["a"], npartitions=4,
        shape=(object(), 1),
    )  # fmt: skip
    array = made(
        "dask.array.core", "Array", COMPUTING, shape=(float("nan"), 3), dtype="float64", chunksize=(2, 3)
    )
    spark = made("pyspark.sql.dataframe", "DataFrame", (*COMPUTING, "rdd", "shape"), dtypes=[("a", "bigint")])

    assert (columns(described(dask)), described(dask)["partitions"]) == ({"a": "int64"}, 4)
    assert looks.list_variables({"it": dask})[0]["shape"] == [None, 1]
    assert (described(array)["shape"], described(array)["lazy"]) == ([None, 3], True)
    assert (columns(described(spark)), described(spark)["lazy"]) == ({"a": "bigint"}, True)
    assert looks.list_variables({"it": spark}) == [{"name": "it", "type": "pyspark.DataFrame"}]


def test_another_librarys_table_is_described_by_its_protocol(made: Callable[..., Any]) -> None:
    stream = {"__arrow_c_stream__": lambda self: None}
    ibis = made("ibis.expr", "Table", COMPUTING, schema={"a": "int64"}, execute=None, **stream)
    other = made(
        "other.tables", "Frame", COMPUTING, columns=["a", "b"], dtypes={"a": "x"}, __dataframe__=None
    )

    assert (columns(described(ibis)), described(ibis)["lazy"]) == ({"a": "int64"}, True)
    assert columns(described(other)) == {"a": "x", "b": "?"}


def test_geopandas_and_torch_are_described(made: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    class GeoDataFrame(pd.DataFrame):
        crs = "EPSG:4326"

    GeoDataFrame.__module__ = "geopandas.geodataframe"
    loaded = types.ModuleType("geopandas.geodataframe")
    loaded.GeoDataFrame = GeoDataFrame  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "geopandas.geodataframe", loaded)
    meta = types.SimpleNamespace(type="meta")
    tensor = made("torch", "Tensor", COMPUTING, shape=(2, 3), dtype="torch.float32", device=meta)

    geo = described(GeoDataFrame({"place": ["x"]}))

    assert (geo["crs"], columns(geo)["place"]) == (
        "EPSG:4326",
        str(pd.DataFrame({"place": ["x"]}).dtypes["place"]),
    )
    assert (described(tensor)["shape"], described(tensor)["dtype"]) == ([2, 3], "torch.float32")


# -- hostile objects --------------------------------------------------------------------------------


def test_a_schema_that_takes_too_long_is_not_waited_for(
    made: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "SECONDS", 0.1)
    slow = made("pyspark.sql.dataframe", "DataFrame", dtypes=property(lambda self: time.sleep(30)))
    began = time.monotonic()

    assert described(slow)["unread"] == "its schema could not be read in 0.1 s"
    assert time.monotonic() - began < 10


def test_one_hostile_variable_costs_the_list_nothing() -> None:
    class Length(list[int]):
        def __len__(self) -> int:
            raise ValueError("no length")

    class NoModule:
        pass

    NoModule.__module__ = None  # pyright: ignore[reportAttributeAccessIssue]

    class Pretends:
        __dataframe__ = __arrow_c_stream__ = None

        @property
        def shape(self) -> Any:
            raise AssertionError("called")

        columns = schema = dtypes = shape

    Pretends.__module__ = "polars.dataframe"
    space = {"a": Length(), "b": NoModule(), "c": Pretends(), "d": 10**5000, "e": 1}

    listed = {each["name"]: each for each in looks.list_variables(space)}

    assert sorted(listed) == ["a", "b", "c", "d", "e"]
    assert listed["e"]["value"] == "1"
    for name in ("b", "c", "d"):
        assert json.dumps(looks.describe_variable(name, space))


def test_nothing_is_imported_by_a_look() -> None:
    code = (
        "import sys\nfrom lobu_jupyter.notebook.guest import looks\n"
        "before = set(sys.modules)\n"
        "class A: pass\nlooks.list_variables({'a': A()}); looks.describe_variable('a', {'a': A()})\n"
        "print(sorted(m for m in set(sys.modules) - before if m.partition('.')[0] in "
        "('pandas', 'numpy', 'polars', 'pyarrow', 'torch')))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "[]"
