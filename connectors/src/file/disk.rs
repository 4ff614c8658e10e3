//! What makes a file durable, and what an error of the file system means.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use ropeway_engine::{Error, ErrorKind, Result, disk_space::free_bytes, retry::RetryClass};

/// Opens a new file; never an existing one, and never through a link.
pub(super) fn create_new(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    // `create_new` is O_CREAT | O_EXCL, which does not follow a link at the last piece.
    options.write(true).create_new(true).mode(0o666);
    options.open(path).map_err(|error| failed("create", path, error))
}

/// Opens a regular file for reading: not a device, not a pipe, and never blocks while opening it.
pub(super) fn open(path: &Path) -> Result<File> {
    let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY).bits() as i32;
    let file =
        OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| failed("open", path, error))?;
    let kind = file.metadata().map_err(|error| failed("open", path, error))?;
    if kind.is_file() {
        return Ok(file);
    }
    Err(Error::new(ErrorKind::Spec, "this is not a regular file; name a file or a folder of files")
        .with("path", shown(path)))
}

/// Makes the content of a file survive a power cut.
pub(super) fn sync(file: &File, path: &Path) -> Result<()> {
    file.sync_all().map_err(|error| failed("write to disk", path, error))
}

/// Makes the names in a folder survive a power cut.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    let open = File::open(folder).and_then(|folder| folder.sync_all());
    open.map_err(|error| failed("write to disk", folder, error))
}

/// Creates a folder and its missing ancestors, durably.
pub(super) fn create_folder(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(Path::new("/"));
    create_folder(parent)?;
    match fs::create_dir(folder) {
        // Someone else was faster; that it is no folder shows as soon as it is used.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed("create the folder", folder, error)),
        Ok(()) => sync_folder(parent),
    }
}

/// Creates a folder that only we can look into.
pub(super) fn create_private_folder(folder: &Path) -> Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_real_folder(folder) => Ok(()),
        Err(error) => Err(failed("create the folder", folder, error)),
        Ok(()) => folder.parent().map_or(Ok(()), sync_folder),
    }
}

fn is_real_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// Gives a finished file its name, replacing what stood there.
pub(super) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|error| failed("replace", to, error))
}

/// Writes a small file so that it stands there whole or not at all.
pub(super) fn replace(path: &Path, temporary: &Path, content: &[u8]) -> Result<()> {
    remove_file(temporary)?;
    let mut file = create_new(temporary)?;
    io::Write::write_all(&mut file, content).map_err(|error| failed("write", temporary, error))?;
    sync(&file, temporary)?;
    rename(temporary, path)
}

/// Removes a file if it is there.
pub(super) fn remove_file(path: &Path) -> Result<()> {
    gone(fs::remove_file(path)).map_err(|error| failed("remove", path, error))
}

/// Removes a folder with all that is in it, if it is there.
pub(super) fn remove_folder(path: &Path) -> Result<()> {
    gone(fs::remove_dir_all(path)).map_err(|error| failed("remove", path, error))
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The length of a regular file; `None` if there is none.
pub(super) fn length(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().filter(|found| found.is_file()).map(|found| found.len())
}

/// Runs what blocks on a thread where it may.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    #[expect(
        clippy::disallowed_methods,
        reason = "reading and writing files is neither CPU work nor a driver's session"
    )]
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::new(ErrorKind::Bug, "work on files ended early; please report it").caused_by(error))?
}

/// What went wrong with a path, and what to do.
pub(super) fn failed(action: &'static str, path: &Path, error: io::Error) -> Error {
    use io::ErrorKind as E;
    let (kind, advice) = match error.kind() {
        E::NotFound => (ErrorKind::Spec, "it does not exist; check the path"),
        E::PermissionDenied => (ErrorKind::Auth, "permission denied; grant it to the user that runs Ropeway"),
        E::ReadOnlyFilesystem => (ErrorKind::Auth, "the file system is read-only; choose another folder"),
        E::StorageFull => {
            (ErrorKind::Unavailable, "the disk is full; free some space and the copy goes on, or resume the run later")
        }
        E::QuotaExceeded => (
            ErrorKind::Unavailable,
            "the disk quota is used up; free some space and the copy goes on, or resume the run later",
        ),
        E::InvalidFilename => (ErrorKind::Spec, "the name is too long or not allowed here; choose another"),
        E::NotADirectory => (ErrorKind::Spec, "a piece of the path is a file, not a folder; choose another path"),
        E::IsADirectory => (ErrorKind::Spec, "there is a folder of this name; choose another file name"),
        _ => (ErrorKind::Unavailable, "see the cause"),
    };
    let full = matches!(error.kind(), E::StorageFull | E::QuotaExceeded);
    let failed = Error::new(kind, format!("cannot {action} {}: {advice}", shown(path))).caused_by(error);
    if !full {
        return failed;
    }
    let failed = failed.class(RetryClass::Space);
    // Nobody knows what a quota leaves.
    match free_bytes(path) {
        Some(free) => failed.with("free bytes", free),
        None => failed,
    }
}

/// A path for a person.
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_says_how_much_is_free_and_waits_for_a_person() {
        let folder = tempfile::tempdir().unwrap();
        for number in [rustix::io::Errno::NOSPC, rustix::io::Errno::DQUOT] {
            let error = failed("write", &folder.path().join("gone/part"), number.into());
            assert_eq!((error.kind(), error.retry_class()), (ErrorKind::Unavailable, RetryClass::Space));
            let text = error.to_string();
            assert!(text.contains("free bytes=") && text.contains("free some space and the copy goes on"), "{text}");
        }
        let other = failed("write", folder.path(), rustix::io::Errno::IO.into());
        assert_eq!(other.retry_class(), RetryClass::Transient);
        assert!(!other.to_string().contains("free bytes"), "{other}");
    }
}
