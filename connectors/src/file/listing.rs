//! Which files a copy reads.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use ropeway_engine::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::Value;

use super::{
    disk,
    paths::{Root, Target, relative},
};
use crate::lenient;

/// Files of one copy at most: each becomes a record in the plan.
const MOST_FILES: usize = 1_000_000;

/// Folders below each other at most; deeper is a loop of mounts.
const DEEPEST: usize = 64;

/// `FileServerReadSettings`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ReadSettings {
    #[serde(deserialize_with = "lenient::option::bool")]
    recursive: Option<bool>,
    #[serde(deserialize_with = "lenient::option::text")]
    wildcard_folder_path: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    wildcard_file_name: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    modified_datetime_start: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    modified_datetime_end: Option<String>,
    #[serde(deserialize_with = "lenient::option::bool")]
    enable_partition_discovery: Option<bool>,
    #[serde(deserialize_with = "lenient::option::bool")]
    delete_files_after_completion: Option<bool>,
    file_list_path: Option<Value>,
    file_filter: Option<Value>,
}

/// The files that are meant.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    /// The folder that the dataset names.
    base: PathBuf,
    /// The folder to look in; its pieces may be patterns if `patterns` says so.
    folder: PathBuf,
    folder_is_pattern: bool,
    file: FileName,
    recursive: bool,
    modified: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
}

#[derive(Clone, Debug)]
enum FileName {
    Exact(String),
    Pattern(String),
    Any,
}

impl Selection {
    /// # Errors
    /// Settings that we would otherwise ignore, and so read other files than were meant.
    pub(super) fn new(target: Target, settings: ReadSettings) -> Result<Self> {
        let refused = [
            ("fileListPath", settings.file_list_path.is_some_and(|value| !value.is_null())),
            ("fileFilter", settings.file_filter.is_some_and(|value| !value.is_null())),
            ("enablePartitionDiscovery", settings.enable_partition_discovery == Some(true)),
            ("deleteFilesAfterCompletion", settings.delete_files_after_completion == Some(true)),
        ];
        if let Some((property, _)) = refused.iter().find(|(_, given)| *given) {
            return Err(Error::new(
                ErrorKind::Spec,
                "this way to choose files is not supported; use folderPath, fileName or wildcards",
            )
            .with("property", property));
        }
        let wildcard = |text: Option<String>| text.filter(|text| !text.is_empty());
        let folder_pattern = wildcard(settings.wildcard_folder_path);
        let file = match (wildcard(settings.wildcard_file_name), target.file) {
            (Some(pattern), _) => FileName::Pattern(pattern),
            (None, Some(name)) if folder_pattern.is_none() => FileName::Exact(name),
            _ => FileName::Any,
        };
        Ok(Self {
            base: target.folder.clone(),
            folder_is_pattern: folder_pattern.is_some(),
            folder: folder_pattern.map_or(Ok(target.folder), |pattern| relative(&pattern))?,
            file,
            recursive: settings.recursive.unwrap_or(true),
            modified: (moment(settings.modified_datetime_start)?, moment(settings.modified_datetime_end)?),
        })
    }

