//! Column mapping and type conversion, by the real binary: what a definition says of columns, and what arrives.

mod bad_input;
mod files;
mod kill;
mod objects;
mod tables;

use std::fs;

use serde_json::{Value, json};

use crate::{cli::workshop::Workshop, end_to_end::oracle::Row};

/// Text files to files of a format, of one column mapping.
struct Files {
    workshop: Workshop,
}

impl Files {
    /// `in/NAME` has these lines; with a header or without.
    fn new(files: &[(&str, &str)], header: bool) -> Self {
        let workshop = Workshop::folder(0.001);
        workshop.define("dataset/Lines", text(&json!({ "type": "FileServerLocation", "folderPath": "in" }), header));
        for (name, lines) in files {
            let file = workshop.data().join("in").join(name);
            fs::create_dir_all(file.parent().expect("a folder")).expect("a writable folder");
            fs::write(file, lines).expect("a writable folder");
        }
        let files = Self { workshop };
        files.change(|settings| {
            settings["source"] = json!({
                "type": "DelimitedTextSource",
                "storeSettings": { "type": "FileServerReadSettings", "recursive": true },
            });
        });
        files.workshop.change("pipeline/CopyLineitem", |pipeline| {
            pipeline["activities"][0]["inputs"][0]["referenceName"] = "Lines".into();
            pipeline["activities"][0]["policy"] = json!({ "retry": 0 });
        });
        files
    }

    /// Writes one text file, `out/copy.csv`, instead of a folder of Parquet files.
    fn write_one_text(&self) {
        let location = json!({ "type": "FileServerLocation", "folderPath": "out", "fileName": "copy.csv" });
        self.workshop.define("dataset/Target", text(&location, true));
        self.change(|settings| {
            settings["sink"] = json!({
                "type": "DelimitedTextSink",
                "storeSettings": { "type": "FileServerWriteSettings" },
                "formatSettings": { "type": "DelimitedTextWriteSettings", "fileExtension": ".csv" },
            });
        });
    }

    /// Changes the `typeProperties` of the Copy.
    fn change(&self, change: impl FnOnce(&mut Value)) {
        self.workshop
            .change("pipeline/CopyLineitem", |pipeline| change(&mut pipeline["activities"][0]["typeProperties"]));
    }

    /// Sets the translator.
    fn map(&self, translator: Value) {
        self.change(|settings| {
            settings["translator"] = translator;
            settings["translator"]["type"] = "TabularTranslator".into();
        });
    }

    /// The header and the sorted lines of `out/copy.csv`.
    fn copied(&self) -> Vec<String> {
        let text = fs::read_to_string(self.workshop.data().join("out/copy.csv")).expect("a copy");
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines[1..].sort();
        lines
    }
}

fn text(location: &Value, header: bool) -> Value {
    json!({
        "type": "DelimitedText",
        "linkedServiceName": { "referenceName": "Files", "type": "LinkedServiceReference" },
        "typeProperties": {
            "location": location, "columnDelimiter": ",", "quoteChar": "\"", "escapeChar": "\"", "nullValue": "NULL",
            "firstRowAsHeader": header,
        },
    })
}

/// One item of `mappings`: by name, or by position where it is a number.
fn item(source: impl Into<Value>, sink: impl Into<Value>) -> Value {
    let end = |end: Value| match end {
        Value::String(name) => json!({ "name": name }),
        Value::Number(ordinal) => json!({ "ordinal": ordinal }),
        other => other,
    };
    json!({ "source": end(source.into()), "sink": end(sink.into()) })
}

fn row(values: &[&str]) -> Row {
    values.iter().map(|value| (*value != "NULL").then(|| (*value).to_owned())).collect()
}
