//! A factory in a folder of its own, with values for the parameters of its templates.

use std::{collections::BTreeMap, fs, path::Path};

use ropeway_specs::import;
use serde_json::{Map, Value, json};

use super::values::plain;
use crate::activities::real_factories::{blobs, real::Real, tables};

/// Data Factory's gallery of templates.
const GALLERY: &str = "Azure__Azure-DataFactory/templates/";

/// The factory of a folder; `None` where the machine has no real definitions.
pub(super) fn with_values(folder: &str) -> Option<Real> {
    if let Some(name) = folder.strip_prefix(GALLERY)
        && let Some(parameters) = of_gallery(name)
    {
        let real = Real::template(name)?;
        real.parameters(&parameters);
        return Some(real);
    }
    let real = Real::folder(folder)?;
    give_parameters(&real.root());
    Some(real)
}

/// What the gallery fills in where a template leaves the stores open.
fn of_gallery(name: &str) -> Option<Value> {
    Some(match name {
        "Bulk Copy from Database" => tables::of_sql_server(),
        "Copy multiple files containers between File Stores" => blobs::of_containers(),
        "Copy new files only by LastModifiedDate" => blobs::of_new_files(),
        "Delta copy from Database" => tables::of_new_rows(),
        "Move files" => blobs::of_moved_files(),
        _ => return None,
    })
}

/// Gives every parameter of a template that has no value its own name, as a container could have it.
fn give_parameters(root: &Path) {
    let mut files: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for found in import(root).diagnostics {
        if found.code == "missing-template-parameter" {
            let name = found.message.split('\'').nth(2).expect("a name").to_owned();
            let file = found.file.to_string_lossy();
            let (template, _) = file.split_once('#').expect("a part of a template");
            files.entry(template.to_owned()).or_default().insert(name.clone(), json!({ "value": plain(&name) }));
        }
    }
    for (template, parameters) in files {
        let file = template.strip_suffix(".json").expect("a template").to_owned() + ".parameters.json";
        let schema = "https://schema.management.azure.com/schemas/2015-01-01/deploymentParameters.json#";
        let text = json!({ "$schema": schema, "contentVersion": "1.0.0.0", "parameters": parameters });
        fs::write(file, text.to_string()).expect("a writable folder");
    }
}
