//! Archives of several files, made by other programs: their rows are those of a folder of these files.

use std::{fs, path::Path, process::Command};

use arrow::array::AsArray;
use futures::TryStreamExt;
use ropeway_connectors::registry;
use ropeway_engine::{Result, source::Source};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{limit, target};

fn source(root: &Path, dataset: Value) -> std::sync::Arc<dyn Source> {
    let mut dataset = dataset;
    dataset["location"] = json!({"type": "FileServerLocation", "folderPath": "in"});
    let spec = json!({
        "linkedService": {"type": "FileServer", "host": root.to_str().unwrap()},
        "dataset": dataset,
        "source": {"formatSettings": {"compressionProperties": null}},
    });
    registry().connect_source("FileServer", spec).unwrap()
}

/// The first column of all rows.
async fn ids(root: &Path, dataset: Value) -> Result<Vec<String>> {
    let source = source(root, dataset);
    source.schema().await?;
    let mut ids = Vec::new();
    for chunk in source.plan(target()).await? {
        let batches: Vec<_> = source.read(&chunk, limit()).await?.try_collect().await?;
        for batch in &batches {
            let column = batch.column(0);
            let texts = arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8).unwrap();
            ids.extend(texts.as_string::<i32>().iter().map(|text| text.unwrap().to_owned()));
        }
    }
    ids.sort();
    Ok(ids)
}

/// Files of rows, and what tools leave beside them; packed by `tar` and by Python.
fn packed(files: &[(&str, &str)], archive: &str) -> TempDir {
    let root = TempDir::new().unwrap();
    for (name, text) in files {
        let path = root.path().join("files").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::create_dir(root.path().join("in")).unwrap();
    let into = format!("../in/{archive}");
    let arguments: &[&str] = match archive {
        "all.zip" => &["python3", "-m", "zipfile", "-c", &into, "."],
        "all.tar" => &["tar", "--format=pax", "-cf", &into, "."],
        _ => &["tar", "--format=gnu", "-czf", &into, "."],
    };
    let packer = Command::new(arguments[0]).args(&arguments[1..]).current_dir(root.path().join("files")).status();
    assert!(packer.unwrap().success(), "{arguments:?}");
    root
}

const ARCHIVES: [(&str, &str); 3] = [("all.zip", "ZipDeflate"), ("all.tar", "Tar"), ("all.tar.gz", "TarGzip")];

#[tokio::test]
async fn every_file_of_an_archive_is_read() {
    let long = format!("{}/{}.csv", "folder".repeat(15), "name".repeat(40));
    let files = [
        ("a.csv", "id\n1\n2\n"),
        ("sub/b.csv", "id\n3\n"),
        (long.as_str(), "id\n4\n"),
        (".hidden.csv", "id\n8\n"),
        ("_temporary/x.csv", "id\n9\n"),
    ];
    for (archive, codec) in ARCHIVES {
        let root = packed(&files, archive);
        let text = json!({"type": "DelimitedText", "firstRowAsHeader": true, "compressionCodec": codec});
        assert_eq!(ids(root.path(), text).await.unwrap(), ["1", "2", "3", "4"], "{archive}");
        let root = packed(&[("a.json", "{\"id\": 1}"), ("b.json", "{\"id\": 2}\n{\"id\": 3}")], archive);
        let objects = json!({"type": "Json", "compression": {"type": codec}});
        assert_eq!(ids(root.path(), objects).await.unwrap(), ["1", "2", "3"], "{archive}");
    }
}

#[tokio::test]
async fn files_with_other_columns_are_not_mixed_in_an_archive_either() {
    for (archive, codec) in ARCHIVES {
        let root = packed(&[("a.csv", "id\n1\n"), ("b.csv", "other\n2\n")], archive);
        let text = json!({"type": "DelimitedText", "firstRowAsHeader": true, "compressionCodec": codec});
        let error = ids(root.path(), text).await.unwrap_err();
        assert!(error.to_string().contains("other columns"), "{error}");
        let root = packed(&[("a.csv", "id\n1\n"), ("b.csv", "id\n\"2\n")], archive);
        let text = json!({"type": "DelimitedText", "firstRowAsHeader": true, "compressionCodec": codec});
        let error = ids(root.path(), text).await.unwrap_err();
        assert!(format!("{error:?}").contains("file of the archive"), "{error:?}");
    }
}
