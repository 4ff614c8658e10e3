//! A factory: its definitions by kind and name.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::{
    copy::ResolvedSide,
    dataset,
    definition::{Definition, Kind},
    diagnostic::{Diagnostic, Findings, Severity, closest, list},
    envelope::Envelope,
    globals::Globals,
    inputs::Inputs,
    linked_service::{self, ResolvedStore},
    loader::{self, Files},
    pipeline::Pipeline,
    reference,
};

/// How many names a message lists: a large factory has thousands.
const LISTED: usize = 20;

/// The pipelines, datasets and linked services of one factory.
#[derive(Debug)]
pub struct Factory {
    root: PathBuf,
    definitions: BTreeMap<(Kind, String), Definition>,
    /// How many definitions there are that are no part of a copy.
    others: usize,
    globals: Globals,
    files: Files,
}

impl Factory {
    /// Loads every definition of a factory's folder: Data Factory's Git layout (`pipeline/`, `dataset/`,
    /// `linkedService/`), or all files in one folder, templates among them; or one template.
    pub fn load(root: &Path) -> (Self, Vec<Diagnostic>) {
        if root.exists() {
            return Self::of_files(root, &loader::files_of_factory(root));
        }
        let mut findings = Findings::new(root);
        findings.error(
            "no-factory",
            "$",
            "there is no such folder; name a folder with pipeline/, dataset/ and linkedService/",
        );
        (Self::empty(root), findings.into_vec())
    }

    /// Loads the factory around one pipeline and reports only what that pipeline reaches. The pipeline is a file; or a
    /// name in the factory. The factory is `root`, or else the folder above the pipeline's folder (the folder itself
    /// when it is no `pipeline/`), or the file itself when it is a template.
    pub fn load_for_pipeline(pipeline: &Path, root: Option<&Path>) -> (Self, Vec<Diagnostic>) {
        let root = match root {
            Some(root) => root.to_path_buf(),
            None if loader::is_template(pipeline) => pipeline.to_path_buf(),
            None => factory_root(pipeline),
        };
        if !root.exists() {
            return Self::load(&root);
        }
        let mut files = loader::files_of_factory(&root);
        // The pipeline may lie outside the factory's folders.
        if (pipeline.is_file() || pipeline.extension().is_some()) && !files.iter().any(|file| same_file(file, pipeline))
        {
            files.push(pipeline.to_path_buf());
        }
        let (factory, mut diagnostics) = Self::of_files(&root, &files);
        let reached = factory.pipeline_in(pipeline).map(|name| factory.reached_from(name)).unwrap_or_default();
        let loaded: BTreeSet<PathBuf> =
            factory.definitions.values().map(|definition| definition.file.clone()).collect();
        diagnostics.retain_mut(|diagnostic| {
            // A file that could not be read may be the one that is missed: say so, but do not stop for it.
            let named = same_file(&diagnostic.file, pipeline);
            if !loaded.contains(&diagnostic.file) && !named && diagnostic.file != root {
                diagnostic.severity = Severity::Warning;
                return true;
            }
            named || reached.contains(&diagnostic.file) || diagnostic.file == root
        });
        (factory, diagnostics)
    }

    fn of_files(root: &Path, files: &[PathBuf]) -> (Self, Vec<Diagnostic>) {
        let loaded = loader::load(files);
        let mut factory = Self { files: loaded.files, ..Self::empty(root) };
        let mut diagnostics = loaded.diagnostics;
        // A file of a factory in Git wins over what was exported from it, and stands before it.
        for envelope in loaded.envelopes.iter().filter(|envelope| envelope.kind == Kind::Other) {
            factory.globals.take(envelope, &mut diagnostics);
        }
        for envelope in loaded.envelopes {
            match envelope.kind {
                Kind::Other => factory.others += 1,
                _ => factory.add(envelope, &mut diagnostics),
            }
        }
        diagnostics.extend(factory.check());
        (factory, diagnostics)
    }

