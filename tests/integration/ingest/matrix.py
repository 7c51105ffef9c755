"""Writes the same three facts in every way that these writers have, and prints a list of what it wrote: matrix.py FOLDER.

Every file holds the column of times and one or more of i, d, kind, b; where it can't hold what the others hold, the list says so.
"""

import datetime as dt
import decimal
import json
import pathlib
import sys

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = pathlib.Path(sys.argv[1])
UTC = dt.timezone.utc
INSTANTS = [dt.datetime(2026, 11, 20, hour, tzinfo=UTC) for hour in (10, 11, 12)]
# As clocks in Berlin show them.
LOCAL = [dt.datetime(2026, 11, 20, hour) for hour in (11, 12, 13)]
DAYS = [dt.date(2026, 11, day) for day in (18, 19, 20)]
I = [1, None, 3]
D = [decimal.Decimal("1.5"), decimal.Decimal("100000000000.5"), None]
KIND = ["north", "süd", None]
B = [True, False, None]
ALL = "i d kind b"
written = []


def add(writer, what, columns, suffix="parquet", **more):
    name = f"{writer}-{what}.{suffix}"
    written.append({"file": name, "columns": columns.split(), **more})
    return str(FOLDER / name)


def arrow(columns, times=None):
    times = pa.array(INSTANTS, pa.timestamp("us", "UTC")) if times is None else times
    return pa.table({"at": times, **columns})


def plain():
    return {
        "i": pa.array(I, pa.int64()),
        "d": pa.array(D, pa.decimal128(18, 2)),
        "kind": pa.array(KIND),
        "b": pa.array(B),
    }


def write_pyarrow():
    for codec in ("none", "snappy", "gzip", "brotli", "zstd", "lz4"):
        for version in ("1.0", "2.0"):
            path = add("pyarrow", f"{codec}-v{version[0]}", ALL)
            pq.write_table(arrow(plain()), path, compression=codec, data_page_version=version)
    for kind in (pa.int8(), pa.int16(), pa.int32(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.float16(), pa.float32(), pa.float64()):
        pq.write_table(arrow({"i": pa.array(I, pa.int64()).cast(kind)}), add("pyarrow", f"i-{kind}", "i"))
    for precision, scale in ((18, 2), (38, 18), (60, 30), (76, 6)):
        kind = pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)
        pq.write_table(arrow({"d": pa.array(D, kind)}), add("pyarrow", f"d-{precision}-{scale}", "d"))
    path = add("pyarrow", "d-as-integer", "d")
    pq.write_table(arrow({"d": pa.array(D, pa.decimal128(18, 2))}), path, store_decimal_as_integer=True)
    pq.write_table(arrow({"d": pa.array([1.5, 100000000000.5, None])}), add("pyarrow", "d-float64", "d"))
    for kind in (pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()):
        values = [None if text is None else text.encode() for text in KIND] if "binary" in str(kind) else KIND
        pq.write_table(arrow({"kind": pa.array(values, kind)}), add("pyarrow", f"kind-{kind}", "kind"))
    for name, values in (("i", I), ("kind", KIND)):
        pq.write_table(arrow({name: pa.array(values).dictionary_encode()}), add("pyarrow", f"{name}-dictionary", name))
    pq.write_table(arrow({"note": pa.nulls(3)}), add("pyarrow", "null", ""))
    for encoding in ("PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"):
        path = add("pyarrow", f"kind-{encoding}", "kind")
        pq.write_table(arrow({"kind": pa.array(KIND)}), path, use_dictionary=False, column_encoding={"kind": encoding})
    for unit in ("s", "ms", "us", "ns"):
        for name, zone, times in (("utc", "UTC", INSTANTS), ("local", None, LOCAL)):
            table = arrow({"i": pa.array(I)}, pa.array(times, pa.timestamp(unit, zone)))
            pq.write_table(table, add("pyarrow", f"at-{unit}-{name}", "i"), version="2.6")
    for kind in (pa.date32(), pa.date64()):
        pq.write_table(arrow({"i": pa.array(I)}, pa.array(DAYS, kind)), add("pyarrow", f"at-{kind}", "i", days=True))
    millis = [int(time.timestamp() * 1000) for time in INSTANTS]
    for kind in (pa.int64(), pa.float64()):
        pq.write_table(arrow({"i": pa.array(I)}, pa.array(millis).cast(kind)), add("pyarrow", f"at-{kind}", "i"))
    lists = arrow({"i": pa.array([[1], [2], [3]])})
    pq.write_table(lists, add("pyarrow", "list", "", refused="is a list or a structure"))
    noon = arrow({"i": pa.array([dt.time(12)] * 3, pa.time64("us"))})
    pq.write_table(noon, add("pyarrow", "time-of-day", "", rows_refused="a column of a type that no attribute has"))


