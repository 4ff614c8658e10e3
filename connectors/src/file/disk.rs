//! What makes a file durable, and what an error of the file system means.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use ropeway_engine::{Error, ErrorKind, Result, disk_space::free_bytes, retry::RetryClass};
use rustix::io::Errno;

pub(super) use crate::blocking::blocking;
use crate::format::Input;

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
    Err(irregular(path))
}

/// A device, a pipe or a socket.
pub(super) fn irregular(path: &Path) -> Error {
    Error::new(ErrorKind::Spec, "this is not a regular file; name a file or a folder of files")
        .with("path", shown(path))
}

/// The same, for a format to read.
pub(super) fn input(path: &Path) -> Result<Input> {
    Input::new(open(path)?).map_err(|error| failed("open", path, error))
}

/// Makes the content of a file survive a power cut.
pub(super) fn sync(file: &File, path: &Path) -> Result<()> {
    file.sync_all().map_err(|error| failed("write to disk", path, error))
}

/// Makes everything survive a power cut that was written to the file system of a folder so far.
pub(super) fn sync_file_system(folder: &Path) -> Result<()> {
    let opened = File::open(folder).map_err(|error| failed("open", folder, error))?;
    rustix::fs::syncfs(&opened).map_err(|error| failed("write to disk", folder, error.into()))
}

/// Makes the names in a folder survive a power cut.
///
/// # Errors
/// One that ends the run: who asks a second time may be told that all is well, because the system has
/// forgotten which names it could not write.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    let opened = File::open(folder).map_err(|error| failed("open", folder, error))?;
    opened.sync_all().map_err(|error| {
        let advice = "names of files may be lost; check the disk, then resume the run";
        Error::new(ErrorKind::Data, format!("cannot write the folder {} to disk: {advice}", shown(folder)))
            .class(RetryClass::Fatal)
            .caused_by(error)
    })
}

