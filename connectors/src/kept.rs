//! What the journal keeps of the files of a chunk, as text: as trees of values the files of a run, a hundred thousand of
//! them, would take gigabytes.

use ropeway_engine::{Error, ErrorKind, Result};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// What a receipt, or the recipe of a chunk, keeps of its files.
///
/// # Errors
/// A defect of ours.
pub(crate) fn kept_as_text(kept: &impl Serialize) -> Result<Value> {
    serde_json::to_string(kept).map(Value::String).map_err(|error| {
        Error::new(ErrorKind::Bug, "what is kept of files cannot be written; please report it").caused_by(error)
    })
}

/// The same back from there.
///
/// # Errors
/// It is nothing that was kept of files.
pub(crate) fn kept_in<T: DeserializeOwned>(kept: &Value) -> Result<T> {
    // Earlier builds kept parts of folders, and recipes, as trees.
    kept.as_str().map_or_else(|| T::deserialize(kept), serde_json::from_str).map_err(|error| {
        Error::new(ErrorKind::Bug, "what is kept of a chunk is damaged; start the run anew and report it")
            .caused_by(error)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What earlier builds kept as trees is read as well, so that their runs can be resumed.
    #[test]
    fn what_is_kept_comes_back_from_a_text_and_from_a_tree() {
        let kept = vec![("a".to_owned(), 1)];
        let text = kept_as_text(&kept).unwrap();
        assert!(text.is_string());
        for detail in [text, json!([["a", 1]])] {
            assert_eq!(kept_in::<Vec<(String, u32)>>(&detail).unwrap(), kept);
        }
        assert!(kept_in::<Vec<(String, u32)>>(&json!("[[1]]")).is_err());
        assert!(kept_in::<Vec<(String, u32)>>(&Value::Null).is_err());
    }
}
