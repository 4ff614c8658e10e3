//! Paths of definitions, which are hostile until checked: nothing outside the linked service's
//! root is ever touched.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ropeway_engine::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::Value;

use super::{disk, spec::Location};

/// The folder that the linked service's `host` names.
#[derive(Clone, Debug)]
pub(super) struct Root(PathBuf);

/// A folder below the root, and the file in it unless the whole folder is meant.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) folder: PathBuf,
    pub(super) file: Option<String>,
}

impl Root {
    /// # Errors
    /// A host that is a network share, a Windows drive or no absolute path.
    pub(super) fn new(host: &str) -> Result<Self> {
        let path = Path::new(host);
        if host.contains('\0') || host.starts_with("\\\\") || host.starts_with("//") || !path.is_absolute() {
            return Err(Error::new(
                ErrorKind::Spec,
                "the host of a FileServer is an absolute local path here; mount the share and name the folder where it is mounted",
            )
            .with("host", host.escape_debug()));
        }
        Ok(Self(path.to_owned()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The folder as it really is, links resolved; it must exist.
    ///
    /// # Errors
    /// A link that leads out of the root.
    pub(super) fn real(&self, folder: &Path) -> Result<PathBuf> {
        let path = self.0.join(folder);
        let resolve = |path: &Path| fs::canonicalize(path).map_err(|error| disk::failed("open", path, error));
        let (root, real) = (resolve(&self.0)?, resolve(&path)?);
        if !real.starts_with(&root) {
            return Err(Error::new(
                ErrorKind::Spec,
                "a link leads out of the folder of the linked service; name a folder inside it",
            )
            .with("path", path.display().to_string().escape_debug()));
        }
        Ok(real)
    }
}

impl Location {
    pub(super) fn of(dataset: &Value) -> Result<Self> {
        let location = dataset.get("location").ok_or_else(|| {
            Error::new(
                ErrorKind::Spec,
                "the dataset has no location; add one of type FileServerLocation with folderPath and fileName",
            )
        })?;
        Self::deserialize(location)
            .map_err(|error| Error::new(ErrorKind::Spec, format!("the location of the dataset is wrong: {error}")))
    }

    /// The location as a path without anything that climbs.
    pub(super) fn checked(&self) -> Result<Target> {
        let file = match self.file_name.as_deref().filter(|name| !name.is_empty()) {
            None => None,
            Some(name) if relative(name)?.components().count() == 1 && !name.contains(['/', '\\']) => {
                Some(name.to_owned())
            }
            Some(name) => return Err(climbing("fileName", name)),
        };
        Ok(Target { folder: relative(self.folder_path.as_deref().unwrap_or_default())?, file })
    }
}

/// A path below the root. Both slashes part it, as on the file servers these definitions come from.
pub(super) fn relative(text: &str) -> Result<PathBuf> {
    let mut path = PathBuf::new();
    for piece in text.split(['/', '\\']).filter(|piece| !piece.is_empty() && *piece != ".") {
        if piece == ".." || piece.contains(char::is_control) || (piece.len() == 2 && piece.ends_with(':')) {
            return Err(climbing("folderPath", text));
        }
        path.push(piece);
    }
    Ok(path)
}

/// A path as a store of files has it: only `/` parts it, because a backslash may be part of a name here.
pub(super) fn listed(path: &str) -> Result<PathBuf> {
    let mut below = PathBuf::new();
    for piece in path.split('/').filter(|_| !path.is_empty()) {
        if matches!(piece, "" | "." | "..") || piece.contains('\0') {
            return Err(climbing("path", path));
        }
        below.push(piece);
    }
    Ok(below)
}

fn climbing(property: &'static str, text: &str) -> Error {
    Error::new(ErrorKind::Spec, "a path may not leave the folder of the linked service, and a name is one piece without control characters; write it relative to the host")
        .with("property", property)
        .with("value", text.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(folder: &str, file: &str) -> Result<Target> {
        Location { folder_path: Some(folder.into()), file_name: Some(file.into()) }.checked()
    }

    #[test]
    fn paths_stay_below_the_root() {
        let target = location("\\in/./2024\\", "a b.csv").unwrap();
        assert_eq!((target.folder, target.file.as_deref()), (PathBuf::from("in/2024"), Some("a b.csv")));
        for (folder, file) in [
            ("..", ""),
            ("a/../../b", ""),
            ("a\\..", ""),
            ("C:\\x", ""),
            ("a\0b", ""),
            ("a", "../b"),
            ("a", ".."),
            ("a", "b/c"),
            ("a", "x\n"),
        ] {
            assert!(location(folder, file).is_err(), "{folder} {file}");
        }
    }

    #[test]
    fn a_share_or_a_drive_is_mounted_first() {
        for host in ["\\\\server\\share", "//server/share", "C:\\data", "data", ""] {
            let error = Root::new(host).unwrap_err();
            assert!(error.to_string().contains("mount the share"), "{error}");
        }
        assert!(Root::new("/data").is_ok());
    }

    #[test]
    fn a_link_that_leads_out_is_refused() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(outside.path(), inside.path().join("out")).unwrap();
        fs::create_dir(inside.path().join("in")).unwrap();
        let root = Root::new(inside.path().to_str().unwrap()).unwrap();
        assert!(root.real(Path::new("in")).is_ok());
        let error = root.real(Path::new("out")).unwrap_err();
        assert!(error.to_string().contains("leads out"), "{error}");
    }
}
