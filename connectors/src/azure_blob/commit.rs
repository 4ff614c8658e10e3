//! One Put Block List whose outcome is certain: every unclear answer is settled by asking the blob
//! which run wrote it.

use std::collections::HashMap;

use ropeway_engine::{Error, ErrorKind, Result, chunk::RunId, retry::RetryClass};

use super::{
    client::{Blob, BlobState, Commit, Condition},
    errors::Fault,
    spec::MetadataItem,
};

/// The metadata that says which run wrote a blob. A C# identifier, as the service wants.
pub(crate) const RUN: &str = "ropeway_run";
/// The metadata that says which rows are in it.
pub(crate) const DIGEST: &str = "ropeway_digest";

const TRIES: u32 = 3;

/// What stands at the name after a commit.
pub(crate) enum Settled {
    /// Our blob, whether this commit or an earlier one made it.
    Ours(BlobState),
    /// A blob of the same run with other rows: the source changed between two attempts.
    OtherRows(BlobState),
}

/// True if this run wrote the blob.
pub(crate) fn is_of(state: &BlobState, run: &RunId) -> bool {
    state.metadata.get(RUN).is_some_and(|written| written == run.as_str())
}

/// Commits, or finds that this run did so before.
///
/// # Errors
/// [`ErrorKind::Data`] if somebody else wrote the blob since the run began;
/// [`ErrorKind::Unavailable`] if blocks are gone or the outcome stays unknown.
pub(crate) async fn commit_once(blob: &Blob, run: &RunId, commit: &Commit, condition: &Condition) -> Result<Settled> {
    let at = |fault: &Fault| fault.at(&blob.place);
    let mut unclear = None;
    for _ in 0..TRIES {
        let fault = match blob.commit(commit, condition).await {
            Ok(()) => None,
            Err(fault) if fault.is_unclear() => Some(fault),
            Err(fault) => return Err(at(&fault)),
        };
        // A good answer is checked too: the object itself is the only authority.
        let state = blob.state().await.map_err(|asked| at(&asked).class(RetryClass::Unknown))?;
        if let Some(state) = state.filter(|state| is_of(state, run)) {
            let same = state.length == commit.length && state.metadata.get(DIGEST) == commit.metadata.get(DIGEST);
            let replaces_it = matches!(condition, Condition::Unchanged(etag) if *etag == state.etag);
            if same {
                return Ok(Settled::Ours(state));
            }
            if !replaces_it {
                return Ok(Settled::OtherRows(state));
            }
        }
        match fault {
            // The condition failed and the blob is not ours: somebody else won.
            Some(fault) if fault.is_conflict() || !fault.is_brief() && fault.wire.is_none() => return Err(at(&fault)),
            other => unclear = other,
        }
    }
    Err(unclear.map_or_else(
        || {
            Error::new(
                ErrorKind::Data,
                "the service accepted the blob, but another program replaced it at once; run the copy again when that is done",
            )
            .class(RetryClass::Fatal)
            .with("blob", blob.url.escape_debug())
        },
        |fault| at(&fault).class(RetryClass::Unknown),
    ))
}

/// Checks the person's `metadata` and turns it into headers.
///
/// # Errors
/// [`ErrorKind::Spec`] for a name that is no identifier or is ours, and for a value that cannot
/// stand in a header.
pub(crate) fn user_metadata(items: &[MetadataItem]) -> Result<HashMap<String, String>> {
    let refuse = |reason: &'static str, name: &str| {
        Err(Error::new(ErrorKind::Spec, reason).with("metadata", name.escape_debug()))
    };
    let mut metadata: HashMap<String, String> = HashMap::new();
    for item in items {
        let name = item.name.as_str();
        let identifier = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !identifier {
            return refuse("a metadata name is letters, digits and underscores, and does not start with a digit", name);
        }
        if name.to_ascii_lowercase().starts_with("ropeway") {
            return refuse("metadata names that start with 'ropeway' are taken; use another name", name);
        }
        if item.value.starts_with("$$") {
            return refuse("$$LASTMODIFIED and other reserved values are not filled in; write a value", name);
        }
        if !item.value.chars().all(|c| (' '..='~').contains(&c)) {
            return refuse("a metadata value is printable ASCII; encode other characters", name);
        }
        if metadata.insert(name.to_owned(), item.value.trim().to_owned()).is_some() {
            return refuse("a metadata name stands there twice; keep one", name);
        }
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_is_checked_by_name_and_value() {
        let parse = |value| user_metadata(&serde_json::from_value::<Vec<_>>(value).unwrap());
        assert_eq!(parse(json!([{"name": "owner_1", "value": 7}])).unwrap()["owner_1"], "7");
        for (name, value) in [
            ("1a", "x"),
            ("a-b", "x"),
            ("Ropeway_run", "x"),
            ("a", "ä"),
            ("a", "x\r\ny: z"),
            ("a", "$$LASTMODIFIED"),
            ("", "x"),
        ] {
            assert_eq!(parse(json!([{"name": name, "value": value}])).unwrap_err().kind(), ErrorKind::Spec, "{name}");
        }
    }
}
