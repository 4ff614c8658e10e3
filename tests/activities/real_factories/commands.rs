//! The commands that the README gives to a person with a factory, from the first look to a run that is resumed.

use std::{fs, os::unix::fs::PermissionsExt};

use ropeway_tests::azurite::KEY;

use super::real::Real;
use crate::activities::storage::Storage;

#[test]
fn a_factory_is_looked_at_connected_planned_run_and_resumed() {
    let Some(real) =
        Real::folder("Azure-Samples__modern-data-warehouse-dataops/archive/single_tech_samples/adf_cicd/adf")
    else {
        return;
    };
    let storage = Storage::with(&["files", "datalake"]);
    let bundle = storage.bundle(&real.workshop);
    let pipeline = "real/pipeline/IngestToBronze.json";
    let said = real.workshop.finish(&["validate", "real"]).ended(0).stdout;
    assert!(said.contains("0 errors, 0 warnings"), "{said}");
    let without = real.workshop.finish(&["run", pipeline, "-p", "fileName=x.csv"]).ended(2).stderr;
    assert!(without.contains("supply 'accountKey'") && without.contains("'SourceDataStorage'"), "{without}");

    let url = storage.endpoint();
    let secrets = format!(
        "[SourceDataStorage]\nurl = \"{url}\"\naccountKey = \"{KEY}\"\n[DataLakeStorage]\nurl = \"{url}\"\naccountKey = \"{KEY}\"\n"
    );
    let file = real.workshop.root().with_file_name("secrets.toml");
    fs::write(&file, secrets).expect("a writable folder");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("our file");
    let with = |arguments: &[&str]| {
        real.workshop.finish(&[arguments, &["--secrets", "secrets.toml", "--ca-bundle", &bundle]].concat())
    };
    let tried = with(&["test-connection", pipeline, "-p", "fileName=x.csv"]).ended(0).stdout;
    assert!(tried.contains("SourceDataStorage (AzureBlobFS)") && tried.contains("DataLakeStorage"), "{tried}");

    // The file is not there yet: the run fails, and goes on when it is.
    let run = ["run", pipeline, "-p", "fileName=x.csv", "--run-id", "first", "--progress", "none"];
    let failed = with(&run);
    assert_ne!(failed.code, Some(0), "{}", failed.stdout);
    storage.put("files/data/raw_data/On-street_Parking_Bay_Sensors/x.csv", "bay_id,status\n1,Present\n");
    let planned = with(&["plan", pipeline, "-p", "fileName=x.csv"]).ended(0).stdout;
    assert!(planned.contains("AzureBlobFS to AzureBlobFS") && planned.contains("bay_id"), "{planned}");
    assert_eq!(storage.list("datalake"), [""; 0], "a plan writes nothing");
    let listed = real.workshop.finish(&["runs"]).ended(0).stdout;
    assert!(listed.contains("first") && listed.contains("Failed"), "{listed}");
    with(&["resume", "first", "--progress", "none"]).ended(0);
    let written = storage.get("datalake/bronze/x.csv").expect("a file");
    assert_eq!(written.replace("\r\n", "\n"), "\"bay_id\",\"status\"\n\"1\",\"Present\"\n");
    assert!(real.workshop.finish(&["runs"]).ended(0).stdout.contains("Succeeded"));
}
