//! A disk that takes no write at all, and then does.

use std::sync::Arc;

use ropeway_tests::blob_service::BlobService;

use super::mount::Mount;
use crate::torture::{
    sources::Source,
    table::Tally,
    targets::{Format, Sink},
    trial::{Pair, Trial},
};

/// Starts a copy on a disk that is read-only, and again when it is not.
pub(super) fn refused(source: &Source, blobs: &Arc<BlobService>, tally: &mut Tally) {
    for (sink, state) in [(Sink::File, false), (Sink::FileFolder, false), (Sink::File, true)] {
        let pair = Pair { source, sink, format: Format::Parquet, slots: 1 };
        let mut trial = Trial::new(pair, blobs, &format!("read-only-{sink:?}-{state}").to_lowercase());
        let folder = if state { trial.example.path("state") } else { trial.target.folder().expect("a folder") };
        let mount = Mount::small(&folder, 64 << 20).expect("mounts are permitted");
        mount.remount("ro");
        let output = trial.start().wait_with_output().expect("our child");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // The folder of the state is named by the command line.
        assert_eq!(output.status.code(), Some(if state { 2 } else { 3 }), "{}: {said}", trial.about());
        assert!(said.to_lowercase().contains("read-only"), "{}: {said}", trial.about());
        assert!(said.contains(&*folder.to_string_lossy()), "{}: {said}", trial.about());
        trial.interrupted(output, tally);
        tally.events += 1;
        mount.remount("rw");
        let resumed = trial.start().wait_with_output().expect("our child");
        trial.succeeded(resumed, tally);
    }
}