    /// The files, below the root, in the order of their names. Hidden files and those that mark
    /// something (`_SUCCESS`) hold no rows, unless they are named.
    pub(super) fn files(&self, root: &Root) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        if let FileName::Exact(name) = &self.file {
            root.real(&self.folder)?;
            found.push(self.folder.join(name));
        } else {
            for folder in self.folders(root)? {
                self.list(root, &folder, 0, &mut found)?;
            }
        }
        found.sort();
        Ok(found)
    }

    /// The path of a file below the dataset's folder.
    pub(super) fn relative<'a>(&self, file: &'a Path) -> &'a Path {
        file.strip_prefix(&self.base).unwrap_or(file)
    }

    pub(super) fn nothing(&self, root: &Root) -> Error {
        Error::new(ErrorKind::Spec, "no file is there to copy; check folderPath, fileName and the wildcards")
            .with("looked for", self)
            .with("in", disk::shown(root.path()))
            .code("UserErrorSourceFileNotExist")
    }

    fn folders(&self, root: &Root) -> Result<Vec<PathBuf>> {
        let mut folders = vec![PathBuf::new()];
        for piece in &self.folder {
            let piece = piece.to_string_lossy();
            if !self.folder_is_pattern || !piece.contains(['*', '?', '^']) {
                folders.iter_mut().for_each(|folder| folder.push(piece.as_ref()));
                continue;
            }
            let mut matching = Vec::new();
            for folder in folders {
                let (names, _) = entries(root, &folder)?;
                matching.extend(names.into_iter().filter(|name| matches(&piece, name)).map(|name| folder.join(name)));
            }
            folders = matching;
        }
        Ok(folders)
    }

    fn list(&self, root: &Root, folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
        let (folders, files) = entries(root, folder)?;
        for (name, modified) in files {
            let wanted = match &self.file {
                FileName::Pattern(pattern) => matches(pattern, &name),
                _ => true,
            };
            if wanted && !name.starts_with(['.', '_']) && self.in_time(modified) {
                found.push(folder.join(name));
            }
        }
        if found.len() > MOST_FILES || depth > DEEPEST {
            return Err(Error::new(
                ErrorKind::Spec,
                "these are too many files or folders for one copy; narrow the wildcards",
            )
            .with("folder", disk::shown(folder)));
        }
        for name in folders {
            if self.recursive && !name.starts_with(['.', '_']) {
                self.list(root, &folder.join(name), depth + 1, found)?;
            }
        }
        Ok(())
    }

    fn in_time(&self, modified: Option<DateTime<Utc>>) -> bool {
        let (start, end) = self.modified;
        start.is_none_or(|start| modified.is_some_and(|modified| modified >= start))
            && end.is_none_or(|end| modified.is_some_and(|modified| modified < end))
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = match &self.file {
            FileName::Exact(name) | FileName::Pattern(name) => name.as_str(),
            FileName::Any => "*",
        };
        f.write_str(&disk::shown(&self.folder.join(file)))
    }
}

type FileEntry = (String, Option<DateTime<Utc>>);

/// The folders and the regular files in a folder. Links are followed only inside the root.
fn entries(root: &Root, folder: &Path) -> Result<(Vec<String>, Vec<FileEntry>)> {
    let path = root.real(folder)?;
    let failed = |error| disk::failed("list", &path, error);
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(&path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // A name that is not UTF-8 cannot have been meant by a JSON text; a link that leads nowhere is no file.
        let (Ok(name), Ok(kind)) = (entry.file_name().into_string(), fs::metadata(entry.path())) else { continue };
        if entry.path().is_symlink() {
            root.real(&folder.join(&name))?;
        }
        if kind.is_dir() {
            folders.push(name);
        } else if kind.is_file() {
            files.push((name, kind.modified().ok().map(DateTime::from)));
        }
    }
    Ok((folders, files))
}

fn moment(text: Option<String>) -> Result<Option<DateTime<Utc>>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let zoned = if text.ends_with('Z') || text.contains('+') { text.clone() } else { format!("{text}Z") };
    DateTime::parse_from_rfc3339(&zoned).map(|moment| Some(moment.to_utc())).map_err(|error| {
        Error::new(
            ErrorKind::Spec,
            "modifiedDatetimeStart and modifiedDatetimeEnd look like 2018-12-01T05:00:00Z; correct it",
        )
        .with("value", text.escape_debug())
        .caused_by(error)
    })
}

/// Data Factory's wildcards: `*` is any text, `?` one character or none, `^` makes the next
/// character ordinary.
fn matches(pattern: &str, name: &str) -> bool {
    // What the pattern so far can have used up of the name.
    let name: Vec<char> = name.chars().collect();
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    let mut pattern = pattern.chars();
    while let Some(c) = pattern.next() {
        let mut next = vec![false; name.len() + 1];
        let literal = if c == '^' { pattern.next().unwrap_or('^') } else { c };
        for at in (0..=name.len()).filter(|at| reached[*at]) {
            match c {
                '*' => next[at..].fill(true),
                '?' => next[at..=(at + 1).min(name.len())].fill(true),
                _ if name.get(at) == Some(&literal) => next[at + 1] = true,
                _ => {}
            }
        }
        reached = next;
    }
    reached[name.len()]
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards_are_data_factorys() {
        for (pattern, name, wanted) in [
            ("*", "", true),
            ("*.csv", "a.csv", true),
            ("*.csv", "a.csv.gz", false),
            ("a?.csv", "a.csv", true),
            ("a?.csv", "ab.csv", true),
            ("a?.csv", "abc.csv", false),
            ("a^*b", "a*b", true),
            ("a^*b", "axb", false),
            ("*a*a*a*a*a*a*a*a*b", &"a".repeat(200), false),
            ("ä*", "äö", true),
        ] {
            assert_eq!(matches(pattern, name), wanted, "{pattern} {name}");
        }
    }
}
