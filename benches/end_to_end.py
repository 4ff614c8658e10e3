#!/usr/bin/env python3
"""Whole-process comparisons: ropeway against odbc2parquet, CPU seconds, wall time and peak memory.

Each pair runs interleaved in one session and only ratios are worth comparing. Every figure is the least of
`--runs` runs; a run that copies another number of rows than expected is an error, not a figure.

Needs the servers that `benches/run` starts; it passes their addresses as JSON on standard input.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile


class Cost:
    """What one process used: CPU seconds, wall seconds, peak resident MiB."""

    def __init__(self, cpu, wall, peak):
        self.cpu, self.wall, self.peak = cpu, wall, peak

    def __str__(self):
        return f"{self.cpu:7.2f} s CPU {self.wall:7.2f} s wall {self.peak:7.0f} MiB peak"


def run(command, env=None):
    """Runs the command to its end and returns its cost; its failure is ours."""
    start = os.times().elapsed
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **(env or {})})
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = os.times().elapsed - start
    if process.returncode != 0:
        sys.exit(f"{command[0]} failed with {process.returncode}:\n{output.decode(errors='replace')}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def least(costs):
    return Cost(min(c.cpu for c in costs), min(c.wall for c in costs), min(c.peak for c in costs))


def interleaved(runs, **commands):
    """The least cost of each named command over interleaved runs."""
    costs = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            costs[name].append(command())
    best = {name: least(values) for name, values in costs.items()}
    for name, cost in best.items():
        print(f"  {name:<28}{cost}")
    return best


def parquet_rows(path):
    import pyarrow.parquet

    return pyarrow.parquet.ParquetFile(path).metadata.num_rows


class Factory:
    """A Data Factory folder with one Copy activity, written for one measurement."""

    def __init__(self, folder, source, sink):
        self.folder = pathlib.Path(folder)
        for kind, name, document in (
            ("linkedService", "From", source["linkedService"]),
            ("linkedService", "To", sink["linkedService"]),
            ("dataset", "Input", {**source["dataset"], "linkedServiceName": reference("From", "LinkedServiceReference")}),
            ("dataset", "Output", {**sink["dataset"], "linkedServiceName": reference("To", "LinkedServiceReference")}),
            ("pipeline", "Copy", pipeline(source["source"], sink["sink"])),
        ):
            path = self.folder / kind / f"{name}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"name": name, "properties": document}, indent=2))

    def command(self, ropeway, *flags):
        return [ropeway, "run", str(self.folder / "pipeline" / "Copy.json"), "--state", str(self.folder / "state"),
                "--progress", "none", *flags]


def reference(name, kind):
    return {"referenceName": name, "type": kind}


def pipeline(source, sink):
    return {"activities": [{
        "name": "Copy", "type": "Copy",
        "inputs": [reference("Input", "DatasetReference")],
        "outputs": [reference("Output", "DatasetReference")],
        "typeProperties": {"source": source, "sink": sink},
    }]}


def parquet_file(folder, name):
    return {
        "linkedService": {"type": "FileServer", "typeProperties": {"host": str(folder)}},
        "dataset": {"type": "Parquet", "typeProperties": {
            "location": {"type": "FileServerLocation", "fileName": name}, "compressionCodec": "snappy"}},
        "sink": {"type": "ParquetSink", "storeSettings": {"type": "FileServerWriteSettings"}},
    }


def parquet_blob(blob):
    return {
        "linkedService": {"type": "AzureBlobStorage", "typeProperties": {"connectionString": blob["connectionString"]}},
        "dataset": {"type": "Parquet", "typeProperties": {
            "location": {"type": "AzureBlobStorageLocation", "container": blob["container"], "fileName": "ceiling.parquet"},
            "compressionCodec": "snappy"}},
        "sink": {"type": "ParquetSink", "storeSettings": {"type": "AzureBlobStorageWriteSettings"}},
    }


def sql_server_table(port):
    return {
        "linkedService": {"type": "SqlServer", "typeProperties": {
            "server": f"127.0.0.1,{port}", "database": "master", "encrypt": "optional", "authenticationType": "SQL",
            "userName": "sa", "password": {"type": "SecureString", "value": "benchmark"}}},
        "dataset": {"type": "SqlServerTable", "typeProperties": {"schema": "dbo", "table": "lineitem"}},
        # The replay server has no catalogue to cut by.
        "source": {"type": "SqlServerSource", "partitionOption": "None"},
    }


def sql_server_target(server):
    return {
        "linkedService": {"type": "SqlServer", "typeProperties": {
            "server": f"127.0.0.1,{server['port']}", "database": "sales", "encrypt": "optional",
            "trustServerCertificate": True, "authenticationType": "SQL", "userName": "sa",
            "password": {"type": "SecureString", "value": server["password"]}}},
        "dataset": {"type": "SqlServerTable", "typeProperties": {"schema": "dbo", "table": "lineitem"}},
        "sink": {"type": "SqlServerSink", "sqlWriterUseTableLock": True},
    }


def odbc_table(connection, table):
    return {
        "linkedService": {"type": "Odbc", "typeProperties": {
            "connectionString": {"type": "SecureString", "value": connection}, "authenticationType": "Anonymous"}},
        "dataset": {"type": "OdbcTable", "typeProperties": {"tableName": table}},
        "source": {"type": "OdbcSource"},
    }


def check(path, rows):
    found = parquet_rows(path)
    if found != rows:
        sys.exit(f"{path} has {found} rows instead of {rows}: its figure means nothing")


def sql_server_to_parquet(tools, servers, folder, runs):
    print(f"SQL Server to one snappy Parquet file, {servers['replay']['rows']:,} lineitem rows")
    replay = servers["replay"]
    factory = Factory(folder / "sql-server", sql_server_table(replay["port"]), parquet_file(folder, "ropeway.parquet"))
    freetds = f"Driver=FreeTDS;Server=127.0.0.1;Port={replay['port']};TDS_Version=7.4;UID=sa;PWD=benchmark;"

    def ropeway():
        cost = run(factory.command(tools.ropeway))
        check(folder / "ropeway.parquet", replay["rows"])
        return cost

    def odbc2parquet():
        cost = run([tools.odbc2parquet, "--quiet", "query", "--connection-string", freetds, "--column-compression-default",
                    "snappy", str(folder / "peer.parquet"), "SELECT * FROM dbo.lineitem"])
        check(folder / "peer.parquet", replay["rows"])
        return cost

    best = interleaved(runs, ropeway=ropeway, odbc2parquet=odbc2parquet)
    print(f"  CPU of odbc2parquet / ropeway: {best['odbc2parquet'].cpu / best['ropeway'].cpu:.2f} (wanted: at least 2)")


def sql_server_to_sql_server(tools, servers, folder, runs):
    replay, target = servers["replay"], servers["bulkLoad"]
    print(f"SQL Server to SQL Server, {replay['rows']:,} lineitem rows, the target keeps none")
    factory = Factory(folder / "sql-to-sql", sql_server_table(replay["port"]), sql_server_target(target))
    best = interleaved(runs, ropeway=lambda: run(factory.command(tools.ropeway)))
    print(f"  rows for a second of CPU: {replay['rows'] / best['ropeway'].cpu:,.0f} (wanted: at least 1,500,000)")


def postgresql_to_parquet(tools, servers, folder, runs):
    postgres = servers["postgresql"]
    print(f"PostgreSQL through ODBC to one snappy Parquet file, {postgres['rows']:,} rows")
    factory = Factory(folder / "odbc", odbc_table(postgres["connectionString"], postgres["table"]),
                      parquet_file(folder, "ropeway.parquet"))

    def ropeway():
        cost = run(factory.command(tools.ropeway))
        check(folder / "ropeway.parquet", postgres["rows"])
        return cost

    def odbc2parquet(*flags, connection):
        def once():
            cost = run([tools.odbc2parquet, "--quiet", "query", "--connection-string", connection,
                        "--column-compression-default", "snappy", *flags, str(folder / "peer.parquet"),
                        f"SELECT * FROM {postgres['table']}"])
            check(folder / "peer.parquet", postgres["rows"])
            return cost
        return once

    best = interleaved(
        runs,
        ropeway=ropeway,
        odbc2parquet_best=odbc2parquet("--batch-size-row", "20000", "--column-length-limit", "256",
                                       connection=postgres["connectionString"] + "UseDeclareFetch=1;Fetch=20000;"),
        odbc2parquet_default=odbc2parquet(connection=postgres["connectionString"]),
    )
    print(f"  wall of odbc2parquet at its best / ropeway: "
          f"{best['odbc2parquet_best'].wall / best['ropeway'].wall:.2f} (wanted: at least 1)")
    print(f"  peak memory of ropeway / odbc2parquet at its defaults: "
          f"{best['ropeway'].peak / best['odbc2parquet_default'].peak:.2f} (wanted: at most 0.25)")


def memory_ceiling(tools, servers, folder):
    print("--memory 256MiB: peak resident memory of copies of 20 times that size (wanted: below 320 MiB)")
    ceiling = servers["ceiling"]
    blob = servers["blob"]
    to_blob = Factory(folder / "ceiling-blob", sql_server_table(ceiling["port"]), parquet_blob(blob))
    cost = run(to_blob.command(tools.ropeway, "--memory", "256MiB", "--ca-bundle", blob["caBundle"]))
    print(f"  SQL Server to blob           {cost}   {ceiling['bytes'] / 2**30:.1f} GiB read")
    postgres = servers["postgresqlCeiling"]
    to_file = Factory(folder / "ceiling-file", odbc_table(postgres["connectionString"], postgres["table"]),
                      parquet_file(folder, "ceiling.parquet"))
    cost = run(to_file.command(tools.ropeway, "--memory", "256MiB"))
    check(folder / "ceiling.parquet", postgres["rows"])
    print(f"  ODBC to file                 {cost}   {postgres['bytes'] / 2**30:.1f} GiB read")


def small_files(tools, folder):
    """100,000 small files with --memory 256MiB: as they are, and the rows of each into a file of its own."""
    print("100,000 small files, file server to file server, --memory 256MiB:")
    count = 100_000
    for number in range(count):
        path = folder / "in" / f"{number % 100:02}" / f"{number:05}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"id,name\n{number},some text\n")
    for kind in ("Binary", "DelimitedText"):

        def end(place):
            properties = {"location": {"type": "FileServerLocation", "folderPath": place}}
            if kind == "DelimitedText":
                properties["firstRowAsHeader"] = True
            return {"linkedService": {"type": "FileServer", "typeProperties": {"host": str(folder)}},
                    "dataset": {"type": kind, "typeProperties": properties}}

        out = f"out-{kind}"
        source = {"type": f"{kind}Source", "storeSettings": {"type": "FileServerReadSettings", "recursive": True}}
        sink = {"type": f"{kind}Sink"}
        if kind == "DelimitedText":
            sink["formatSettings"] = {"type": "DelimitedTextWriteSettings", "fileExtension": ".csv"}
        factory = Factory(folder / kind, {**end("in"), "source": source}, {**end(out), "sink": sink})
        cost = run(factory.command(tools.ropeway, "--memory", "256MiB"))
        found = sum(1 for path in (folder / out).rglob("*.csv"))
        if found != count:
            sys.exit(f"{found} files were copied, not {count}")
        print(f"  {kind:<28}{cost}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ropeway", required=True)
    parser.add_argument("--odbc2parquet", required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=["sql-server", "postgresql", "memory", "small-files"])
    tools = parser.parse_args()
    servers = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        if tools.only in (None, "sql-server"):
            sql_server_to_parquet(tools, servers, folder, tools.runs)
            sql_server_to_sql_server(tools, servers, folder, tools.runs)
        if tools.only in (None, "postgresql"):
            postgresql_to_parquet(tools, servers, folder, tools.runs)
        if tools.only in (None, "small-files"):
            small_files(tools, folder / "small-files")
        if tools.only in (None, "memory"):
            memory_ceiling(tools, servers, folder)


if __name__ == "__main__":
    main()
