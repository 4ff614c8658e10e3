//! Any dialect as files of Data Factory's Git layout.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    definition::Definition,
    diagnostic::{Diagnostic, Findings, Severity},
    envelope::Envelope,
    kind::Kind,
    loader,
};

/// Definitions as version 2 has them in Git.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// Each file below the factory's folder, such as `pipeline/CopyOrders.json`, and its JSON.
    pub files: Vec<(PathBuf, Value)>,
    /// What is worth a look; an error for each definition that is not among the files.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a template, a file or a factory's folder, in any dialect, as a run does. What a run would refuse of a
/// definition cannot be written down in version 2, so such a definition is an error and no file.
pub fn import(path: &Path) -> Import {
    let mut import = Import::default();
    let loaded = loader::load(&loader::files_of_factory(path));
    import.diagnostics = loaded.diagnostics;
    let mut names = BTreeSet::new();
    for envelope in loaded.envelopes {
        let mut findings = Findings::new(&envelope.file);
        let file = file_name(&envelope.name).map(|name| Path::new(envelope.folder).join(name));
        match file {
            Some(file) if names.insert(file.to_string_lossy().to_lowercase()) => {
                let (definition, refused) = definition(envelope, &mut findings);
                if refused.is_empty() {
                    import.files.push((file, definition));
                }
                import.diagnostics.extend(refused);
            }
            Some(_) => {
                let message = format!(
                    "the {} '{}' is defined twice; the first one is taken",
                    envelope.kind.describe(),
                    envelope.name
                );
                findings.error("duplicate-name", "$.name", message);
            }
            None => {
                let message = format!(
                    "'{}' cannot be the name of a file; rename the {}",
                    envelope.name,
                    envelope.kind.describe()
                );
                findings.error("wrong-name", "$.name", message);
            }
        }
        import.diagnostics.extend(findings.into_vec());
    }
    import
}

/// The JSON of a definition, and why it has none.
fn definition(envelope: Envelope, findings: &mut Findings) -> (Value, Vec<Diagnostic>) {
    let resource = match envelope.kind {
        Kind::Pipeline => Some("Microsoft.DataFactory/factories/pipelines"),
        Kind::Dataset => Some("Microsoft.DataFactory/factories/datasets"),
        Kind::LinkedService => Some("Microsoft.DataFactory/factories/linkedservices"),
        Kind::Other => None,
    };
    let definition = Definition::new(envelope, None, findings);
    let mut written = json!({ "name": definition.name, "properties": definition.properties });
    if let Some(resource) = resource {
        written["type"] = resource.into();
    }
    (written, definition.refused(Severity::Error))
}

/// The name of a definition's file: a name that leads nowhere else.
fn file_name(name: &str) -> Option<String> {
    let wrong = |c: char| c.is_control() || matches!(c, '/' | '\\' | ':');
    let plain = !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && !name.contains(wrong);
    plain.then(|| format!("{name}.json"))
}
