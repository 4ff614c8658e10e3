"""Reads a file that Ropeway wrote with an independent implementation and prints what is in it.

    readback.py parquet PATH [LIMIT]
    readback.py orc PATH [LIMIT]
    readback.py csv PATH [OPTIONS-AS-JSON] [LIMIT]
    readback.py json PATH [LIMIT]
    readback.py avro PATH [LIMIT]

PATH is a file or a folder of files. The answer is one JSON object: the columns with their types, the
number of rows, and the first LIMIT rows (all without it), every value as its canonical text, null as
null. CSV options: delimiter, quote, escape, header.
"""

import bz2
import datetime
import decimal
import gzip
import json
import pathlib
import sys

import fastavro
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.orc
import pyarrow.parquet


def files(path):
    path = pathlib.Path(path)
    if path.is_file():
        return [path]
    return sorted(p for p in path.iterdir() if p.is_file() and p.name[0] not in "._")


def parquet(path):
    return pyarrow.parquet.ParquetFile(path).read()


def orc(path):
    return pyarrow.orc.ORCFile(path).read()


def csv(path, options):
    columns = pa.csv.ConvertOptions(strings_can_be_null=True, null_values=[""], quoted_strings_can_be_null=False)
    header = options.get("header", True)
    read = pa.csv.ReadOptions(autogenerate_column_names=not header)
    escape = options.get("escape", "\\")
    quote = options.get("quote", '"')
    parse = pa.csv.ParseOptions(
        delimiter=options.get("delimiter", ","),
        quote_char=quote,
        double_quote=escape == quote,
        escape_char=False if escape == quote else escape,
        newlines_in_values=True,
    )
    # First the names, then everything as text: what a value looks like is what is tested.
    names = pa.csv.read_csv(path, read_options=read, parse_options=parse).column_names
    columns.column_types = {name: pa.string() for name in names}
    return pa.csv.read_csv(path, read_options=read, parse_options=parse, convert_options=columns)


def objects(path):
    """The objects of a JSON file: lines of them, or one array."""
    opened = {".gz": gzip.open, ".bz2": bz2.open}.get(path.suffix, open)
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        text = file.read()
    # Numbers as they are written: what Python makes of them is not what is tested.
    parse = {"parse_int": str, "parse_float": str}
    if text.startswith("["):
        return json.loads(text, **parse)
    return [json.loads(line, **parse) for line in text.split("\n") if line]


def records(path):
    with open(path, "rb") as file:
        return list(fastavro.reader(file))


def shown(value):
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return str(value)


def rowwise(kind, path, limit):
    rows = [row for file in files(path) for row in (objects if kind == "json" else records)(file)]
    names = list(rows[0]) if rows else []
    assert all(list(row) == names for row in rows), "objects have other properties, or in another order"
    values = [[shown(value) for value in row.values()] for row in rows[:limit]]
    json.dump({"schema": [[name, kind] for name in names], "rows": len(rows), "values": values}, sys.stdout)


def canonical(column):
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return [None if value is None else str(value) for value in column.to_pylist()]
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return [None if value is None else value.hex() for value in column.to_pylist()]
    if pa.types.is_floating(kind):
        return [None if value is None else repr(value) for value in column.to_pylist()]
    return pc.cast(column, pa.string()).to_pylist()


def main(kind, path, *rest):
    rest = list(rest)
    options = json.loads(rest.pop(0)) if kind == "csv" and rest else {}
    limit = int(rest.pop(0)) if rest else None
    if kind in ("json", "avro"):
        return rowwise(kind, path, limit)
    tabular = {"parquet": parquet, "orc": orc, "csv": lambda file: csv(file, options)}[kind]
    tables = [tabular(file) for file in files(path)]
    table = pa.concat_tables(tables)
    shown = table.slice(0, limit) if limit is not None else table
    values = [canonical(column) for column in shown.itercolumns()]
    answer = {
        "schema": [[field.name, str(field.type)] for field in table.schema],
        "rows": table.num_rows,
        "values": [list(row) for row in zip(*values)],
    }
    json.dump(answer, sys.stdout)


main(*sys.argv[1:])