def write_documented_shapes():
    """Spark and Athena: INT96, and decimals as bytes of fixed length."""
    for name, codec in (("spark", "snappy"), ("athena", "gzip"), ("athena", "zstd")):
        table = arrow({**plain(), "d": pa.array(D, pa.decimal128(38, 18))}, pa.array(INSTANTS, pa.timestamp("ns", "UTC")))
        options = {"use_deprecated_int96_timestamps": True, "store_schema": False, "store_decimal_as_integer": False}
        pq.write_table(table, add(name, f"int96-{codec}", ALL), compression=codec, **options)
    # In nanoseconds of 64 bits these would be days of this year.
    far = pa.array([dt.datetime(2611, 6, 1, tzinfo=UTC)] * 3, pa.timestamp("us", "UTC"))
    path = add("spark", "int96-far", "", rows_refused="more than a day in the future")
    pq.write_table(arrow({"i": pa.array(I)}, far), path, **options)
    beyond = pa.array([9_400_000_000_000_000] * 3).cast(pa.timestamp("ms", "UTC"))
    path = add("pyarrow", "at-ms-beyond", "", rows_refused="a time that no calendar reaches")
    pq.write_table(arrow({"i": pa.array(I)}, beyond), path)


def write_pandas():
    frame = pd.DataFrame({"at": pd.to_datetime(INSTANTS), "i": I, "d": D, "kind": KIND, "b": B})
    exact = frame.astype({"i": "Int64", "b": "boolean"})
    for codec in (None, "snappy", "gzip", "brotli", "zstd", "lz4"):
        exact.to_parquet(add("pandas", f"{codec}".lower(), ALL), compression=codec, index=False)
    frame.to_parquet(add("pandas", "gaps-as-floats", ALL), index=False)
    exact.astype({"kind": "category"}).to_parquet(add("pandas", "category", ALL), index=False)
    exact[["at", "i"]].astype({"i": "category"}).to_parquet(add("pandas", "category-of-integers", "i"), index=False)
    exact[["at", "kind"]].assign(note=None).to_parquet(add("pandas", "null", "kind"), index=False)
    exact.set_index(pd.Index([5, 7, 9])).to_parquet(add("pandas", "index-without-name", ALL))
    exact.set_index(pd.Index([5, 7, 9], name="row")).to_parquet(add("pandas", "index-of-no-attribute", ALL))
    exact.set_index("at").to_parquet(add("pandas", "index-of-times", ALL))
    exact.assign(at=pd.to_datetime(LOCAL)).to_parquet(add("pandas", "local", ALL), index=False)
    for suffix in ("csv", "csv.gz"):
        frame.to_csv(add("pandas", "comma", ALL, suffix), index=False)
    with pa.CompressedOutputStream(add("pandas", "comma", ALL, "csv.zst"), "zstd") as packed:
        packed.write(frame.to_csv(index=False).encode())
    dialect = {"delimiter": "semicolon", "decimal": "comma"}
    floats = frame.astype({"d": float})
    floats.to_csv(add("pandas", "semicolon", ALL, "csv", metadata=dialect), index=False, sep=";", decimal=",")
    floats.to_csv(add("pandas", "undeclared", "", "csv", refused="lie between semicolons"), index=False, sep=";")
    frame.to_csv(add("pandas", "tab", ALL, "tsv"), index=False, sep="\t")
    exact.assign(at=[time.isoformat() for time in INSTANTS]).astype({"d": float}).to_json(
        add("pandas", "lines", ALL, "ndjson.gz"), orient="records", lines=True
    )


