//! A factory of 5,000 files, as large firms have them: everything is found, and how long it took is printed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path, time::Instant};

use ropeway_specs::{Runnable, validate};
use serde_json::{Value, json};

fn write(root: &Path, name: &str, properties: &Value) {
    let file = root.join(format!("{name}.json"));
    let short = name.rsplit('/').next().unwrap();
    fs::write(file, json!({ "name": short, "properties": properties }).to_string()).unwrap();
}

#[test]
fn five_thousand_files_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["pipeline", "dataset", "linkedService"] {
        fs::create_dir(folder.path().join(kind)).unwrap();
    }
    let reference = |name: String, kind: &str| json!({ "referenceName": name, "type": format!("{kind}Reference") });
    for number in 0..500 {
        let service = json!({ "type": "FileServer", "typeProperties": { "host": format!("/data/{number}") } });
        write(folder.path(), &format!("linkedService/Share{number}"), &service);
    }
    for number in 0..3000 {
        let dataset = json!({
            "type": "Parquet",
            "linkedServiceName": reference(format!("Share{}", number % 500), "LinkedService"),
            "parameters": { "day": { "type": "String" } },
            "typeProperties": { "location": { "type": "FileServerLocation", "folderPath": "@concat('orders/', dataset().day)" } },
        });
        write(folder.path(), &format!("dataset/Orders{number}"), &dataset);
    }
    for number in 0..1500 {
        // The last hundred refer to what is not there.
        let target = if number < 1400 { number + 1500 } else { number + 9000 };
        let end = |number: usize| {
            let mut dataset = reference(format!("Orders{number}"), "Dataset");
            dataset["parameters"] = json!({ "day": "@pipeline().parameters.day" });
            json!([dataset])
        };
        let copy = json!({
            "name": "Copy", "type": "Copy", "inputs": end(number), "outputs": end(target),
            "typeProperties": {
                "source": { "type": "ParquetSource", "storeSettings": { "type": "FileServerReadSettings", "recursive": true } },
                "sink": { "type": "ParquetSink", "storeSettings": { "type": "FileServerWriteSettings" } },
            },
        });
        let parameters = json!({ "day": { "type": "String", "defaultValue": "2026-01-01" } });
        write(
            folder.path(),
            &format!("pipeline/Copy{number}"),
            &json!({ "parameters": parameters, "activities": [copy] }),
        );
    }
    let began = Instant::now();
    let validation = validate(&[folder.path().to_path_buf()]);
    println!("5000 files in {:?}", began.elapsed());
    assert_eq!(validation.diagnostics.len(), 100, "{:?}", validation.diagnostics.first());
    assert!(validation.diagnostics.iter().all(|found| found.code == "missing-dataset"));
    let coverage = &validation.coverage[0];
    assert_eq!(coverage.files.loaded, 5000);
    assert_eq!(coverage.pipelines, Runnable { loaded: 1500, runnable: 1400 });
    assert_eq!(coverage.copies, Runnable { loaded: 1500, runnable: 1400 });
}
