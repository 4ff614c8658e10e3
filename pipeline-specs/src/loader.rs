//! The one place that reads files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    definition::{self, Definition, Kind},
    diagnostic::{Diagnostic, Severity},
    json::MAX_BYTES,
};

/// Reads and parses one file.
pub(crate) fn read(file: &Path) -> (Option<Definition>, Vec<Diagnostic>) {
    let failed = |message: String| {
        let (severity, path) = (Severity::Error, "$".to_owned());
        (None, vec![Diagnostic { severity, file: file.to_path_buf(), path, message, code: "unreadable" }])
    };
    match fs::metadata(file) {
        Ok(metadata) if !metadata.is_file() => return failed("this is not a file".to_owned()),
        Ok(metadata) if metadata.len() > MAX_BYTES as u64 => {
            return failed(format!("the file has {} bytes; a definition has at most {MAX_BYTES}", metadata.len()));
        }
        Ok(_) => {}
        Err(error) => return failed(cannot_read(&error)),
    }
    match fs::read(file).map(String::from_utf8) {
        Ok(Ok(text)) => definition::read(file, &text),
        Ok(Err(_)) => failed("the file is not UTF-8 text; save it as UTF-8".to_owned()),
        Err(error) => failed(cannot_read(&error)),
    }
}

/// The definition files of a factory: those in its folders by Data Factory's Git layout, and those that lie
/// directly in it.
pub(crate) fn files_of_factory(root: &Path) -> Vec<PathBuf> {
    let mut files = json_files(root);
    for folder in folders(root).into_iter().filter(|folder| Kind::of_folder(folder).is_some()) {
        files.extend(json_files(&folder));
    }
    files
}

/// Every folder below `root`, itself included, that is a factory: it has a folder of pipelines, datasets or
/// linked services, or, where no such folder is near, JSON files.
pub(crate) fn factories_below(root: &Path) -> Vec<PathBuf> {
    let below = folders(root);
    let (parts, others): (Vec<_>, Vec<_>) = below.into_iter().partition(|folder| Kind::of_folder(folder).is_some());
    let is_factory = !parts.is_empty() || (Kind::of_folder(root).is_none() && !json_files(root).is_empty());
    let own = is_factory.then(|| root.to_path_buf());
    own.into_iter().chain(others.iter().flat_map(|folder| factories_below(folder))).collect()
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let is_json = |file: &PathBuf| file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    entries(folder).into_iter().filter(|entry| is_json(entry) && entry.is_file()).collect()
}

/// The folders in a folder, without hidden ones and links.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    entries(folder).into_iter().filter(|entry| entry.is_dir() && !entry.is_symlink() && !hidden(entry)).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut entries: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    entries.sort();
    entries
}

fn cannot_read(error: &io::Error) -> String {
    format!("cannot read the file: {error}")
}