def write_polars():
    schema = {"at": pl.Datetime("us", "UTC"), "i": pl.Int64, "d": pl.Decimal(20, 2), "kind": pl.String, "b": pl.Boolean}
    frame = pl.DataFrame({"at": INSTANTS, "i": I, "d": D, "kind": KIND, "b": B}, schema=schema)
    for codec in ("uncompressed", "snappy", "gzip", "brotli", "zstd", "lz4"):
        frame.write_parquet(add("polars", codec, ALL), compression=codec)
    for name, kind in (("i", pl.Int8), ("i", pl.UInt64), ("i", pl.Float32), ("d", pl.Decimal(38, 18)), ("d", pl.Float64), ("kind", pl.Categorical), ("kind", pl.Enum(["north", "süd"])), ("kind", pl.Binary)):
        path = add("polars", f"{name}-{str(kind).split('(')[0].lower()}", name)
        frame.select("at", pl.col(name).cast(kind)).write_parquet(path)
    for unit in ("ms", "us", "ns"):
        frame.select(pl.Series("at", LOCAL, pl.Datetime(unit)), "i").write_parquet(add("polars", f"at-{unit}-local", "i"))
    frame.select(pl.Series("at", DAYS), "i").write_parquet(add("polars", "at-date", "i", days=True))
    frame.select("at", pl.lit(None).alias("note")).write_parquet(add("polars", "null", ""))
    frame.write_csv(add("polars", "comma", ALL, "csv"))
    frame.write_csv(add("polars", "semicolon", ALL, "csv", metadata={"delimiter": "semicolon"}), separator=";")


def write_duckdb():
    base = duckdb.connect()
    base.execute("SET TimeZone = 'UTC'")
    rows = "(VALUES ('2026-11-20 10:00:00+00', 1, 1.5, 'north', true), ('2026-11-20 11:00:00+00', NULL, 100000000000.5, 'süd', false), ('2026-11-20 12:00:00+00', 3, NULL, NULL, NULL)) AS t(time, i, d, kind, b)"
    usual = "time::TIMESTAMPTZ AS \"at\", i::BIGINT AS i, d::DECIMAL(18, 2) AS d, kind, b"

    def copy(what, columns, options, path):
        base.execute(f"COPY (SELECT {columns} FROM {rows}) TO '{path}' ({options})")

    for codec in ("uncompressed", "snappy", "gzip", "zstd", "brotli", "lz4", "lz4_raw"):
        copy(codec, usual, f"FORMAT parquet, COMPRESSION {codec}", add("duckdb", codec, ALL))
    copy("v2", usual, "FORMAT parquet, PARQUET_VERSION v2", add("duckdb", "v2", ALL))
    for name, kind in (("i", "TINYINT"), ("i", "UBIGINT"), ("i", "HUGEINT"), ("i", "FLOAT"), ("d", "DECIMAL(38, 18)"), ("d", "DOUBLE"), ("kind", "ENUM ('north', 'süd')"), ("kind", "BLOB")):
        value = f"encode({name})" if kind == "BLOB" else f"{name}::{kind}"
        path = add("duckdb", f"{name}-{kind.split()[0].split('(')[0].lower()}", name)
        copy(kind, f"time::TIMESTAMPTZ AS \"at\", {value} AS {name}", "FORMAT parquet", path)
    for kind in ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"):
        local = f"(time::TIMESTAMPTZ::TIMESTAMP + INTERVAL 1 HOUR)::{kind} AS \"at\", i"
        copy(kind, local, "FORMAT parquet", add("duckdb", f"at-{kind.lower()}-local", "i"))
    path = add("duckdb", "uuid", "", rows_refused="bytes that are no text in UTF-8")
    copy("uuid", "time::TIMESTAMPTZ AS \"at\", uuid() AS kind", "FORMAT parquet", path)
    copy("csv", usual, "FORMAT csv, HEADER", add("duckdb", "comma", ALL, "csv"))
    copy("csv", usual, "FORMAT csv, HEADER, COMPRESSION gzip", add("duckdb", "comma", ALL, "csv.gz"))


for write in (write_pyarrow, write_documented_shapes, write_pandas, write_polars, write_duckdb):
    write()
print(json.dumps(written))
