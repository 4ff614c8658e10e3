//! Real definitions from public repositories, where the machine has them: none panics, and most have no error.
//!
//! They are looked for in `$ROPEWAY_SHARED/data/factories`, else in `shared/data/factories` beside the workspace.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use ropeway_specs::{Severity, validate};

fn factories() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let shared = std::env::var_os("ROPEWAY_SHARED").map_or_else(|| workspace.join("../shared"), PathBuf::from);
    let factories = shared.join("data/factories");
    factories.is_dir().then_some(factories)
}

#[test]
fn all_real_factories_load() {
    let Some(root) = factories() else {
        println!("no real definitions here: set ROPEWAY_SHARED to check them");
        return;
    };
    let validation = validate(std::slice::from_ref(&root));
    let diagnostics = validation.diagnostics;
    let mut kinds: BTreeMap<(Severity, &str), (usize, String)> = BTreeMap::new();
    for diagnostic in &diagnostics {
        let entry = kinds.entry((diagnostic.severity, diagnostic.code)).or_insert((0, diagnostic.to_string()));
        entry.0 += 1;
    }
    for ((severity, code), (count, example)) in &kinds {
        println!("{severity:?} {code}: {count}, such as {}", example.replace(root.to_str().unwrap_or_default(), ""));
    }
    // What is wrong with these files is what they refer to and do not bring along, and a few broken files. Any other
    // error would be one of ours: Data Factory runs these definitions.
    let honest = [
        "missing-dataset",
        "missing-linked-service",
        "missing-pipeline",
        "duplicate-name",
        "not-a-definition",
        "not-json",
    ];
    let ours: Vec<_> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error && !honest.contains(&diagnostic.code))
        .map(ToString::to_string)
        .collect();
    assert_eq!(ours, [""; 0]);
    assert!(kinds.contains_key(&(Severity::Warning, "version-1")), "the samples of 2015 are among them");
}
