//! The versions of the format: what was written stays readable.

use serde_json::Value;

use super::*;
use crate::checkpoint::file::frames;

/// The run of `write_run`, taken over once more, as the first version of the format wrote it: it has no skipped rows.
const VERSION_1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/journals/1.journal");
/// The same as version 2 wrote it: no chunk is divided.
const VERSION_2: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/journals/2.journal");
/// The same as version 3 wrote it.
const VERSION_3: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/journals/3.journal");

#[tokio::test]
async fn the_journals_of_all_versions_are_readable() {
    let skips = vec![skips(0, 3), skips(1, 0)];
    for (version, skipped, divided) in
        [(VERSION_1, vec![], false), (VERSION_2, skips.clone(), false), (VERSION_3, skips, true)]
    {
        let folder = tempdir().unwrap();
        fs::create_dir(folder.path().join("state")).unwrap();
        fs::copy(version, journal(&folder)).unwrap();
        let inspected = FileCheckpoint::inspect(&folder.path().join("state"), &run_id()).unwrap().unwrap();
        let Inspection { planned_at, epoch, takeovers, failures, ended_at, .. } = inspected;
        assert_eq!((epoch, takeovers.len(), takeovers[0].epoch), (2, 1, 2));
        assert!(takeovers[0].at >= planned_at);
        assert!(planned_at > 1_700_000_000_000 && ended_at >= Some(planned_at));
        let failure = (failures[0].kind.as_str(), failures[0].chunk, failures[0].attempt);
        assert_eq!(failure, ("Unavailable", ChunkId(1), FIRST));
        assert_eq!(inspected.skips, skipped);
        let record = open(&folder).unwrap().take_over().await.unwrap().unwrap();
        assert_eq!((record.epoch, record.opening.clone()), (3, Some(json!({"etag": "0x8D"}))));
        assert_eq!((record.plan.schema.clone(), record.plan.fingerprint.as_str()), (schema(), "f00d"));
        assert_eq!(
            (record.plan.chunks.clone(), record.plan.description.clone()),
            (plan(2).chunks, plan(2).description)
        );
        assert_eq!((record.receipts, record.report), (vec![receipt(0), receipt(1)], Some(json!({"rows": 500_000}))));
        assert_eq!((record.skips, record.divisions.is_noted(&abandoned())), (skipped, divided));
        assert!(fs::read(journal(&folder)).unwrap().starts_with(HEADER), "whoever goes on writes today's version");
    }
}

/// Whoever changes what is written gives the format another number, keeps the old reader and the old
/// file, and adds a file of the new version.
#[tokio::test]
async fn what_is_written_today_is_version_3() {
    let folder = tempdir().unwrap();
    write_run(&folder).await;
    open(&folder).unwrap().take_over().await.unwrap().unwrap();
    assert_eq!(without_times(&journal(&folder)), without_times(Path::new(VERSION_3)));
    assert!(fs::read(VERSION_3).unwrap().starts_with(HEADER));
}

fn without_times(journal: &Path) -> Vec<Value> {
    let bytes = fs::read(journal).unwrap();
    let records = frames::scan(&bytes, journal).unwrap().payloads;
    let mut records: Vec<Value> = records.into_iter().map(|record| serde_json::from_slice(record).unwrap()).collect();
    for fields in records.iter_mut().flat_map(|record| record.as_object_mut().unwrap().values_mut()) {
        fields.as_object_mut().and_then(|fields| fields.remove("at"));
    }
    records
}

#[tokio::test]
async fn a_journal_of_a_newer_version_is_left_alone_and_says_which_ropeway_reads_it() {
    let folder = tempdir().unwrap();
    write_run(&folder).await;
    for (header, kind, message) in [
        ("ropeway journal 4\nwhatever", ErrorKind::Spec, "format 4"),
        ("ropeway journal 12\n", ErrorKind::Spec, "resume this run with the Ropeway that began it, or a newer one"),
        ("ropeway journal 0\nwhatever", ErrorKind::Data, "damaged"),
        ("ropeway journal x\nwhatever", ErrorKind::Data, "damaged"),
        ("something else entirely", ErrorKind::Data, "damaged"),
    ] {
        fs::write(journal(&folder), header).unwrap();
        let Err(error) = open(&folder) else { panic!("{header:?} was opened") };
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(message) && error.to_string().contains("orders.2026.journal"), "{error}");
        assert_eq!(fs::read_to_string(journal(&folder)).unwrap(), header);
    }
}
