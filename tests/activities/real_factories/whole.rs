//! Factories that bring everything along but their secrets and hosts, which `--secrets` replaces: from Git, an export of the
//! service, Microsoft's own converter from version 1, and version 1.

use std::{fs, time::SystemTime};

use ropeway_tests::{azurite::KEY, sql_server::Server};
use serde_json::json;

use super::real::Real;
use crate::activities::{factory::only, storage::Storage};

/// A Git repository: one text file of a Data Lake becomes one of another, every value in quotes.
#[test]
fn a_factory_from_git_copies_to_bronze() {
    let Some(real) =
        Real::folder("Azure-Samples__modern-data-warehouse-dataops/archive/single_tech_samples/adf_cicd/adf")
    else {
        return;
    };
    let storage = Storage::with(&["files", "datalake"]);
    let account = json!({ "url": storage.endpoint(), "accountKey": KEY });
    real.secrets(&json!({ "SourceDataStorage": account, "DataLakeStorage": account }));
    real.is_valid(1, 1);
    let name = "On-street_Parking_Bay_Sensors";
    let text = "bay_id,st_marker_id,status,location,lat,lon\n1,C1,Present,\"(1, 2)\",-37.8,144.9\n2,,Unoccupied,,,\n";
    storage.put(&format!("files/data/raw_data/{name}/{name}.csv"), text);
    let bundle = storage.bundle(&real.workshop);
    let file = format!("fileName={name}.csv");
    for _ in 0..2 {
        let report = real.run("IngestToBronze", &["--ca-bundle", &bundle, "-p", &file]);
        assert_eq!(only(&report, "Copy from Source to Bronze")["output"]["rowsCopied"], 2);
        let written = storage.get(&format!("datalake/bronze/{name}.csv")).expect("a file");
        assert_eq!(
            written.replace("\r\n", "\n"),
            "\"bay_id\",\"st_marker_id\",\"status\",\"location\",\"lat\",\"lon\"\n\
             \"1\",\"C1\",\"Present\",\"(1, 2)\",\"-37.8\",\"144.9\"\n\"2\",,\"Unoccupied\",,,\n"
        );
        assert_eq!(storage.list("datalake").len(), 1);
    }
    let missing = real.workshop.finish(&["run", "IngestToBronze", "--factory", "real", "-p", &file]).ended(2);
    assert!(missing.stderr.contains("supply 'accountKey'"), "the Key Vault is not read: {}", missing.stderr);
}

/// An export of the service, linked services and a Key Vault in it: files as they are, chosen by patterns.
#[test]
fn an_export_of_the_service_copies_what_its_pattern_chooses() {
    let Some(real) = Real::folder("Azure-Player__azure.datafactory.tools/test/adf-simpledeployment-dev/armtemplate")
    else {
        return;
    };
    let storage = Storage::with(&["csv"]);
    real.secrets(&json!({ "LS_ADLS": { "url": storage.endpoint(), "accountKey": KEY } }));
    real.is_valid(1, 1);
    for path in ["street/a.csv", "street/b", "search/c.csv", "deep/er/d.csv"] {
        storage.put(&format!("csv/{path}"), path);
    }
    let bundle = storage.bundle(&real.workshop);
    let report = real.run("PL_CopyFiles", &["--ca-bundle", &bundle]);
    assert_eq!(only(&report, "Copy data1")["output"]["filesRead"], 3, "{report:#}");
    let copied = || storage.list("csv").into_iter().filter(|path| path.starts_with("output")).collect::<Vec<_>>();
    assert_eq!(copied(), ["output/deep/er/d.csv", "output/search/c.csv", "output/street/a.csv"]);
    assert_eq!(storage.get("csv/output/street/a.csv").as_deref(), Some("street/a.csv"));
}

/// What Microsoft's converter made of a factory of version 1: a file server's files become blobs, in the older form.
#[test]
fn what_the_converter_made_of_version_1_copies_files_to_blobs() {
    let Some(real) = Real::folder("Azure__Azure-DataFactory/V1-V2Migration/sampledatasets/V2") else { return };
    let storage = Storage::with(&["test-new"]);
    let share = real.workshop.data();
    real.secrets(&json!({ "LS_FileServer": { "host": share }, "LS_Storage": { "connectionString": storage.connection_string() } }));
    real.workshop.finish(&["validate", "real/Pipeline/adf_First_Pipeline.json"]).ended(0);
    let folder = share.join("FTFData/conduent");
    fs::create_dir_all(&folder).expect("a writable folder");
    let bundle = storage.bundle(&real.workshop);
    fs::write(folder.join("a.txt"), "1,one\n2,NULL\n").expect("a writable folder");
    let report = real.run("adf_First_Pipeline", &["--ca-bundle", &bundle]);
    assert_eq!(only(&report, "FileSystemtoBlob")["output"]["rowsCopied"], 2);
    let parts = storage.list("test-new");
    let rows = |parts: &[String]| {
        let text = |part: &String| storage.get(&format!("test-new/{part}")).expect("a blob");
        parts.iter().filter(|part| part.ends_with(".txt")).map(text).collect::<String>()
    };
    assert_eq!(rows(&parts), "1,one\n2,\\N\n");
    // The converter left out where the procedures of the other pipeline are, and gave its copy two inputs.
    let refused = real.perform(&["run", "adf_Second_Pipeline", "--ca-bundle", &bundle]).ended(2);
    assert!(refused.stderr.contains("there is no 'linkedServiceName'"), "{}", refused.stderr);
}

