//! Which files a copy reads: one selection for all stores of files.

mod file_list;
mod partitions;
mod settings;
mod wildcard;

use std::fmt;

use chrono::DateTime;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use ropeway_engine::{
    Error, ErrorKind, Result,
    files::{Entry, FileEntry, Files},
};

pub(crate) use self::{partitions::Partitions, settings::ReadSettings};
use self::{
    settings::Modified,
    wildcard::{is_pattern, matches},
};

/// Files of one copy at most: each becomes a part of the plan.
const MOST_FILES: usize = 1_000_000;

/// Where a dataset says that its files are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The container; empty in a store that has none.
    pub(crate) container: String,
    /// `folderPath`.
    pub(crate) folder: Option<String>,
    /// `fileName`.
    pub(crate) file: Option<String>,
}

/// The files that are meant.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    /// The container.
    container: String,
    /// The folder that the dataset names.
    base: String,
    way: Way,
    recursive: bool,
    modified: Modified,
    partitions: Option<Partitions>,
    /// Whether names with a dot or an underscore in front are meant like others.
    with_hidden: bool,
    deletes: bool,
}

/// How files are chosen.
#[derive(Clone, Debug)]
enum Way {
    /// This one.
    File(String),
    /// Those in a folder, whose name may have patterns.
    Folder { folder: String, file: Option<String> },
    /// Those whose paths begin like this.
    Prefix(String),
    /// Those that this file names.
    List(String),
}

impl Selection {
    /// The files of rows.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for paths that climb, and ways to choose files that exclude each other.
    pub(crate) fn of_rows(place: Place, settings: ReadSettings) -> Result<Self> {
        Self::new(place, settings)
    }

    /// The files of a binary copy: all of them, also those that hold no rows.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] as for rows, and for columns, which files do not have.
    pub(crate) fn of_files(place: Place, settings: ReadSettings) -> Result<Self> {
        if settings.enable_partition_discovery == Some(true) {
            return Err(Error::new(
                ErrorKind::Spec,
                "enablePartitionDiscovery adds columns, which a binary copy does not have; turn it off",
            ));
        }
        Ok(Self { with_hidden: true, ..Self::new(place, settings)? })
    }

    fn new(place: Place, settings: ReadSettings) -> Result<Self> {
        let settings = settings.checked()?;
        let container = place.container;
        let base = joined(&container, &path(place.folder.as_deref().unwrap_or_default())?);
        let file = place.file.filter(|file| !file.is_empty()).map(|file| file_name(&file)).transpose()?;
        let modified = settings.modified()?;
        let way = if let Some(prefix) = &settings.prefix {
            Way::Prefix(joined(&container, &prefix_path(prefix)?))
        } else if let Some(list) = &settings.file_list_path {
            if file.is_some() {
                return Err(Error::new(
                    ErrorKind::Spec,
                    "with fileListPath the dataset names no file; take fileName out of it",
                ));
            }
            Way::List(joined(&container, &path(list)?))
        } else {
            match (&settings.wildcard_folder_path, &settings.wildcard_file_name, file) {
                (None, None, Some(file)) => Way::File(joined(&base, &file)),
                (folder, file, _) => Way::Folder {
                    folder: folder.as_deref().map_or(Ok(base.clone()), |it| Ok(joined(&container, &path(it)?)))?,
                    file: file.clone(),
                },
            }
        };
        let partitions = (settings.enable_partition_discovery == Some(true))
            .then(|| match &settings.partition_root_path {
                Some(root) => Ok(joined(&container, &path(root)?)),
                None => Ok(way.literal(&base).to_owned()),
            })
            .transpose()?
            .map(|root| Partitions { root });
        let recursive = settings.recursive.unwrap_or(true);
        let deletes = settings.delete_files_after_completion == Some(true);
        Ok(Self { container, base, way, recursive, modified, partitions, with_hidden: false, deletes })
    }

    /// The files, in the order of their paths. Hidden ones and those that mark something (`_SUCCESS`) hold no rows, unless
    /// they are named.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] if there are none.
    pub(crate) async fn files(&self, store: &dyn Files) -> Result<Vec<FileEntry>> {
        let mut found = match &self.way {
            Way::File(path) => match store.look(path).await? {
                Some(Entry::File(file)) => vec![file],
                _ => Vec::new(),
            },
            Way::List(list) => file_list::files(store, list, &self.base).await?,
            Way::Prefix(prefix) => self.below(store, prefix, None).await?,
            Way::Folder { folder, file } => {
                let mut found = Vec::new();
                for folder in self.folders(store, folder).await? {
                    found.extend(self.below(store, &as_prefix(&folder), file.as_deref()).await?);
                    if found.len() > MOST_FILES {
                        return Err(too_many(&folder));
                    }
                }
                found
            }
        };
        found.sort_by(|one, other| one.path.cmp(&other.path));
        if found.is_empty() {
            return Err(Error::new(
                ErrorKind::Spec,
                "no file is there to copy; check folderPath, fileName and the wildcards",
            )
            .with("looked for", self)
            .code("UserErrorSourceFileNotExist"));
        }
        Ok(found)
    }

