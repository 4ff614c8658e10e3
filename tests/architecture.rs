//! The rules of the repository that a machine can check.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests crate stands in the workspace").to_owned()
}

/// What each crate of ours may depend on among ours, outside of its own tests.
fn allowed() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    BTreeMap::from([
        ("ropeway-engine", BTreeSet::new()),
        ("ropeway-specs", BTreeSet::new()),
        ("ropeway-connectors", BTreeSet::from(["ropeway-engine"])),
        ("ropeway", BTreeSet::from(["ropeway-engine", "ropeway-connectors", "ropeway-specs"])),
        ("ropeway-tests", BTreeSet::new()),
        ("ropeway-benches", BTreeSet::from(["ropeway-engine", "ropeway-connectors"])),
    ])
}

/// Every dependency between crates of ours that is not allowed, as `from -> to`.
fn violations(metadata: &Value, allowed: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<String> {
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().expect("cargo lists packages") {
        let from = package["name"].as_str().expect("a package has a name");
        for dependency in package["dependencies"].as_array().expect("a package lists dependencies") {
            let to = dependency["name"].as_str().expect("a dependency has a name");
            let permitted = allowed.get(from).is_some_and(|names| names.contains(to));
            if dependency["kind"] != "dev" && allowed.contains_key(to) && !permitted {
                found.push(format!("{from} -> {to}"));
            }
        }
    }
    found
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
}

#[test]
fn dependencies_point_one_way() {
    let metadata = metadata();
    let names: BTreeSet<_> =
        metadata["packages"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, allowed().into_keys().collect(), "a new crate needs its row in `allowed`");
    assert_eq!(violations(&metadata, &allowed()), Vec::<String>::new());
}

#[test]
fn a_dependency_the_other_way_is_found() {
    let mut stricter = allowed();
    stricter.insert("ropeway-connectors", BTreeSet::new());
    assert_eq!(violations(&metadata(), &stricter), ["ropeway-connectors -> ropeway-engine"]);
}

#[test]
fn only_these_stand_at_the_top() {
    let expected = BTreeSet::from(
        [
            "Cargo.lock",
            "Cargo.toml",
            "CHANGELOG.md",
            "CONTRIBUTING.md",
            "LICENSE",
            "Makefile",
            "README.md",
            "benches",
            "clippy.toml",
            "connectors",
            "deny.toml",
            "engine",
            "fuzz",
            "pipeline-specs",
            "rustfmt.toml",
            "tests",
        ]
        .map(str::to_owned),
    );
    let tracked = Command::new("git").args(["ls-files"]).current_dir(root()).output().expect("git runs");
    let top: BTreeSet<_> = String::from_utf8(tracked.stdout)
        .unwrap()
        .lines()
        .map(|path| path.split('/').next().unwrap().to_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    assert_eq!(top, expected);
}

/// Every Rust file of the workspace outside `target`.
fn rust_files() -> Vec<PathBuf> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    for folder in ["engine", "connectors", "pipeline-specs", "tests", "benches"] {
        walk(&root().join(folder), &mut files);
    }
    files
}

#[test]
fn modules_are_named_after_what_they_are() {
    let vague = ["util", "utils", "helper", "helpers", "common", "misc", "manager", "mod"];
    let found: Vec<_> =
        rust_files().into_iter().filter(|path| vague.contains(&path.file_stem().unwrap().to_str().unwrap())).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn nothing_is_left_for_later_and_nothing_is_ignored() {
    // Spelled in two halves so that this file does not find itself.
    let leftovers = [["todo", "!("], ["unimplemented", "!("], ["FIX", "ME"], ["#[ign", "ore"], ["#[all", "ow("]]
        .map(|p| p.concat());
    for path in rust_files() {
        let text = fs::read_to_string(&path).unwrap();
        for leftover in &leftovers {
            assert!(!text.contains(leftover), "{} has {leftover}", path.display());
        }
    }
}

/// The tests that a text names as proofs, as `tests/torture/{kill,network}.rs` names two.
fn named_tests(text: &str) -> Vec<String> {
    let is_test = |name: &&str| name.starts_with("tests/") || name.starts_with("engine/tests/");
    let each = |name: &str| match name.split_once('{').and_then(|(start, rest)| Some((start, rest.split_once('}')?))) {
        Some((start, (names, end))) => names.split(',').map(|one| format!("{start}{one}{end}")).collect(),
        None => vec![name.to_owned()],
    };
    text.split('`').skip(1).step_by(2).filter(is_test).flat_map(each).collect()
}

#[test]
fn every_test_that_the_readme_names_as_a_proof_is_there_and_asserts() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let names = named_tests(&readme);
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let path = root().join(&name);
        let tests = rust_files().into_iter().filter(|file| file.starts_with(path.with_extension("")) || *file == path);
        let texts: String = tests.map(|file| fs::read_to_string(file).unwrap()).collect();
        assert!(texts.contains("test]") || texts.contains("test("), "{name} has no test");
        assert!(texts.contains("assert") || texts.contains(".verdict("), "{name} asserts nothing");
    }
}

#[test]
fn a_proof_that_is_missing_is_found() {
    let names = named_tests("see `tests/torture/{kill,nothing}.rs`, `cargo` and `engine/tests/x.rs`");
    assert_eq!(names, ["tests/torture/kill.rs", "tests/torture/nothing.rs", "engine/tests/x.rs"]);
    assert!(!root().join(&names[1]).exists());
}
