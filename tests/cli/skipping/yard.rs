//! A workshop whose input has rows with too many columns.

use std::{fmt::Write as _, fs, path::PathBuf};

use serde_json::json;

use crate::cli::workshop::Workshop;

/// Text files, of which every tenth row does not fit, into a folder of Parquet files.
pub(super) struct Yard {
    pub(super) workshop: Workshop,
    files: u32,
    rows: u32,
}

impl Yard {
    pub(super) fn new(files: u32, rows: u32) -> Self {
        let workshop = Workshop::folder(0.001);
        let reference = |name: &str| json!({ "referenceName": name, "type": "LinkedServiceReference" });
        workshop.define(
            "dataset/Lines",
            json!({
                "type": "DelimitedText",
                "linkedServiceName": reference("Files"),
                "typeProperties": {
                    "location": { "type": "FileServerLocation", "folderPath": "in" },
                    "firstRowAsHeader": true,
                },
            }),
        );
        workshop.change("pipeline/CopyLineitem", |pipeline| {
            let copy = &mut pipeline["activities"][0];
            copy["inputs"][0]["referenceName"] = "Lines".into();
            copy["policy"] = json!({ "retry": 0 });
            let settings = &mut copy["typeProperties"];
            settings["source"] = json!({
                "type": "DelimitedTextSource",
                "storeSettings": { "type": "FileServerReadSettings", "recursive": true },
            });
            settings["enableSkipIncompatibleRow"] = true.into();
            settings["logSettings"] = json!({
                "enableCopyActivityLog": true,
                "copyActivityLogSettings": { "logLevel": "Warning", "enableReliableLogging": false },
                "logLocationSettings": { "linkedServiceName": reference("Files"), "path": "logs/of copies/" },
            });
        });
        let yard = Self { workshop, files, rows };
        for file in 0..files {
            let row = |row| {
                if misfits(row) {
                    format!("{file}-{row},\"so \\\"called\\\"\",,extra")
                } else {
                    format!("{file}-{row},b")
                }
            };
            yard.write(file, (0..rows).map(row));
        }
        yard
    }

    /// Writes a file of rows of two columns.
    pub(super) fn write(&self, file: u32, rows: impl Iterator<Item = String>) {
        let mut text = "id,name\n".to_owned();
        rows.for_each(|row| writeln!(text, "{row}").expect("memory"));
        let folder = self.workshop.data().join("in");
        fs::create_dir_all(&folder).expect("a writable folder");
        fs::write(folder.join(format!("{file}.csv")), text).expect("a writable folder");
    }

    /// The ids of the rows that do not fit, sorted.
    pub(super) fn misfits(&self) -> Vec<String> {
        let all = (0..self.files).flat_map(|file| (0..self.rows).map(move |row| (file, row)));
        let mut ids: Vec<_> = all.filter(|(_, row)| misfits(*row)).map(|(file, row)| format!("{file}-{row}")).collect();
        ids.sort();
        ids
    }

    /// Rows that fit.
    pub(super) fn fitting(&self) -> u64 {
        u64::from(self.files * self.rows) - self.misfits().len() as u64
    }

    /// The one log that is visible, and its text.
    pub(super) fn log(&self) -> Option<(PathBuf, String)> {
        let logs = self.workshop.data().join("logs");
        let found: Vec<_> = self.workshop.visible().into_iter().filter(|file| file.starts_with(&logs)).collect();
        assert!(found.len() <= 1, "{found:?}");
        let path = found.into_iter().next()?;
        let text = fs::read_to_string(&path).expect("readable");
        Some((path, text))
    }
}

fn misfits(row: u32) -> bool {
    row % 10 == 7
}

/// The ids of the rows in a log, sorted; a header is none.
pub(crate) fn lines(log: &str) -> Vec<String> {
    let id = |line: &str| Some(line.split_once("TabularRowSkip,\"\"\"")?.1.split_once('"')?.0.to_owned());
    let mut ids: Vec<_> = log.lines().filter_map(id).collect();
    ids.sort();
    ids
}
