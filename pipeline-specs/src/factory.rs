//! A factory: its definitions by kind and name.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::{
    copy::ResolvedSide,
    dataset,
    definition::{Definition, Kind, VERSION_1},
    diagnostic::{Diagnostic, Findings, Severity, closest, list},
    inputs::Inputs,
    linked_service::{self, ResolvedStore},
    loader,
    pipeline::Pipeline,
    reference,
};

/// The pipelines, datasets and linked services of one factory.
#[derive(Debug)]
pub struct Factory {
    root: PathBuf,
    definitions: BTreeMap<(Kind, String), Definition>,
}

impl Factory {
    /// Loads every definition of a factory's folder: Data Factory's Git layout (`pipeline/`, `dataset/`,
    /// `linkedService/`), or all files in one folder.
    pub fn load(root: &Path) -> (Self, Vec<Diagnostic>) {
        let mut factory = Self { root: root.to_path_buf(), definitions: BTreeMap::new() };
        let mut diagnostics = Vec::new();
        if !root.is_dir() {
            let mut findings = Findings::new(root);
            findings.error(
                "no-factory",
                "$",
                "there is no such folder; name a folder with pipeline/, dataset/ and linkedService/",
            );
            return (factory, findings.into_vec());
        }
        for file in loader::files_of_factory(root) {
            factory.add(&file, &mut diagnostics);
        }
        diagnostics.extend(factory.check());
        (factory, diagnostics)
    }

    /// Loads the factory around one pipeline file and reports only what that pipeline reaches. The factory is
    /// `root`, or else the folder above the pipeline's folder (the folder itself when it is no `pipeline/`).
    pub fn load_for_pipeline(pipeline: &Path, root: Option<&Path>) -> (Self, Vec<Diagnostic>) {
        let root = root.map_or_else(|| factory_root(pipeline), Path::to_path_buf);
        let (mut factory, mut diagnostics) = Self::load(&root);
        if !diagnostics.iter().any(|diagnostic| same_file(&diagnostic.file, pipeline)) {
            // The pipeline may lie outside the factory's folders.
            if factory.pipeline_in(pipeline).is_none() {
                factory.add(pipeline, &mut diagnostics);
            }
        }
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

    /// The name of the pipeline that a file defines.
    pub fn pipeline_in(&self, file: &Path) -> Option<&str> {
        let mut pipelines = self.definitions.values().filter(|definition| definition.kind == Kind::Pipeline);
        pipelines.find(|definition| same_file(&definition.file, file)).map(|definition| definition.name.as_str())
    }

    /// A pipeline with its activities in dependency order.
    pub fn pipeline(&self, name: &str) -> Result<Pipeline<'_>, Vec<Diagnostic>> {
        Pipeline::new(self, self.find(Kind::Pipeline, name)?)
    }

    /// A linked service ready to connect, for a connection test; `inputs.parameters` are its parameters.
    pub fn linked_service(&self, name: &str, inputs: &Inputs) -> Result<ResolvedStore, Vec<Diagnostic>> {
        linked_service::resolve_alone(self.find(Kind::LinkedService, name)?, inputs)
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
                format!("there is no {what} '{name}' in {}; it has {}", self.root.display(), list(self.names(kind)))
            }
        }
    }

    pub(crate) fn definitions(&self) -> impl Iterator<Item = &Definition> {
        self.definitions.values()
    }

    /// The definitions that the pipeline of a file reaches, itself included.
    pub(crate) fn reached(&self, file: &Path) -> Vec<&Definition> {
        let files = self.pipeline_in(file).map(|name| self.reached_from(name)).unwrap_or_default();
        self.definitions.values().filter(|definition| files.contains(&definition.file)).collect()
    }

    fn find(&self, kind: Kind, name: &str) -> Result<&Definition, Vec<Diagnostic>> {
        let Some(definition) = self.get(kind, name) else {
            let mut findings = Findings::new(&self.root);
            findings.error("missing-definition", "$", self.missing(kind, name));
            return Err(findings.into_vec());
        };
        if definition.version_1 {
            let mut findings = Findings::new(&definition.file);
            findings.error("version-1", "$", VERSION_1);
            return Err(findings.into_vec());
        }
        Ok(definition)
    }

    fn names(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.definitions
            .values()
            .filter(move |definition| definition.kind == kind)
            .map(|definition| definition.name.as_str())
    }

    fn add(&mut self, file: &Path, diagnostics: &mut Vec<Diagnostic>) {
        let (definition, found) = loader::read(file);
        diagnostics.extend(found);
        let Some(definition) = definition.filter(|definition| definition.kind != Kind::Other) else { return };
        let key = (definition.kind, definition.name.clone());
        if let Some(other) = self.definitions.get(&key) {
            let mut findings = Findings::new(file);
            let what = definition.kind.describe();
            let message = format!(
                "the {what} '{}' is already defined in {}; rename or remove one",
                definition.name,
                other.file.display()
            );
            findings.error("duplicate-name", "$.name", message);
            diagnostics.extend(findings.into_vec());
            return;
        }
        self.definitions.insert(key, definition);
    }

    /// What is wrong between definitions: references, dependencies, missing parts.
    fn check(&self) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        for definition in self.definitions.values().filter(|definition| !definition.version_1) {
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
        let mut reached = BTreeSet::new();
        let mut open: Vec<&Definition> = self.get(Kind::Pipeline, pipeline).into_iter().collect();
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
