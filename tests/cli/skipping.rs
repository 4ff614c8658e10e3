//! Rows that do not fit: left out if the definition says so, and written down once.

mod broken;
mod kill;
pub(crate) mod yard;

use std::fs;

use ropeway_tests::{
    blob_service::{self, BlobService},
    private_ca::PrivateCa,
};
use serde_json::{Value, json};

use self::yard::{Yard, lines};

#[test]
fn the_report_says_what_was_left_out_and_where_it_stands() {
    let yard = Yard::new(3, 20);
    let plan = yard.workshop.finish(&["plan", "orders/pipeline/CopyLineitem.json"]).ended(0).stdout;
    let plan = plan.lines().find(|line| line.starts_with("  skips")).expect("a line");
    insta::assert_snapshot!(plan, @"  skips        rows with more columns than the header or the first row; their log is a file in logs/of copies/copyactivity-logs/Copy lineitem/plan/");
    assert!(!yard.workshop.data().join("logs").exists(), "a plan writes nothing");

    let text = yard.workshop.run(&["--run-id", "text"]).ended(0).stdout;
    let line = |name: &str| text.lines().find(|line| line.trim_start().starts_with(name)).expect("a line").to_owned();
    let log = yard.log().expect("a log").0;
    assert_eq!(line("rows"), "  rows        60 read, 54 copied");
    assert_eq!(line("skipped"), format!("  skipped     6 rows, see {}", log.display()));

    let run = yard.workshop.run(&["--run-id", "json", "--output", "json"]).ended(0).json();
    let output = &run["activityRuns"][0]["output"];
    assert_eq!((&output["rowsRead"], &output["rowsCopied"]), (&json!(60), &json!(54)));
    assert_eq!((&output["rowsSkipped"], &output["redirectRowPath"]), (&json!(6), &Value::Null));
    let path = output["logFilePath"].as_str().expect("a path");
    assert!(path.starts_with("logs/of copies/copyactivity-logs/Copy lineitem/json.") && path.ends_with('/'), "{path}");
    assert!(yard.workshop.data().join(path).is_dir());

    let chunks = yard.workshop.finish(&["runs", "json"]).ended(0).stdout;
    let table: Vec<_> = chunks.lines().filter(|line| line.starts_with("  ")).take(4).map(columns).collect();
    assert_eq!(table[0], ["chunk", "attempt", "rows", "skipped", "stored", "reads"]);
    assert!(table[1..].iter().all(|row| row[2..4] == ["18", "2"]), "{table:?}");
    let json = yard.workshop.finish(&["runs", "json", "--output", "json"]).ended(0).json();
    assert!(json.to_string().contains("\"skipped\":2"), "{json:#}");

    // Whoever resumes a run that is over hears the same.
    let again = yard.workshop.finish(&["resume", "text"]).ended(0).stdout;
    assert!(again.contains("6 rows, see"), "{again}");
}

