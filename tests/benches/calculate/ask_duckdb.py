"""Asks DuckDB the queries of standard input, a JSON list, over a Parquet file of flights: ask_duckdb.py FILE.

Prints for each how long it took the first time, the median of the next ones, and the value of each day.
"""

import json
import statistics
import sys
import time

import duckdb

WARM = 5


def asked(connection: duckdb.DuckDBPyConnection, query: str) -> dict:
    times, rows = [], []
    for _ in range(1 + WARM):
        began = time.perf_counter()
        rows = connection.execute(query).fetchall()
        times.append(time.perf_counter() - began)
    days = {str(day)[:10]: float(value) for day, value in rows if value is not None}
    return {"cold_s": times[0], "warm_s": statistics.median(times[1:]), "days": days}


def main() -> None:
    connection = duckdb.connect()
    path = sys.argv[1].replace("'", "''")
    connection.execute(f"CREATE VIEW flights AS SELECT * FROM read_parquet('{path}')")
    json.dump([asked(connection, query) for query in json.load(sys.stdin)], sys.stdout)


main()
