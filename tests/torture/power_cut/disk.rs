//! An ext4 file system in a file, which can lose its power.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// Bytes of the image; most of them are never written.
const SIZE: u64 = 64 << 20;

/// Nothing is sent to the disk but what is synchronised: the kernel's own intervals are longer than a test.
const OPTIONS: &str = "loop,commit=300";

/// A disk with some folders, as long as it lives.
pub(super) struct Disk {
    folders: Vec<PathBuf>,
    /// Holds the images and the place where the disk is mounted.
    home: TempDir,
}

impl Disk {
    /// Whether this process may make such a disk.
    pub(super) fn is_permitted() -> bool {
        let disk = Self { folders: Vec::new(), home: home() };
        let permitted = disk.format() && disk.mount();
        if !permitted {
            println!("skipped: an ext4 image cannot be mounted here");
        }
        permitted
    }

    /// An empty disk that these folders are on from now on.
    pub(super) fn over(folders: Vec<PathBuf>) -> Self {
        let disk = Self { folders, home: home() };
        assert!(disk.format() && disk.mount(), "a disk can be made");
        disk.bind();
        disk
    }

    /// Keeps what the disk has now, and not what is on its way there.
    pub(super) fn copy(&self) {
        // What the kernel holds back for the disk is in its cache and not in the file behind it.
        let copied = Command::new("cp").arg("--sparse=always").args([self.image(), self.kept()]).status();
        assert!(copied.is_ok_and(|copied| copied.success()), "the image was copied");
    }

    /// The power fails and comes back: the disk is as it was when it was copied.
    pub(super) fn fail(&self) {
        self.unmount();
        fs::rename(self.kept(), self.image()).expect("our own folder");
        assert!(self.mount(), "the disk cannot be mounted any more");
        self.bind();
    }

    fn format(&self) -> bool {
        File::create(self.image()).and_then(|image| image.set_len(SIZE)).expect("a writable folder");
        fs::create_dir_all(self.place()).expect("a writable folder");
        done(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(self.image()))
    }

    fn mount(&self) -> bool {
        done(Command::new("mount").args(["-o", OPTIONS]).args([self.image(), self.place()]))
    }

    /// Puts the disk's folders, one for each, where they are looked for.
    fn bind(&self) {
        for (number, folder) in self.folders.iter().enumerate() {
            let there = self.place().join(number.to_string());
            for path in [folder, &there] {
                fs::create_dir_all(path).expect("a writable folder");
            }
            assert!(done(Command::new("mount").arg("--bind").args([&there, folder])), "{}", folder.display());
        }
        // The folders themselves were there long before.
        let root = File::open(self.place()).expect("readable");
        rustix::fs::syncfs(&root).expect("a disk");
    }

    fn unmount(&self) {
        for place in self.folders.iter().chain([&self.place()]) {
            done(Command::new("umount").arg(place));
        }
    }

    fn image(&self) -> PathBuf {
        self.home.path().join("image")
    }

    fn kept(&self) -> PathBuf {
        self.home.path().join("kept")
    }

    fn place(&self) -> PathBuf {
        self.home.path().join("disk")
    }
}

impl Drop for Disk {
    /// Also while a process of a test that failed still works there.
    fn drop(&mut self) {
        for place in self.folders.iter().chain([&self.place()]) {
            done(Command::new("umount").arg("--lazy").arg(place));
        }
    }
}

/// In memory, where a copy takes no time.
fn home() -> TempDir {
    let memory = Path::new("/dev/shm");
    let home = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    home.expect("a temporary folder")
}

fn done(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
