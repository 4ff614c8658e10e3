//! The coverage of a factory as text and as JSON.

use std::{collections::BTreeSet, path::Path};

use ropeway_specs::{Coverage, LeftOut, Runnable};
use serde_json::{Value, json};

use crate::{table::Table, terminal::Safe};

/// Files that are listed of one thing that is left out; JSON has all.
const LISTED: usize = 3;

/// A table of what was loaded and what runs, and a line for everything that is ignored or refused.
pub(super) fn text(coverage: &Coverage) -> String {
    let Coverage { factory, files, definitions, pipelines, copies, left_out } = coverage;
    let mut table = Table::new(["", "loaded", "runnable"]);
    table.row(["files".to_owned(), files.loaded.to_string(), String::new()]);
    for (name, count) in [("failed", files.failed), ("other JSON", files.other)] {
        if count > 0 {
            table.row([format!("  {name}"), count.to_string(), String::new()]);
        }
    }
    for (name, Runnable { loaded, runnable }) in [("pipelines", pipelines), ("copies", copies)] {
        table.row([name.to_owned(), loaded.to_string(), runnable.to_string()]);
    }
    for (key, name) in [("datasets", "datasets"), ("linkedServices", "linked services"), ("others", "others")] {
        let count = definitions.get(key).copied().unwrap_or_default();
        table.row([name.to_owned(), count.to_string(), String::new()]);
    }
    let lines: String = left_out.iter().map(|one| line(one, factory)).collect();
    format!("coverage of {}\n{}{lines}", Safe(factory.display()), table.print("  "))
}

fn line(one: &LeftOut, factory: &Path) -> String {
    let effect = if one.refused { "refused" } else { "ignored" };
    let files: BTreeSet<&Path> =
        one.places.iter().map(|(file, _)| file.strip_prefix(factory).unwrap_or(file)).collect();
    let listed: Vec<String> = files.iter().take(LISTED).map(|file| Safe(file.display()).to_string()).collect();
    let more = match files.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("  {effect} {} x: {} ({}{more})\n", one.places.len(), Safe(&one.message), listed.join(", "))
}

/// Everything.
pub(super) fn document(coverage: &Coverage) -> Value {
    let Coverage { factory, files, definitions, pipelines, copies, left_out } = coverage;
    let runnable = |Runnable { loaded, runnable }: &Runnable| json!({ "loaded": loaded, "runnable": runnable });
    let left_out: Vec<Value> = left_out
        .iter()
        .map(|one| {
            let places: Vec<Value> =
                one.places.iter().map(|(file, path)| json!({ "file": file, "path": path })).collect();
            json!({
                "effect": if one.refused { "refused" } else { "ignored" },
                "code": one.code,
                "message": one.message,
                "count": places.len(),
                "places": places,
            })
        })
        .collect();
    json!({
        "factory": factory,
        "files": { "loaded": files.loaded, "other": files.other, "failed": files.failed },
        "definitions": definitions,
        "pipelines": runnable(pipelines),
        "copies": runnable(copies),
        "leftOut": left_out,
    })
}