/// True for a link, wherever it leads.
pub(super) fn is_link(path: &Path) -> Result<bool> {
    let found = fs::symlink_metadata(path).map_err(|error| failed("open", path, error))?;
    Ok(found.file_type().is_symlink())
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

/// Moves a file, if it is there, to a folder that has to be there in any case.
pub(super) fn move_away(from: &Path, to: &Path) -> Result<()> {
    let has_place = to.parent().is_some_and(is_real_folder);
    if has_place && length(from).is_none() { Ok(()) } else { rename(from, to) }
}

/// Writes a small file so that it stands there whole or not at all.
pub(super) fn replace(path: &Path, temporary: &Path, content: &[u8]) -> Result<()> {
    write(temporary, content)?;
    rename(temporary, path)
}

/// Writes a small file that nobody looks at yet.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<()> {
    remove_file(path)?;
    let mut file = create_new(path)?;
    io::Write::write_all(&mut file, content).map_err(|error| failed("write", path, error))?;
    sync(&file, path)
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

/// What the system's errors mean; whatever is not here is tried again as transient.
const ERRORS: &[(&[Errno], ErrorKind, RetryClass, &str)] = {
    use ErrorKind::{Auth, Spec, Unavailable};
    use RetryClass::{Permanent, Reconnect, Shrink, Space, Transient};
    &[
        (&[Errno::NOENT], Spec, Permanent, "it does not exist; check the path"),
        (&[Errno::ACCESS, Errno::PERM], Auth, Permanent, "permission denied; grant it to the user that runs Ropeway"),
        (&[Errno::ROFS], Auth, Permanent, "the file system is read-only; choose another folder"),
        (&[Errno::LOOP], Spec, Permanent, "links in the path lead in a circle; choose another path"),
        (&[Errno::XDEV], Spec, Permanent, "the path crosses to another file system; choose another folder"),
        (&[Errno::NAMETOOLONG], Spec, Permanent, "the name is too long or not allowed here; choose another"),
        (&[Errno::NOTDIR], Spec, Permanent, "a piece of the path is a file, not a folder; choose another path"),
        (&[Errno::ISDIR], Spec, Permanent, "there is a folder of this name; choose another file name"),
        (
            &[Errno::NOSPC],
            Unavailable,
            Space,
            "the disk is full; free some space and the copy goes on, or resume the run later",
        ),
        (
            &[Errno::DQUOT],
            Unavailable,
            Space,
            "the disk quota is used up; free some space and the copy goes on, or resume the run later",
        ),
        (
            &[
                Errno::TIMEDOUT,
                Errno::CONNRESET,
                Errno::PIPE,
                Errno::CONNREFUSED,
                Errno::HOSTUNREACH,
                Errno::NETUNREACH,
            ],
            Unavailable,
            Reconnect,
            "the file server does not answer; check the mount and the network",
        ),
        (
            &[Errno::MFILE, Errno::NFILE],
            Unavailable,
            Shrink,
            "too many files are open; raise the limit (ulimit -n) or lower --parallel",
        ),
        (&[Errno::NOMEM], Unavailable, Shrink, "the system has no memory left; lower --parallel or --memory"),
        (&[Errno::INTR, Errno::AGAIN], Unavailable, Transient, "the system asks to try again"),
        (&[Errno::STALE], Unavailable, Transient, "the file server forgot the file; it is opened anew"),
        (
            &[Errno::IO],
            Unavailable,
            Transient,
            "the device failed; what was written is written anew to another file, and if it happens again, check the disk",
        ),
    ]
};

/// Errors that are worth so many attempts, and what they are after those. A file whose fsync failed is
/// never fsynced again: the next attempt writes another one.
const WORTH: &[(Errno, u32, ErrorKind, RetryClass)] = &[
    (Errno::STALE, 2, ErrorKind::Unavailable, RetryClass::Permanent),
    (Errno::IO, 3, ErrorKind::Data, RetryClass::Fatal),
];

/// What went wrong with a path, and what to do.
pub(super) fn failed(action: &'static str, path: &Path, error: io::Error) -> Error {
    let number = Errno::from_io_error(&error);
    let known = number.and_then(|number| ERRORS.iter().find(|(numbers, ..)| numbers.contains(&number)));
    let (kind, class, advice) = known
        .map_or((ErrorKind::Unavailable, RetryClass::Transient, "see the cause"), |(_, kind, class, advice)| {
            (*kind, *class, *advice)
        });
    let failed = Error::new(kind, format!("cannot {action} {}: {advice}", shown(path))).class(class).caused_by(error);
    let worth = WORTH.iter().find(|(errno, ..)| Some(*errno) == number);
    let failed = match worth {
        Some((_, attempts, kind, class)) => failed.at_most(*attempts, *kind, *class),
        None => failed,
    };
    // Nobody knows what a quota leaves.
    match free_bytes(path).filter(|_| class == RetryClass::Space) {
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

    /// The folders of the kernel's own files cannot be synchronised, so this is a real failure.
    #[test]
    fn a_folder_that_could_not_be_written_is_not_tried_again() {
        let error = sync_folder(Path::new("/proc")).unwrap_err();
        assert_eq!((error.kind(), error.retry_class()), (ErrorKind::Data, RetryClass::Fatal));
        assert!(error.to_string().contains("/proc") && error.to_string().contains("check the disk"), "{error}");
        let absent = sync_folder(Path::new("/proc/absent")).unwrap_err();
        assert_eq!((absent.kind(), absent.retry_class()), (ErrorKind::Spec, RetryClass::Permanent));
        sync_folder(tempfile::tempdir().unwrap().path()).unwrap();
    }

    /// Transcribed from the manual pages and not from the table above.
    #[test]
    fn every_error_of_the_system_has_its_class() {
        use RetryClass::{Permanent, Reconnect, Shrink, Space, Transient};
        // Numbers of Linux, kind, class, attempts if they are few.
        let rows: [(&[i32], ErrorKind, RetryClass, Option<u32>); 9] = [
            // EINTR, EAGAIN.
            (&[4, 11], ErrorKind::Unavailable, Transient, None),
            // ETIMEDOUT, ECONNRESET, EPIPE, ECONNREFUSED, EHOSTUNREACH, ENETUNREACH.
            (&[110, 104, 32, 111, 113, 101], ErrorKind::Unavailable, Reconnect, None),
            // ESTALE: opened once more.
            (&[116], ErrorKind::Unavailable, Transient, Some(2)),
            // ENOSPC, EDQUOT.
            (&[28, 122], ErrorKind::Unavailable, Space, None),
            // EIO: the file is written anew, and then it is the disk.
            (&[5], ErrorKind::Unavailable, Transient, Some(3)),
            // EMFILE, ENFILE, ENOMEM.
            (&[24, 23, 12], ErrorKind::Unavailable, Shrink, None),
            // EACCES, EPERM, EROFS.
            (&[13, 1, 30], ErrorKind::Auth, Permanent, None),
            // ELOOP, ENAMETOOLONG, EXDEV, ENOENT, ENOTDIR, EISDIR.
            (&[40, 36, 18, 2, 20, 21], ErrorKind::Spec, Permanent, None),
            // What is in no row.
            (&[95], ErrorKind::Unavailable, Transient, None),
        ];
        for (numbers, kind, class, attempts) in rows {
            for number in numbers {
                let error = failed("write", Path::new("/"), io::Error::from_raw_os_error(*number));
                assert_eq!((error.kind(), error.retry_class()), (kind, class), "{number}");
                assert_eq!(error.attempts_allowed(), attempts, "{number}");
            }
        }
        let disk = failed("write", Path::new("/"), io::Error::from_raw_os_error(5)).after(3);
        assert!(disk.is_fatal() && disk.kind() == ErrorKind::Data);
    }
}
