//! Folders whose names survive a power cut.

use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::Path,
};

/// Makes the folder and those that lead to it, for their owner alone. When this returns, its name and those of all that
/// were made are on the disk: a file that is synced in a folder without a name is lost with it.
///
/// # Errors
/// Those of the file system.
pub fn make_private(folder: &Path) -> io::Result<()> {
    let missing = folder.ancestors().take_while(|folder| !named(folder).is_dir()).count();
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // Whoever made a folder that is there may have died before its name was safe.
    folder.ancestors().skip(1).take(missing.max(1)).try_for_each(|parent| sync(named(parent)))
}

/// Writes the names in the folder to the disk.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The parent of a relative name is the empty one.
fn named(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn folders_are_made_for_their_owner_and_once() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("state/runs/run");
        make_private(&folder).unwrap();
        make_private(&folder).unwrap();
        let mode = |folder: &Path| fs::metadata(folder).unwrap().permissions().mode() & 0o777;
        let modes: Vec<_> = folder.ancestors().take(3).map(mode).collect();
        assert_eq!(modes, [0o700; 3]);
        let file = place.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(make_private(&file.join("in")).is_err());
    }
}