    /// The path of a file below the folder that is there before anything is chosen: the dataset's, what stands before the
    /// first wildcard, or what stands before the last slash of a prefix.
    pub(crate) fn relative<'a>(&self, path: &'a str) -> &'a str {
        path.strip_prefix(self.folder()).map_or(path, |below| below.trim_start_matches('/'))
    }

    /// The folder that is there before anything is chosen.
    pub(crate) fn folder(&self) -> &str {
        self.way.literal(&self.base)
    }

    /// Whether a single file is named, and nothing that others could match.
    pub(crate) fn is_one_file(&self) -> bool {
        matches!(self.way, Way::File(_))
    }

    /// Whether files are deleted once they are copied.
    pub(crate) fn deletes(&self) -> bool {
        self.deletes
    }

    pub(crate) fn partitions(&self) -> Option<&Partitions> {
        self.partitions.as_ref()
    }

    /// The folders that a path with patterns means.
    async fn folders(&self, store: &dyn Files, pattern: &str) -> Result<Vec<String>> {
        let mut folders = vec![self.container.clone()];
        let below = pattern.strip_prefix(&self.container).unwrap_or(pattern);
        for piece in below.split('/').filter(|piece| !piece.is_empty()) {
            if !is_pattern(piece) || pattern == self.base {
                folders.iter_mut().for_each(|folder| *folder = joined(folder, piece));
                continue;
            }
            let mut matching = Vec::new();
            for folder in folders {
                let mut entries = store.list(&folder);
                while let Some(entry) = entries.try_next().await? {
                    if let Entry::Folder(path) = entry
                        && matches(piece, name(&path))
                    {
                        matching.push(path);
                    }
                }
            }
            folders = matching;
        }
        Ok(folders)
    }

    /// The files whose paths begin like this; `file` is a pattern for their names.
    async fn below(&self, store: &dyn Files, prefix: &str, file: Option<&str>) -> Result<Vec<FileEntry>> {
        let folder = prefix.rfind('/').map_or(0, |slash| slash + 1);
        let mut entries: BoxStream<'static, Result<FileEntry>> = if self.recursive {
            store.below(prefix)
        } else {
            let (wanted, entries) = (prefix.to_owned(), store.list(prefix[..folder].trim_end_matches('/')));
            entries
                .try_filter_map(move |entry| {
                    let file = match entry {
                        Entry::File(file) if file.path.starts_with(&wanted) => Some(file),
                        _ => None,
                    };
                    std::future::ready(Ok(file))
                })
                .boxed()
        };
        let mut found = Vec::new();
        while let Some(entry) = entries.try_next().await? {
            let steps = &entry.path[folder..];
            let named = file.is_none_or(|pattern| matches(pattern, name(&entry.path)));
            if named && !self.is_hidden(steps, file) && self.modified.covers(entry.modified.map(DateTime::from)) {
                found.push(entry);
            }
            if found.len() > MOST_FILES {
                return Err(too_many(prefix));
            }
        }
        Ok(found)
    }

    /// A name with a dot or an underscore in front is only meant by a pattern that has it there as well.
    fn is_hidden(&self, steps: &str, pattern: Option<&str>) -> bool {
        let (folders, file) = steps.rsplit_once('/').unwrap_or(("", steps));
        let marked = |name: &str| name.starts_with(['.', '_']) && !self.with_hidden;
        marked(file) && !pattern.is_some_and(marked) || folders.split('/').any(marked)
    }
}

impl Way {
    /// The folder that is there before anything is chosen.
    fn literal<'a>(&'a self, base: &'a str) -> &'a str {
        match self {
            Self::Prefix(prefix) => prefix.rsplit_once('/').map_or("", |(folder, _)| folder),
            Self::Folder { folder, .. } if folder != base => {
                let pieces = folder.split('/').take_while(|piece| !is_pattern(piece));
                let length: usize = pieces.map(|piece| piece.len() + 1).sum();
                &folder[..length.saturating_sub(1)]
            }
            _ => base,
        }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = match &self.way {
            Way::File(path) | Way::List(path) => path.clone(),
            Way::Prefix(prefix) => format!("{prefix}*"),
            Way::Folder { folder, file } => joined(folder, file.as_deref().unwrap_or("*")),
        };
        fmt::Display::fmt(&shown.escape_debug(), f)
    }
}

/// A path below the root. Both slashes part it, as on the file servers these definitions come from.
///
/// # Errors
/// [`ErrorKind::Spec`] for one that climbs, names a drive or has control characters.
pub(crate) fn path(text: &str) -> Result<String> {
    let pieces: Vec<&str> = text.split(['/', '\\']).filter(|piece| !piece.is_empty() && *piece != ".").collect();
    let climbs =
        |piece: &&str| *piece == ".." || piece.contains(char::is_control) || (piece.len() == 2 && piece.ends_with(':'));
    match pieces.iter().find(|piece| climbs(piece)) {
        Some(_) => Err(Error::new(
            ErrorKind::Spec,
            "a path may not leave its container or the folder of its linked service, and has no control characters; write it from there",
        )
        .with("path", text.escape_debug())),
        None => Ok(pieces.join("/")),
    }
}

/// A prefix, which may end within a name or with a slash.
fn prefix_path(prefix: &str) -> Result<String> {
    let path = path(prefix)?;
    Ok(if prefix.ends_with(['/', '\\']) && !path.is_empty() { format!("{path}/") } else { path })
}

fn file_name(file: &str) -> Result<String> {
    let checked = path(file)?;
    if checked == file && !file.contains('/') {
        return Ok(checked);
    }
    Err(Error::new(ErrorKind::Spec, "fileName is one name, without folders; put them into folderPath")
        .with("fileName", file.escape_debug()))
}

fn joined(folder: &str, below: &str) -> String {
    match (folder, below) {
        ("", _) => below.to_owned(),
        (_, "") => folder.to_owned(),
        _ => format!("{folder}/{below}"),
    }
}

fn as_prefix(folder: &str) -> String {
    if folder.is_empty() { String::new() } else { format!("{folder}/") }
}

fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

fn too_many(folder: &str) -> Error {
    Error::new(ErrorKind::Spec, "these are too many files for one copy; narrow the folder or the wildcards")
        .with("folder", folder.escape_debug())
        .with("limit", MOST_FILES)
}

#[cfg(test)]
mod tests;
