//! What copied files are called: `copyBehavior`.

use ropeway_engine::{Error, ErrorKind, Result, chunk::RunId};
use serde::Deserialize;

use super::leaving_out::INVALID_NAME;
use crate::selection;

/// `copyBehavior` of a sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum CopyBehavior {
    /// The path below the source's folder is that below the target's.
    #[default]
    PreserveHierarchy,
    /// All files in the target's folder, under names that are made.
    FlattenHierarchy,
    /// One file of all.
    MergeFiles,
}

/// The longest name of a file, and of a folder, that file systems take.
const LONGEST_NAME: usize = 255;

/// Where each file of a run goes, below the root of the sink.
#[derive(Clone, Debug)]
pub(crate) enum Naming {
    /// To this path, whatever it is called: there can be only one.
    One(String),
    /// Below this folder, as it is.
    Below(String),
    /// Into this folder, under a name made of its path.
    Flat(String),
}

impl Naming {
    /// The path of a file's copy.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] for a name that would leave the folder, or that stores do not take.
    pub(crate) fn target(&self, path: &str, run: &RunId) -> Result<String> {
        match self {
            Self::One(target) => Ok(target.clone()),
            Self::Below(folder) => kept(folder, path),
            Self::Flat(folder) => Ok(below(folder, &flat(path, run))),
        }
    }
}

/// The path of a file that keeps it, in this folder.
///
/// # Errors
/// As for [`Naming::target`].
pub(crate) fn kept(folder: &str, path: &str) -> Result<String> {
    Ok(below(folder, checked(path)?))
}

/// As it is written in the settings of a sink.
///
/// # Errors
/// [`ErrorKind::Spec`] for another word.
pub(crate) fn behavior(text: Option<&str>) -> Result<CopyBehavior> {
    given(text).map(Option::unwrap_or_default)
}

/// The same; `None` if nothing is written.
///
/// # Errors
/// [`ErrorKind::Spec`] for another word.
pub(crate) fn given(text: Option<&str>) -> Result<Option<CopyBehavior>> {
    match text.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) if text.eq_ignore_ascii_case("PreserveHierarchy") => Ok(Some(CopyBehavior::PreserveHierarchy)),
        Some(text) if text.eq_ignore_ascii_case("FlattenHierarchy") => Ok(Some(CopyBehavior::FlattenHierarchy)),
        Some(text) if text.eq_ignore_ascii_case("MergeFiles") => Ok(Some(CopyBehavior::MergeFiles)),
        Some(text) => {
            Err(Error::new(ErrorKind::Spec, "copyBehavior is PreserveHierarchy, FlattenHierarchy or MergeFiles")
                .with("copyBehavior", text.escape_debug()))
        }
    }
}

/// The name of the one file of a run whose sink's dataset names none.
///
/// # Errors
/// There is no run.
pub(crate) fn merged_name(run: Option<&RunId>) -> Result<String> {
    let run = run.ok_or_else(|| Error::new(ErrorKind::Spec, "name the file that all are merged into: set fileName"))?;
    Ok(format!("Data.{}", run.short()))
}

/// A path that stays below its folder in every store.
fn checked(path: &str) -> Result<&str> {
    let same = selection::path(path).is_ok_and(|same| same == path) && !path.is_empty();
    let fits = path.split('/').all(|piece| piece.len() <= LONGEST_NAME);
    if same && fits {
        return Ok(path);
    }
    Err(Error::new(
        ErrorKind::Data,
        "a file has a name that cannot be kept: an empty step, '..', a backslash, a control character or more than 255 bytes; rename it, leave it out (skipErrorFile.invalidFileName), or set copyBehavior to FlattenHierarchy",
    )
    .with("file", path.escape_debug())
    .code(INVALID_NAME))
}

/// A name that no other path of the run has, with the ending of the file.
fn flat(path: &str, run: &RunId) -> String {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let plain = |ending: &str| (1..=16).contains(&ending.len()) && ending.chars().all(|c| c.is_ascii_alphanumeric());
    let ending = name.rsplit_once('.').map(|(_, ending)| ending).filter(|ending| plain(ending));
    let hash = blake3::hash(path.as_bytes()).to_hex();
    let made = format!("Data.{}.{}", run.short(), &hash[..32]);
    ending.map_or(made.clone(), |ending| format!("{made}.{ending}"))
}

fn below(folder: &str, path: &str) -> String {
    if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunId {
        RunId::try_from("r1".to_owned()).unwrap()
    }

    #[test]
    fn hierarchies_are_kept_flattened_or_one() {
        let target = |naming: Naming, path: &str| naming.target(path, &run()).unwrap();
        assert_eq!(target(Naming::Below("out".into()), "a/ b.txt"), "out/a/ b.txt");
        assert_eq!(target(Naming::Below(String::new()), "a.txt"), "a.txt");
        assert_eq!(target(Naming::One("out/x".into()), "a/b.txt"), "out/x");
        let flat = |path| target(Naming::Flat("out".into()), path);
        assert!(flat("a/b.txt").starts_with("out/Data.") && flat("a/b.txt").ends_with(".txt"));
        assert_eq!(flat("a/b.txt"), flat("a/b.txt"));
        let distinct: std::collections::BTreeSet<_> =
            ["a/b.txt", "a/B.txt", "A/b.txt", "b.txt"].map(|path| flat(path).to_lowercase()).into();
        assert_eq!(distinct.len(), 4, "also where case makes no difference");
        assert_eq!(flat("a/../b").matches('/').count(), 1);
        assert!(!flat("x.a\u{1}b").contains('\u{1}'));
    }

    #[test]
    fn hostile_names_are_refused_where_they_would_be_kept() {
        for path in ["../x", "a/../x", "/x", "a//b", "a\\b", "a\u{1}", "", ".", "a/./b", &"x".repeat(256)] {
            let error = Naming::Below("out".into()).target(path, &run()).unwrap_err();
            assert_eq!(error.symbolic_code(), Some("InvalidFileName"), "{path:?}");
            assert!(!error.to_string().contains('\u{1}'));
        }
    }

    #[test]
    fn behaviors_are_data_factorys_words() {
        assert_eq!(behavior(Some("mergefiles")).unwrap(), CopyBehavior::MergeFiles);
        assert_eq!(behavior(None).unwrap(), CopyBehavior::PreserveHierarchy);
        assert!(behavior(Some("Shuffle")).is_err());
    }
}
