"""Prints the totals of the demo's table as an independent reader sees them in a Parquet file: one line."""

import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

table = pyarrow.parquet.ParquetFile(sys.argv[1]).read()
days = pc.cast(table["ordered"], pa.int32())
micros = pc.cast(table["created"], pa.int64())
print(
    table.num_rows,
    pc.sum(table["id"]),
    pc.sum(pc.cast(table["amount"], pa.decimal128(38, 4))),
    pc.sum(pc.binary_length(pc.cast(table["customer"], pa.binary()))),
    table["note"].null_count,
    pc.sum(pc.binary_length(pc.cast(table["note"], pa.binary()))),
    pc.sum(days),
    # As decimals: the sum is beyond 64 bits.
    pc.sum(pc.cast(micros, pa.decimal128(38, 0))),
    sep="|",
)
