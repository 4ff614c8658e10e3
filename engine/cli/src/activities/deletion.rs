//! Deletes files, for a Delete.

use ropeway_engine::{Error, Result, files::FileEntry};
use ropeway_specs::Deletion;
use serde_json::{Map, Value, json};

use super::{
    location::Location,
    one::{Doing, Done},
    task,
};

/// Deleted files that the report names.
const NAMED: usize = 1_000;

/// Deletes what the dataset and the settings mean. Folders that are left empty stay.
pub(super) async fn delete(doing: &Doing<'_>, deletion: &Deletion) -> Result<Done> {
    let started = std::time::Instant::now();
    let place = Location::of(doing.crew, &deletion.dataset)?;
    let (mut count, mut named) = (0_u64, Vec::new());
    // All of them are known before the first one goes.
    for file in chosen(&place, deletion).await? {
        place.files.delete(&file.path).await?;
        count += 1;
        if named.len() < NAMED {
            named.push(file.path);
        }
    }
    let wildcard = deletion.dataset.store_settings.get("wildcardFileName").cloned().unwrap_or_default();
    Ok(task::output(json!({
        "datasetName": deletion.dataset.name,
        "path": place.path(),
        "recursive": deletion.recursive,
        "isWildcardUsed": !wildcard.is_null(),
        "wildcard": wildcard,
        "filesDeleted": count,
        "effectiveIntegrationRuntime": "Ropeway",
        "executionDuration": started.elapsed().as_secs(),
        "ropeway": { "deleted": named },
    })))
}

/// The code of a selection that finds nothing.
const NOTHING: &str = "UserErrorSourceFileNotExist";

async fn chosen(place: &Location, deletion: &Deletion) -> Result<Vec<FileEntry>> {
    let mut settings = match &deletion.dataset.store_settings {
        Value::Object(settings) => settings.clone(),
        _ => Map::new(),
    };
    settings.insert("recursive".to_owned(), deletion.recursive.into());
    let chooses =
        settings.keys().any(|name| name.starts_with("wildcard") || name.starts_with("modified") || name == "prefix");
    let location = &deletion.dataset.settings.expose()["dataset"]["location"];
    let found = ropeway_connectors::chosen_files(place.files.as_ref(), location, settings.into()).await;
    match found {
        // A choice that nothing fits, in a place that is there, leaves nothing to do.
        Err(error) if error.symbolic_code() == Some(NOTHING) => {
            let is_there = place.files.look(&place.folder).await?.is_some();
            if is_there && chooses { Ok(Vec::new()) } else { Err(missing(place)) }
        }
        found => found,
    }
}

fn missing(place: &Location) -> Error {
    Error::new(ropeway_engine::ErrorKind::Data, "there is nothing to delete at the dataset's path")
        .with("path", place.path())
        .code("UserErrorFileNotFound")
}
