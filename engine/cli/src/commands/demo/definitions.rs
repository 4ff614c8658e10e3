//! The demo's factory: what a person would write for the same job.

use std::{fs, io, path::Path};

use serde_json::{Value, json};

/// Writes the definitions where a person can read them and run them again.
pub(super) fn lay_out(folder: &Path, scale_factor: f64) -> io::Result<()> {
    let reference = |name: &str, kind: &str| json!({ "referenceName": name, "type": kind });
    let generator = json!({ "type": "Synthetic", "typeProperties": {} });
    let files = json!({ "type": "FileServer", "typeProperties": { "host": folder } });
    let lineitem = json!({
        "type": "SyntheticTable",
        "linkedServiceName": reference("Generator", "LinkedServiceReference"),
        "typeProperties": { "table": "lineitem", "scaleFactor": scale_factor },
    });
    let target = json!({
        "type": "Parquet",
        "linkedServiceName": reference("Files", "LinkedServiceReference"),
        "typeProperties": {
            "location": { "type": "FileServerLocation", "folderPath": "data", "fileName": "lineitem.parquet" },
            "compressionCodec": "snappy",
        },
    });
    let copy = json!({
        "name": "Copy lineitem",
        "type": "Copy",
        "inputs": [reference("Lineitem", "DatasetReference")],
        "outputs": [reference("Target", "DatasetReference")],
        "typeProperties": {
            "source": { "type": "SyntheticSource" },
            "sink": { "type": "ParquetSink", "storeSettings": { "type": "FileServerWriteSettings" } },
        },
    });
    write(folder, "linkedService/Generator", generator)?;
    write(folder, "linkedService/Files", files)?;
    write(folder, "dataset/Lineitem", lineitem)?;
    write(folder, "dataset/Target", target)?;
    write(folder, "pipeline/CopyLineitem", json!({ "activities": [copy] }))
}

fn write(folder: &Path, name: &str, properties: Value) -> io::Result<()> {
    let file = folder.join(format!("{name}.json"));
    file.parent().map_or(Ok(()), fs::create_dir_all)?;
    let short = name.rsplit('/').next().unwrap_or(name);
    fs::write(file, format!("{:#}\n", json!({ "name": short, "properties": properties })))
}
