//! How much room a file system has.

use std::path::Path;

/// Bytes that this user may still write beside or below a path, as far as the file system tells; a
/// quota may allow fewer.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let existing = path.ancestors().find(|ancestor| ancestor.exists())?;
    let status = rustix::fs::statvfs(existing).ok()?;
    status.f_bavail.checked_mul(status.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_to_be_made_has_the_room_of_its_parent() {
        let folder = tempfile::tempdir().unwrap();
        let room = free_bytes(&folder.path().join("not/yet"));
        assert!(room.is_some_and(|bytes| bytes > 0), "{room:?}");
        assert_eq!(free_bytes(Path::new("/proc/self")), Some(0));
    }
}
