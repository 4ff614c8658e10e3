//! The one place that reads files.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use crate::{
    arm::{self, Beside, Template},
    diagnostic::{Diagnostic, Findings, has_errors},
    envelope::{self, Content, Envelope},
    json::{self, MAX_BYTES},
    kind::Kind,
    v1,
};

/// The definitions of some files, all of version 2, and what was wrong with the files.
#[derive(Default)]
pub(crate) struct Loaded {
    pub(crate) envelopes: Vec<Envelope>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) files: Files,
}

/// How many JSON files there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Those that hold a definition or a template.
    pub loaded: usize,
    /// Those that are something else, such as the parameters of a template.
    pub other: usize,
    /// Those that could not be read.
    pub failed: usize,
}

/// Reads files. Those of templates come last, with what stands beside them.
pub(crate) fn load(files: &[PathBuf]) -> Loaded {
    let mut loaded = Loaded::default();
    let mut templates = Vec::new();
    for file in files {
        let before = loaded.diagnostics.len();
        let content = read(file, &mut loaded.diagnostics);
        *match &content {
            Some(_) => &mut loaded.files.loaded,
            None if has_errors(&loaded.diagnostics[before..]) => &mut loaded.files.failed,
            None => &mut loaded.files.other,
        } += 1;
        match content {
            Some(Content::Definition(envelope)) => loaded.envelopes.push(envelope),
            Some(Content::Template(template)) => templates.push(template),
            None => {}
        }
    }
    let linked: BTreeSet<PathBuf> = templates
        .iter()
        .flat_map(|template| template.links().into_iter().map(|name| beside(&template.file, &name)))
        .collect();
    for template in templates.into_iter().filter(|template| !linked.contains(&template.file)) {
        let mut findings = Findings::new(&template.file);
        loaded.envelopes.extend(resources(&template, &mut findings));
        loaded.diagnostics.extend(findings.into_vec());
    }
    v1::convert(&mut loaded.envelopes, &mut loaded.diagnostics);
    loaded
}

/// Whether a file is a template.
pub(crate) fn is_template(file: &Path) -> bool {
    matches!(read(file, &mut Vec::new()), Some(Content::Template(_)))
}

/// The definition files of a factory: those in its folders by Data Factory's Git layout, and those that lie
/// directly in it; or a template alone.
pub(crate) fn files_of_factory(root: &Path) -> Vec<PathBuf> {
    if root.is_file() {
        return vec![root.to_path_buf()];
    }
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

fn read(file: &Path, diagnostics: &mut Vec<Diagnostic>) -> Option<Content> {
    let mut findings = Findings::new(file);
    let content = value(file, &mut findings).and_then(|value| envelope::read(file, value, &mut findings));
    diagnostics.extend(findings.into_vec());
    content
}

fn value(file: &Path, findings: &mut Findings) -> Option<Value> {
    let bytes = match fs::metadata(file) {
        Ok(metadata) if !metadata.is_file() => Err("this is not a file".to_owned()),
        Ok(metadata) if metadata.len() > MAX_BYTES as u64 => {
            Err(format!("the file has {} bytes; a definition has at most {MAX_BYTES}", metadata.len()))
        }
        Ok(_) => fs::read(file).map_err(|error| cannot_read(&error)),
        Err(error) => Err(cannot_read(&error)),
    };
    match bytes {
        Ok(bytes) => json::parse(&bytes, findings),
        Err(message) => {
            findings.error("unreadable", "$", message);
            None
        }
    }
}

/// The definitions of a template.
fn resources(template: &Template, findings: &mut Findings) -> Vec<Envelope> {
    let linked = |name: &str| match read(&beside(&template.file, name), &mut Vec::new()) {
        Some(Content::Template(template)) => Some(template.into_root()),
        _ => None,
    };
    template.envelopes(&Beside { parameters: parameters(&template.file), linked: &linked }, findings)
}

/// The values that a file beside a template gives to its parameters: the one that is named like it, else the only one.
fn parameters(template: &Path) -> Map<String, Value> {
    let folder = beside(template, "");
    let named =
        |file: &PathBuf| file.file_name().is_some_and(|name| name.to_string_lossy().to_lowercase().contains("param"));
    let files: Vec<PathBuf> = json_files(&folder).into_iter().filter(named).collect();
    let given = |file: &PathBuf| match value(file, &mut Findings::silent()) {
        Some(Value::Object(root)) => arm::given(root),
        _ => None,
    };
    if let Some(own) = files.iter().filter(|file| arm::is_for(file, template)).find_map(given) {
        return own;
    }
    match files.iter().filter_map(given).collect::<Vec<_>>().as_mut_slice() {
        [only] => std::mem::take(only),
        _ => Map::new(),
    }
}

fn beside(file: &Path, name: &str) -> PathBuf {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder.join(name),
        _ => Path::new(".").join(name),
    }
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
