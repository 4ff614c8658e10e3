//! A dataset that nobody gives, where the Copy says of which kind it is: its format and store, or its kind of table. What
//! the Copy gives to it says what it is made of.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{files::SHEET, stores::FORMATS};

/// The dataset of this source or sink that takes these parameters; `None` if its kind is not clear.
pub(super) fn dataset(copy: &Value, parameters: &BTreeSet<String>) -> Option<Value> {
    let copy_type = copy["type"].as_str()?;
    let base = copy_type.strip_suffix("Source").or_else(|| copy_type.strip_suffix("Sink"))?;
    let parameters = Parameters(parameters);
    let (dataset_type, store, properties) = match base {
        "AzureSql" => ("AzureSqlTable", "AzureSqlDatabase", parameters.table()),
        "SqlServer" => ("SqlServerTable", "SqlServer", parameters.table()),
        format if FORMATS.contains(&format) => {
            let settings = copy["storeSettings"]["type"].as_str()?;
            let store = settings.strip_suffix("ReadSettings").or_else(|| settings.strip_suffix("WriteSettings"))?;
            (format, store, parameters.file(format, store))
        }
        _ => return None,
    };
    Some(json!({
        "type": dataset_type,
        "linkedServiceName": { "referenceName": format!("Given{store}"), "type": "LinkedServiceReference" },
        "parameters": parameters.declared(),
        "typeProperties": properties,
    }))
}

/// The parameters that a reference gives.
struct Parameters<'a>(&'a BTreeSet<String>);

impl Parameters<'_> {
    fn declared(&self) -> Value {
        let kind = |name: &str| if name.to_ascii_lowercase().contains("firstrow") { "Bool" } else { "String" };
        self.0.iter().map(|name| (name.clone(), json!({ "type": kind(name) }))).collect()
    }

    /// The first parameter whose name has one of these parts and none of those, or else a value.
    fn value(&self, parts: &[&str], but: &[&str], otherwise: Value) -> Value {
        let has = |name: &str, parts: &[&str]| parts.iter().any(|part| name.to_ascii_lowercase().contains(part));
        let found = self.0.iter().find(|name| has(name, parts) && !has(name, but));
        found.map_or(otherwise, |name| json!({ "value": format!("@dataset().{name}"), "type": "Expression" }))
    }

    fn table(&self) -> Value {
        json!({ "schema": self.value(&["schema"], &[], json!("dbo")),
                "table": self.value(&["table"], &["schema"], json!("given")) })
    }

    fn file(&self, format: &str, store: &str) -> Value {
        let mut location = json!({
            "type": format!("{store}Location"),
            "folderPath": self.value(&["directory", "path", "folder"], &["filepath"], json!("folder")),
        });
        match store {
            "AzureBlobStorage" => location["container"] = self.value(&["container", "filesystem"], &[], json!("given")),
            "AzureBlobFS" => location["fileSystem"] = self.value(&["container", "filesystem"], &[], json!("given")),
            _ => {}
        }
        let file = self.value(&["file"], &["filesystem"], Value::Null);
        if !file.is_null() {
            location["fileName"] = file;
        }
        let mut properties = json!({ "location": location });
        if matches!(format, "DelimitedText" | "Excel") {
            properties["firstRowAsHeader"] = self.value(&["firstrow"], &[], json!(true));
        }
        match format {
            "DelimitedText" => properties["columnDelimiter"] = json!(","),
            "Excel" => properties["sheetName"] = self.value(&["sheet"], &[], json!(SHEET)),
            _ => {}
        }
        properties
    }
}
