"""Makes code_pages.json: the 256 characters of every single-byte code page that Data Factory names and no crate of ours
knows, as glibc's iconv has them. Bytes without a character are U+FFFD."""

import json
import pathlib
import subprocess

PAGES = {
    "ISO-8859-9": "ISO-8859-9",
    "IBM00858": "CP858",
    **{f"IBM{n}": f"IBM{n}" for n in (
        "037", "273", "437", "500", "737", "775", "850", "852", "855", "857", "860", "861", "863", "864", "865", "869", "870"
    )},
    **{f"IBM0{n}": f"IBM{n}" for n in range(1140, 1150)},
}
ICONV = {"IBM737": "CP737", "IBM775": "CP775"}


def character(page, byte):
    run = subprocess.run(["iconv", "-f", page, "-t", "UTF-8"], input=bytes([byte]), capture_output=True)
    text = run.stdout.decode("utf-8") if run.returncode == 0 else ""
    return text if len(text) == 1 else "\ufffd"


tables = {}
for name, page in PAGES.items():
    tables[name] = "".join(character(ICONV.get(page, page), byte) for byte in range(256))
# That of glibc lacks characters that the page has.
tables["CP875"] = bytes(range(256)).decode("cp875")
lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(table)}" for name, table in tables.items())
pathlib.Path(__file__).with_name("code_pages.json").write_text("{\n" + lines + "\n}\n")