    fn empty(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            definitions: BTreeMap::new(),
            others: 0,
            globals: Globals::default(),
            files: Files::default(),
        }
    }

    /// One definition without what it refers to.
    pub(crate) fn alone(file: &Path, definition: Definition) -> Self {
        let definitions = BTreeMap::from([((definition.kind, definition.name.clone()), definition)]);
        Self { definitions, files: Files { loaded: 1, ..Files::default() }, ..Self::empty(file) }
    }

    /// Without what the pipeline of a file does not reach.
    pub(crate) fn only_reached(mut self, file: &Path) -> Self {
        let reached = self.pipeline_in(file).map(|name| self.reached_from(name)).unwrap_or_default();
        self.definitions.retain(|_, definition| reached.contains(&definition.file));
        self.files = Files { loaded: self.definitions.len(), ..Files::default() };
        self.others = 0;
        self
    }

    /// The folder the factory was loaded from.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The names of all pipelines.
    pub fn pipelines(&self) -> impl Iterator<Item = &str> {
        self.names(Kind::Pipeline)
    }

    /// The names of all datasets.
    pub fn datasets(&self) -> impl Iterator<Item = &str> {
        self.names(Kind::Dataset)
    }

    /// The names of all linked services.
    pub fn linked_services(&self) -> impl Iterator<Item = &str> {
        self.names(Kind::LinkedService)
    }

    /// The name of the pipeline that a file defines: of a template, its only one. What is no file is a name.
    pub fn pipeline_in(&self, file: &Path) -> Option<&str> {
        let pipelines = || self.definitions.values().filter(|definition| definition.kind == Kind::Pipeline);
        let own = pipelines().find(|definition| same_file(&definition.file, file));
        let exported = || match self.exported_from(file).as_slice() {
            [only] => Some(*only),
            _ => None,
        };
        let named = || self.get(Kind::Pipeline, file.to_str().filter(|_| !file.exists())?);
        own.or_else(exported).or_else(named).map(|definition| definition.name.as_str())
    }

    /// The pipelines of a template.
    fn exported_from(&self, template: &Path) -> Vec<&Definition> {
        let start = format!("{}#", template.display());
        let from = |definition: &&Definition| {
            definition.kind == Kind::Pipeline && definition.file.to_string_lossy().starts_with(&start)
        };
        self.definitions.values().filter(from).collect()
    }

    /// A pipeline with its activities in dependency order.
    pub fn pipeline(&self, name: &str) -> Result<Pipeline<'_>, Vec<Diagnostic>> {
        Pipeline::new(self, self.find(Kind::Pipeline, name)?)
    }

    /// A linked service ready to connect, for a connection test; `inputs.parameters` are its parameters.
    pub fn linked_service(&self, name: &str, inputs: &Inputs) -> Result<ResolvedStore, Vec<Diagnostic>> {
        linked_service::resolve_alone(self, self.find(Kind::LinkedService, name)?, inputs)
    }

    /// A dataset ready to be read on its own, for a preview; `inputs.parameters` are its parameters.
    pub fn dataset(&self, name: &str, inputs: &Inputs) -> Result<ResolvedSide, Vec<Diagnostic>> {
        dataset::resolve_alone(self, self.find(Kind::Dataset, name)?, inputs)
    }

    /// The definition of that name, in any case when no exact one exists.
    pub(crate) fn get(&self, kind: Kind, name: &str) -> Option<&Definition> {
        self.definitions.get(&(kind, name.to_owned())).or_else(|| {
            let same = |definition: &&Definition| definition.kind == kind && definition.name.eq_ignore_ascii_case(name);
            self.definitions.values().find(same)
        })
    }

    /// Says that a definition is missing, and what was probably meant.
    pub(crate) fn missing(&self, kind: Kind, name: &str) -> String {
        let what = kind.describe();
        match closest(name, self.names(kind)) {
            Some(meant) => format!("there is no {what} '{name}' in {}; did you mean '{meant}'?", self.root.display()),
            None => {
                let all = self.names(kind).count();
                let more = if all > LISTED { format!(" and {} more", all - LISTED) } else { String::new() };
                let known = list(self.names(kind).take(LISTED));
                format!("there is no {what} '{name}' in {}; it has {known}{more}", self.root.display())
            }
        }
    }

    pub(crate) fn globals(&self) -> &Globals {
        &self.globals
    }

    pub(crate) fn files(&self) -> Files {
        self.files
    }

    /// How many definitions there are of a kind.
    pub(crate) fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Other => self.others,
            _ => self.names(kind).count(),
        }
    }

    pub(crate) fn definitions(&self) -> impl Iterator<Item = &Definition> {
        self.definitions.values()
    }

    fn find(&self, kind: Kind, name: &str) -> Result<&Definition, Vec<Diagnostic>> {
        let Some(definition) = self.get(kind, name) else {
            let mut findings = Findings::new(&self.root);
            findings.error("missing-definition", "$", self.missing(kind, name));
            return Err(findings.into_vec());
        };
        let reached = self.reached_by(definition);
        let refused: Vec<Diagnostic> = self
            .definitions
            .values()
            .filter(|other| reached.contains(&other.file))
            .flat_map(|other| other.refused(Severity::Error))
            .collect();
        if refused.is_empty() { Ok(definition) } else { Err(refused) }
    }

    fn names(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.definitions
            .values()
            .filter(move |definition| definition.kind == kind)
            .map(|definition| definition.name.as_str())
    }

    fn add(&mut self, envelope: Envelope, diagnostics: &mut Vec<Diagnostic>) {
        let mut findings = Findings::new(&envelope.file);
        let key = (envelope.kind, envelope.name.clone());
        match self.definitions.get(&key) {
            None => {
                let definition = Definition::new(envelope, Some(&self.globals), &mut findings);
                self.definitions.insert(key, definition);
            }
            // An export lies beside what it was made from.
            Some(other) if envelope.exported && !other.file.to_string_lossy().contains('#') => {
                let message = format!("{} defines it too, and is taken", other.file.display());
                findings.warning("also-exported", "$", message);
            }
            Some(other) => {
                let message = format!(
                    "the {} '{}' is already defined in {}; rename or remove one",
                    envelope.kind.describe(),
                    envelope.name,
                    other.file.display()
                );
                findings.error("duplicate-name", "$.name", message);
            }
        }
        diagnostics.extend(findings.into_vec());
    }

    /// What is wrong between definitions: references, dependencies, missing parts.
    fn check(&self) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        for definition in self.definitions.values() {
            diagnostics.extend(definition.refused(Severity::Warning));
            diagnostics.extend(reference::check(self, definition));
            if definition.kind == Kind::Pipeline
                && let Err(found) = Pipeline::new(self, definition)
            {
                diagnostics.extend(found);
            }
        }
        diagnostics
    }

    /// The files of a pipeline, its datasets and their linked services.
    fn reached_from(&self, pipeline: &str) -> BTreeSet<PathBuf> {
        self.get(Kind::Pipeline, pipeline).map(|pipeline| self.reached_by(pipeline)).unwrap_or_default()
    }

    /// The files of what a definition refers to, and its own.
    pub(crate) fn reached_by<'f>(&'f self, definition: &'f Definition) -> BTreeSet<PathBuf> {
        let mut reached = BTreeSet::new();
        let mut open = vec![definition];
        while let Some(definition) = open.pop() {
            if reached.insert(definition.file.clone()) {
                let targets = reference::all(definition).into_iter();
                open.extend(targets.filter_map(|target| self.get(target.kind, &target.name)));
            }
        }
        reached
    }
}

fn factory_root(pipeline: &Path) -> PathBuf {
    let folder = match pipeline.parent() {
        Some(folder) if folder != Path::new("") => folder.to_path_buf(),
        _ => PathBuf::from("."),
    };
    if Kind::of_folder(&folder) != Some(Kind::Pipeline) {
        // `cd pipeline; ropeway run X.json` names no folder, and still means its parent.
        let absolute = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        return if Kind::of_folder(&absolute) == Some(Kind::Pipeline) { folder.join("..") } else { folder };
    }
    match folder.parent() {
        Some(root) if root != Path::new("") => root.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn same_file(left: &Path, right: &Path) -> bool {
    if left == right {
        return true;
    }
    match (left.canonicalize(), right.canonicalize()) {
        (Ok(left), Ok(right)) => left == right,
        _ => false,
    }
}
