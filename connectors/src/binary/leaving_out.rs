//! Which files a copy leaves out instead of ending with them: `skipErrorFile`.

use ropeway_engine::{Error, skipping::SkippedRow};
use serde::Deserialize;

use super::naming::kept;
use crate::azure_blob::copied;

/// The symbolic code of a blob that is gone since it was listed.
pub(crate) const BLOB_MISSING: &str = "UserErrorSourceBlobNotExist";
/// The same of a file.
pub(crate) const FILE_MISSING: &str = "UserErrorFileNotFound";
/// The code of a blob that this login may not read.
pub(crate) const BLOB_FORBIDDEN: &str = "AzureBlobOperationFailed";
/// The same of a file.
pub(crate) const FILE_FORBIDDEN: &str = "FileForbidden";
/// The code of a file that is another one than was listed.
pub(crate) const CHANGED: &str = "DataConsistencySourceDataChanged";
/// The code of a file whose bytes are not those of its MD5.
pub(crate) const WRONG_MD5: &str = "UserErrorSourceDataInconsistent";
/// The code of a name that the sink does not take.
pub(crate) const INVALID_NAME: &str = "InvalidFileName";

/// The codes of files that are left out because they are inconsistent.
pub const INCONSISTENT_FILES: [&str; 2] = [CHANGED, WRONG_MD5];

/// The classes of errors that leave a file out; nothing else does.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SkipErrorFile {
    file_missing: bool,
    file_forbidden: bool,
    data_inconsistency: bool,
    /// How the sink names files, if those are left out whose names it does not take.
    invalid_file_name: Option<SinkNames>,
}

/// What a sink does with the paths of files.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SinkNames {
    /// Whether they become names of blobs.
    blobs: bool,
    /// The folder that they go to.
    folder: String,
}

/// Why a file is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Missing,
    Forbidden,
    Inconsistent,
    InvalidName,
}

impl Cause {
    /// What an error says of the one file that was read; `None` if it may be about more than that.
    pub(crate) fn of(error: &Error) -> Option<Self> {
        Self::named(error.symbolic_code()?)
    }

    /// The same of its symbolic code.
    pub(crate) fn named(code: &str) -> Option<Self> {
        match code {
            BLOB_MISSING | FILE_MISSING => Some(Self::Missing),
            BLOB_FORBIDDEN | FILE_FORBIDDEN => Some(Self::Forbidden),
            CHANGED | WRONG_MD5 => Some(Self::Inconsistent),
            INVALID_NAME => Some(Self::InvalidName),
            _ => None,
        }
    }

    /// What to set for files to be left out because of it.
    fn setting(self) -> &'static str {
        match self {
            Self::Missing => "skipErrorFile.fileMissing",
            Self::Forbidden => "skipErrorFile.fileForbidden",
            Self::Inconsistent => "validateDataConsistency and skipErrorFile.dataInconsistency",
            Self::InvalidName => "skipErrorFile.invalidFileName",
        }
    }
}

impl SkipErrorFile {
    pub(crate) fn allows(&self, cause: Cause) -> bool {
        match cause {
            Cause::Missing => self.file_missing,
            Cause::Forbidden => self.file_forbidden,
            Cause::Inconsistent => self.data_inconsistency,
            Cause::InvalidName => self.invalid_file_name.is_some(),
        }
    }

    /// The error of a name that the sink does not take, if files are left out for theirs.
    pub(crate) fn refused(&self, path: &str) -> Option<Error> {
        let names = self.invalid_file_name.as_ref()?;
        let target = kept(&names.folder, path);
        let taken = if names.blobs { target.and_then(|target| copied(&target)) } else { target };
        taken.err()
    }

    /// In words, for a plan.
    pub(crate) fn words(&self) -> Option<String> {
        let words = [
            (Cause::Missing, "are gone when they are read"),
            (Cause::Forbidden, "may not be read"),
            (Cause::Inconsistent, "changed since the plan, or are not what their MD5 is of"),
            (Cause::InvalidName, "have names that the sink does not take"),
        ];
        let allowed: Vec<_> = words.iter().filter(|(cause, _)| self.allows(*cause)).map(|(_, words)| *words).collect();
        (!allowed.is_empty()).then(|| format!("files that {}", allowed.join(", or ")))
    }
}

/// The error of a file that ends the copy, with what to set instead.
pub(crate) fn advised(error: Error) -> Error {
    match Cause::of(&error) {
        Some(cause) => error.with("to skip such files set", cause.setting()),
        None => error,
    }
}

/// A file as a line of the session log: its path below the dataset's folder, and why it is not there.
pub(crate) fn skipped(path: &str, error: &Error) -> SkippedRow {
    let code = error.symbolic_code().unwrap_or_default();
    let message = format!(
        "File is skipped after read 0 bytes: ErrorCode={code},'Type=Ropeway.{:?},Message={error},Source=ropeway,'.",
        error.kind()
    );
    SkippedRow { cells: vec![Some(path.to_owned())], code, message: message.into() }
}

#[cfg(test)]
mod tests {
    use ropeway_engine::ErrorKind;
    use serde_json::json;

    use super::*;

    fn rules(value: serde_json::Value) -> SkipErrorFile {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn only_what_is_asked_for_is_allowed() {
        let none = rules(json!({}));
        let causes = [Cause::Missing, Cause::Forbidden, Cause::Inconsistent, Cause::InvalidName];
        assert!(causes.iter().all(|cause| !none.allows(*cause)) && none.words().is_none());
        for (number, name) in ["fileMissing", "fileForbidden", "dataInconsistency"].iter().enumerate() {
            let one = rules(json!({ *name: true }));
            assert_eq!(causes.iter().filter(|cause| one.allows(**cause)).collect::<Vec<_>>(), [&causes[number]]);
            assert!(one.words().is_some());
        }
    }

    #[test]
    fn names_are_refused_as_the_sink_would_refuse_them() {
        let blobs = rules(json!({"invalidFileName": {"blobs": true, "folder": "in"}}));
        let files = rules(json!({"invalidFileName": {"blobs": false, "folder": ""}}));
        for (path, of_blobs, of_files) in
            [("a/b.txt", true, true), ("a/b.", false, true), ("what?", false, true), ("a\u{1}", false, false)]
        {
            assert_eq!(blobs.refused(path).is_none(), of_blobs, "{path:?}");
            assert_eq!(files.refused(path).is_none(), of_files, "{path:?}");
        }
        assert!(rules(json!({})).refused("a\u{1}").is_none());
        assert!(blobs.refused("what?").is_some_and(|error| Cause::of(&error) == Some(Cause::InvalidName)));
    }

    #[test]
    fn an_error_without_a_name_of_its_own_is_about_more_than_one_file() {
        let error = |kind| Error::new(kind, "x");
        for kind in [ErrorKind::Auth, ErrorKind::Unavailable, ErrorKind::Spec, ErrorKind::Data] {
            assert_eq!(Cause::of(&error(kind)), None);
        }
        let gone = advised(error(ErrorKind::Data).code(BLOB_MISSING));
        assert!(gone.to_string().contains("skipErrorFile.fileMissing"), "{gone}");
        assert_eq!(
            skipped("a.txt", &error(ErrorKind::Data).code(CHANGED)).message,
            "File is skipped after read 0 bytes: ErrorCode=DataConsistencySourceDataChanged,'Type=Ropeway.Data,\
             Message=x,Source=ropeway,'."
        );
    }
}
