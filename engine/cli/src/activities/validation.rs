//! Waits until a file or a folder is there, for a Validation.

use futures::TryStreamExt;
use ropeway_engine::{Error, ErrorKind, Result, files::Entry};
use ropeway_specs::Awaited;
use serde_json::{Value, json};

use super::{
    attempts::cancelled,
    location::{Location, modified, name_of},
    one::{Doing, Done, TIMED_OUT, Trouble},
    task,
};
use crate::report::Moment;

/// Looks until it is there. A store that is away for a moment is looked at again.
pub(super) async fn wait(doing: &Doing<'_>, awaited: &Awaited) -> Result<Done, Trouble> {
    let place = Location::of(doing.crew, &awaited.dataset)?;
    loop {
        let looked = doing.crew.cancel.run_until_cancelled(look(&place, awaited)).await;
        match looked.ok_or_else(|| cancelled(doing))? {
            Ok(Some(output)) => return Ok(task::output(output)),
            Ok(None) => {}
            Err(error) if error.is_transient() => {
                tracing::warn!(activity = doing.path, %error, "the store cannot be looked at and is asked again");
            }
            Err(error) => return Err(error.into()),
        }
        let waited = Moment::now().seconds_since(doing.report.started);
        if waited + awaited.sleep.as_secs_f64() > awaited.timeout.as_secs_f64() {
            return Err(too_long(awaited, &place).into());
        }
        let slept = doing.crew.cancel.run_until_cancelled(tokio::time::sleep(awaited.sleep)).await;
        slept.ok_or_else(|| cancelled(doing))?;
    }
}

/// What is there, if it is what is waited for.
async fn look(place: &Location, awaited: &Awaited) -> Result<Option<Value>> {
    let Some(found) = place.look().await? else { return Ok(None) };
    match found {
        Entry::File(file) => {
            let is_large = awaited.minimum_size.is_none_or(|least| file.bytes >= least);
            Ok(is_large.then(|| {
                json!({
                    "exists": true,
                    "itemName": name_of(&file.path),
                    "itemType": "File",
                    "size": file.bytes,
                    "lastModified": modified(&file),
                })
            }))
        }
        Entry::Folder(path) => {
            let is_filled = place.files.list(&path).try_next().await?.is_some();
            let is_meant = awaited.child_items.is_none_or(|wanted| wanted == is_filled);
            Ok(is_meant.then(|| json!({ "exists": true, "itemName": name_of(&path), "itemType": "Folder" })))
        }
    }
}

fn too_long(awaited: &Awaited, place: &Location) -> Error {
    let message = format!("nothing of that kind came to the path within the timeout, {} s", awaited.timeout.as_secs());
    Error::new(ErrorKind::Data, message).with("path", place.path()).code(TIMED_OUT)
}
