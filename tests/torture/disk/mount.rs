//! A file system in memory, as small as a test wants it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A file system over a folder, until it is dropped.
pub(super) struct Mount(PathBuf);

impl Mount {
    /// `None` where this process may not mount.
    pub(super) fn small(folder: &Path, bytes: u64) -> Option<Self> {
        fs::create_dir_all(folder).expect("a writable folder");
        let options = format!("mode=700,size={bytes}");
        mounts(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder))
            .then(|| Self(folder.to_owned()))
    }

    /// Whether this process may mount.
    pub(super) fn is_permitted() -> bool {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let permitted = Self::small(folder.path(), 4096).is_some();
        if !permitted {
            println!("skipped: file systems cannot be mounted here");
        }
        permitted
    }

    /// Makes room.
    pub(super) fn grow(&self) {
        self.remount("size=256m");
    }

    /// Changes an option of the file system.
    pub(super) fn remount(&self, option: &str) {
        let options = format!("remount,{option}");
        assert!(mounts(Command::new("mount").args(["-o", &options]).arg(&self.0)), "{option} of {}", self.0.display());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        mounts(Command::new("umount").arg(&self.0));
    }
}

fn mounts(command: &mut Command) -> bool {
    command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