/// A sample of version 1: a table of SQL Server becomes one of Azure SQL.
#[test]
fn a_factory_of_version_1_copies_a_table() {
    let Some(real) =
        Real::folder("Azure__Azure-DataFactory__v1history/Samples/JSON/OnPremSqlServer_Copy_AzureSql_dest_sample")
    else {
        return;
    };
    let server = Server::start().expect("a server");
    for batch in [
        "CREATE TABLE dbo.Source (id int NOT NULL PRIMARY KEY, note nvarchar(20) NULL);
         INSERT INTO dbo.Source VALUES (1, N'one'), (2, NULL)",
        "CREATE TABLE dbo.MyOutputTable (id int NOT NULL, note nvarchar(20) NULL)",
    ] {
        server.execute("sales", batch).expect("a table");
    }
    let connection =
        format!("Server=localhost,{};Database=sales;User ID=sa;Password=Ropeway-1!;Encrypt=True", server.port());
    let service = json!({ "connectionString": connection });
    real.secrets(&json!({ "LinkedService-OnPremDb": service, "LinkedService-AzureSql": service }));
    real.is_valid(1, 1);
    let bundle = real.workshop.data().join(".authority.pem");
    fs::write(&bundle, &server.ca_pem).expect("a writable folder");
    let rows = || server.execute("sales", "SELECT id, note FROM dbo.MyOutputTable ORDER BY id").expect("rows");
    let run = || real.run("SqlServerSqToAzureSql", &["--ca-bundle", bundle.to_str().expect("a path")]);
    run();
    assert_eq!(rows(), [["1", "one"], ["2", "NULL"]]);
    run();
    assert_eq!(rows().len(), 4, "another run is another slice, which adds its rows");
}

/// "Copy new files only by LastModifiedDate": every run takes the files of its window.
#[test]
fn only_files_that_are_new_in_a_window_are_copied() {
    let Some(real) = Real::template("Copy new files only by LastModifiedDate") else { return };
    let storage = Storage::with(&["lake"]);
    real.parameters(&super::blobs::of_new_files());
    real.between(&storage);
    real.is_valid(1, 1);
    let data = real.workshop.data();
    fs::create_dir_all(data.join("in/drop")).expect("a writable folder");
    let written = |name: &str, at: &str| {
        let file = data.join("in/drop").join(name);
        fs::write(&file, name).expect("a writable folder");
        let at: SystemTime = at.parse::<chrono::DateTime<chrono::Utc>>().expect("a time").into();
        fs::File::options().write(true).open(file).and_then(|file| file.set_modified(at)).expect("our file");
    };
    written("a.csv", "2026-11-01T00:00:00Z");
    written("b.csv", "2026-11-01T23:59:59Z");
    written("c.csv", "2026-11-02T00:00:00Z");
    let bundle = storage.bundle(&real.workshop);
    let window = |from: &str, to: &str| {
        let (from, to) = (format!("LastModified_From={from}"), format!("LastModified_To={to}"));
        let report = real.run(
            "CopyNewFilesByLastModifiedDate",
            &[
                "--ca-bundle",
                &bundle,
                "-p",
                "FolderPath_Source=in",
                "-p",
                "Directory_Source=drop",
                "-p",
                "FolderPath_Destination=lake",
                "-p",
                "Directory_Destination=new",
                "-p",
                &from,
                "-p",
                &to,
            ],
        );
        only(&report, "CopyNewFiles")["output"]["filesWritten"].clone()
    };
    assert_eq!(window("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"), 2);
    assert_eq!(storage.list("lake"), ["new/a.csv", "new/b.csv"]);
    written("d.csv", "2026-11-02T12:00:00Z");
    assert_eq!(window("2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z"), 2);
    assert_eq!(storage.list("lake"), ["new/a.csv", "new/b.csv", "new/c.csv", "new/d.csv"]);
}