fn columns(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[test]
fn the_session_log_is_data_factorys() {
    let yard = Yard::new(1, 10);
    yard.workshop.run(&["--run-id", "one"]).ended(0);
    let (path, text) = yard.log().expect("a log");
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
    assert!(uuid::Uuid::try_parse(name.trim_end_matches(".txt")).is_ok() && name.ends_with(".txt"), "{name}");
    let (header, line) = text.split_once('\n').expect("a header");
    assert_eq!(header, "Timestamp,Level,OperationName,OperationItem,Message");
    let (time, rest) = line.split_at(27);
    assert!(chrono::NaiveDateTime::parse_from_str(time, "%Y-%m-%d %H:%M:%S%.f").is_ok(), "{time}");
    insta::assert_snapshot!(rest, @r#",Warning,TabularRowSkip,"""0-7"", ""so """"called"""""", , ""extra"",","Row 9 has 4 columns, more than the 2 that are expected. File: in/0.csv.""#);
}

#[test]
fn the_older_log_is_written_where_it_is_asked_for() {
    let yard = Yard::new(2, 10);
    yard.workshop.change("pipeline/CopyLineitem", |pipeline| {
        let settings = &mut pipeline["activities"][0]["typeProperties"];
        settings["logSettings"] = Value::Null;
        // The service model says text, the documents say a reference.
        settings["redirectIncompatibleRowSettings"] = json!({ "linkedServiceName": "Files", "path": "logs/of copies" });
    });
    let run = yard.workshop.run(&["--run-id", "older", "--output", "json"]).ended(0).json();
    let output = &run["activityRuns"][0]["output"];
    assert_eq!((&output["rowsSkipped"], &output["logFilePath"]), (&json!(2), &Value::Null));
    let path = output["redirectRowPath"].as_str().expect("a path");
    assert!(path.starts_with("logs/of copies/older."), "{path}");
    let (file, text) = yard.log().expect("a log");
    assert!(file.starts_with(yard.workshop.data().join(path)) && file.extension().is_some_and(|end| end == "csv"));
    insta::assert_snapshot!(text, @r#"
    0-7, "so ""called""", , extra, "DelimitedTextMoreColumnsThanDefined", "Row 9 has 4 columns, more than the 2 that are expected. File: in/0.csv."
    1-7, "so ""called""", , extra, "DelimitedTextMoreColumnsThanDefined", "Row 9 has 4 columns, more than the 2 that are expected. File: in/1.csv."
    "#);
}

#[test]
fn without_a_log_rows_are_counted_and_without_the_switch_the_first_one_ends_the_copy() {
    let yard = Yard::new(2, 10);
    let change = |name: &str, value: Value| {
        yard.workshop.change("pipeline/CopyLineitem", |pipeline| {
            pipeline["activities"][0]["typeProperties"][name] = value;
        });
    };
    change("logSettings", Value::Null);
    let counted = yard.workshop.run(&["--run-id", "counted"]).ended(0).stdout;
    assert!(counted.contains("  skipped     2 rows; logSettings says where to write them down"), "{counted}");
    assert!(!yard.workshop.data().join("logs").exists());
    fs::remove_dir_all(yard.workshop.data().join("out")).expect("removable");

    change("enableSkipIncompatibleRow", false.into());
    let refused = yard.workshop.run(&["--run-id", "refused"]).ended(1);
    for said in ["row=9", "columns=4", "expected=2", "enableSkipIncompatibleRow"] {
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    assert!(!refused.stderr.contains("extra"), "an error quotes no value: {}", refused.stderr);
    assert!(!yard.workshop.visible().iter().any(|file| file.starts_with(yard.workshop.data().join("out"))));
    // It is part of what a run is: one that was begun without it is not resumed with it.
    change("enableSkipIncompatibleRow", true.into());
    let changed = yard.workshop.finish(&["resume", "refused"]).ended(2);
    assert!(changed.stderr.contains("the definition changed"), "{}", changed.stderr);
}

#[test]
fn what_has_no_effect_is_told() {
    let yard = Yard::new(1, 10);
    let said = |change: fn(&mut Value)| {
        yard.workshop.change("pipeline/CopyLineitem", |pipeline| {
            change(&mut pipeline["activities"][0]["typeProperties"]);
        });
        yard.workshop.finish(&["validate", "orders"]).stdout
    };
    assert!(!said(|_| ()).contains("kip"));
    let info = said(|it| it["logSettings"]["copyActivityLogSettings"] = json!({ "logLevel": "Info" }));
    assert!(info.contains("'Info' is taken as 'Warning'"), "{info}");
    let both = said(|it| {
        it["logSettings"]["copyActivityLogSettings"] = Value::Null;
        it["redirectIncompatibleRowSettings"] = json!({ "linkedServiceName": "Files", "path": "x" });
    });
    assert!(both.contains("'redirectIncompatibleRowSettings' is ignored: 'logSettings' says where"), "{both}");
    yard.workshop.define(
        "linkedService/Sql",
        json!({ "type": "SqlServer", "typeProperties": { "server": "x", "database": "y" } }),
    );
    let table = said(|it| {
        it["redirectIncompatibleRowSettings"] = Value::Null;
        it["logSettings"]["logLocationSettings"]["linkedServiceName"]["referenceName"] = "Sql".into();
    });
    assert!(table.contains("not to SqlServer; this copy will not run"), "{table}");
    let refused = yard.workshop.run(&[]).ended(2);
    assert!(refused.stderr.contains("not to SqlServer"), "{}", refused.stderr);
    let off = said(|it| it["enableSkipIncompatibleRow"] = false.into());
    assert!(off.contains("'logSettings' has no effect"), "{off}");
    let synthetic = said(|it| {
        it["enableSkipIncompatibleRow"] = true.into();
        it["source"] = json!({ "type": "SyntheticSource" });
    });
    assert!(synthetic.contains("a SyntheticSource has no rows that Ropeway could skip"), "{synthetic}");
    let table = said(|it| it["sink"] = json!({ "type": "OdbcSink" }));
    assert!(table.contains("such as a duplicate key, still fails the copy"), "{table}");
    let table = said(|it| it["sink"] = json!({ "type": "SqlServerSink" }));
    assert!(table.contains("those whose key another row has; one that another rule"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_goes_to_a_storage_account() {
    let blobs = BlobService::https(PrivateCa::new(&["127.0.0.1"])).await;
    let authority = blobs.ca().expect("HTTPS").authority().display().to_string();
    let lake = json!({ "url": blobs.endpoint(), "accountKey": blob_service::KEY });
    for (type_name, service) in
        [("AzureBlobStorage", json!({ "connectionString": blobs.connection_string() })), ("AzureBlobFS", lake)]
    {
        let container = type_name.to_lowercase();
        blobs.create_container(&container);
        let yard = Yard::new(3, 40);
        yard.workshop.define("linkedService/Account", json!({ "type": type_name, "typeProperties": service }));
        yard.workshop.change("pipeline/CopyLineitem", |pipeline| {
            let location = &mut pipeline["activities"][0]["typeProperties"]["logSettings"]["logLocationSettings"];
            location["linkedServiceName"]["referenceName"] = "Account".into();
            location["path"] = container.clone().into();
        });
        let run =
            yard.workshop.run(&["--run-id", "blob", "--output", "json", "--ca-bundle", &authority]).ended(0).json();
        let path = run["activityRuns"][0]["output"]["logFilePath"].as_str().expect("a path").to_owned();
        let names = blobs.names(&container);
        let [name] = &names[..] else { panic!("{type_name}: {names:?}") };
        assert!(format!("{container}/{name}").starts_with(&path), "{name} is not in {path}");
        let log = String::from_utf8(blobs.blob(&container, name).expect("a blob").bytes).expect("text");
        assert_eq!(lines(&log), yard.misfits(), "{type_name}");
    }
}

#[test]
fn any_number_of_rows_that_do_not_fit_takes_the_same_memory() {
    let peak = |rows: u32| {
        let yard = Yard::new(0, 0);
        yard.write(0, (0..rows).map(|row| format!("{row},this one,has too many,of,them")));
        let arguments = ["--memory", "128MiB", "--parallel", "1", "--output", "json", "--progress", "none"];
        let run = yard.workshop.run(&arguments).ended(0).json();
        let output = &run["activityRuns"][0]["output"];
        assert_eq!(output["rowsSkipped"], rows);
        assert_eq!(yard.log().expect("a log").1.lines().count(), rows as usize + 1);
        output["ropeway"]["peakMemoryBytes"].as_u64().expect("a number")
    };
    let (few, many) = (peak(60_000), peak(300_000));
    // Each has five texts and a line: kept, the rest would be more than 100 MiB.
    assert!(many < few + (64 << 20), "{few} bytes for 60,000 rows, {many} for 300,000");
}
