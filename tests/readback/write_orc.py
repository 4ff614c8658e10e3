"""Writes an ORC file with an independent implementation.

    write_orc.py PATH OPTIONS-AS-JSON

Options: rows, zone, and what pyarrow.orc.ORCWriter takes (compression, stripe_size, file_version, ...). There is a column of
every type that has a place, each with nulls, negative and extreme values. `zone` is the time zone of the writer, of three
letters, in a file that is not compressed.
"""

import datetime
import decimal
import json
import sys

import pyarrow as pa
import pyarrow.orc


def column(kind, rows, values):
    return pa.array([values[row % len(values)] for row in range(rows)], kind)


def table(rows):
    exact = decimal.Decimal("12345678901234567890123456.0123456789")
    when = [-9_223_000_000_000_000_001, -1_500_000_001, -1_000_000_000, 0, 1, 1_709_208_000_123_456_700, None]
    columns = {
        "id": pa.array(range(rows), pa.int64()),
        "flag": column(pa.bool_(), rows, [True, None, False, False]),
        "tiny": column(pa.int8(), rows, [-128, 127, None]),
        "small": column(pa.int16(), rows, [-32768, 32767, None, 7]),
        "whole": column(pa.int32(), rows, [-(2**31), 2**31 - 1, None, 0, 5]),
        "big": column(pa.int64(), rows, [-(2**63), 2**63 - 1, None, 12345678901]),
        "single": column(pa.float32(), rows, [-0.0, 1.5, None, float("inf"), 3.4028234663852886e38]),
        "double": column(pa.float64(), rows, [-0.0, 5e-324, None, float("-inf"), 0.1]),
        "text": column(pa.string(), rows, ["", "é€😀", None, "a\u0000b", "long " * 100]),
        "word": column(pa.string(), rows, [f"word {n}" for n in range(50)] + [None]),
        "bytes": column(pa.binary(), rows, [b"", b"\x00\xff", None, bytes(range(256))]),
        "day": column(pa.date32(), rows, [datetime.date(1, 1, 1), None, datetime.date(9999, 12, 31), datetime.date(1970, 1, 1)]),
        "short_decimal": column(pa.decimal128(9, 2), rows, [decimal.Decimal("-1234567.89"), None, decimal.Decimal("0.05")]),
        "long_decimal": column(pa.decimal128(38, 10), rows, [exact, -exact, None, decimal.Decimal("0E-10")]),
        "at": column(pa.timestamp("ns"), rows, when),
        "instant": column(pa.timestamp("ns", "UTC"), rows, when),
        "nothing": column(pa.int32(), rows, [None]),
        # Every way in which runs of nanoseconds are encoded: in steps, at random, few that are longer than the others.
        "steps": pa.array([row * 1_000_003 - 10**9 for row in range(rows)], pa.timestamp("ns")),
        "scattered": pa.array([row * 2654435761**2 % 2**62 - 2**61 for row in range(rows)], pa.timestamp("ns")),
        "outliers": pa.array(
            [row % 50 * 3 + (999_999_937 if row % 97 == 0 else 10**12) for row in range(rows)], pa.timestamp("ns")
        ),
        "random": pa.array([(row * 2654435761) % 2**32 - 2**31 for row in range(rows)], pa.int64()),
    }
    return pa.table(columns)


def main(path, options):
    options = json.loads(options)
    rows, zone = options.pop("rows", 1000), options.pop("zone", None)
    with pyarrow.orc.ORCWriter(path, **options) as writer:
        whole = table(rows)
        # A stripe ends between batches only.
        for first in range(0, max(rows, 1), 10_000):
            writer.write(whole.slice(first, 10_000))
    if zone:
        # pyarrow has no option for it: the field of the stripes' footers, whose length stays the same.
        with open(path, "r+b") as file:
            bytes_ = file.read()
            changed = bytes_.replace(b"\x1a\x03GMT", b"\x1a\x03" + zone.encode())
            assert changed != bytes_ and len(changed) == len(bytes_)
            file.seek(0)
            file.write(changed)


main(*sys.argv[1:])
