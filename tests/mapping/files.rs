//! Between files: names, ordinals, additional columns, types and formats.

use std::fs;

use ropeway_tests::readback;
use serde_json::json;

use super::{Files, item, row};
use crate::end_to_end::oracle::{assert_same, assert_teeth, same_rows};

#[test]
fn columns_without_a_header_are_mapped_by_ordinal_with_additional_ones() {
    let lines = [("2024/a.csv", "1,drop,one\n2,drop,\"two, 2\"\n"), ("b.csv", "3,drop,NULL\n")];
    let files = Files::new(&lines, false);
    files.write_one_text();
    files.change(|settings| {
        settings["validateDataConsistency"] = true.into();
        settings["source"]["additionalColumns"] = json!([
            { "name": "file", "value": "$$FILEPATH" },
            { "name": "pipeline", "value": { "value": "@pipeline().Pipeline", "type": "Expression" } },
            { "name": "again", "value": "$$COLUMN:Prop_0" },
        ]);
    });
    files.map(json!({ "mappings": [
        item("3", "nothing"), item(1, "id"), item("file", "path"), item("pipeline", "by"), item("again", "key"),
    ] }));
    let wrong = files.workshop.run(&[]).ended(2);
    assert!(wrong.stderr.contains("mappings[0].source: the source has no column '3'"), "{}", wrong.stderr);
    files.map(json!({ "mappings": [
        item(json!({ "ordinal": "3", "type": "String" }), "label"), item(1, "id"), item("file", "path"),
        item("pipeline", "by"), item("again", "key"),
    ] }));
    let report = files.workshop.run(&["--output", "json"]).ended(0).json();
    assert_eq!(report["activityRuns"][0]["output"]["dataConsistencyVerification"]["VerificationResult"], "Verified");
    assert_eq!(
        files.copied(),
        [
            "label,id,path,by,key",
            "\"two, 2\",2,2024/a.csv,CopyLineitem,2",
            "NULL,3,b.csv,CopyLineitem,3",
            "one,1,2024/a.csv,CopyLineitem,1",
        ]
    );
}

#[test]
fn columns_of_a_file_have_the_order_of_their_ordinals() {
    let files = Files::new(&[("a.csv", "a,b,c\n1,2,3\n")], true);
    files.write_one_text();
    files.map(json!({ "mappings": [item("a", 2), item("C", 1)] }));
    files.workshop.run(&[]).ended(0);
    assert_eq!(files.copied(), ["c,a", "3,1"]);
    files.map(json!({ "columnMappings": "b: x, a: y" }));
    fs::remove_dir_all(files.workshop.data().join("out")).expect("removable");
    files.workshop.run(&[]).ended(0);
    assert_eq!(files.copied(), ["x,y", "2,1"]);
}

const TYPED: &str = "id,amount,day,flag,key\n\
    1,12.340,29/02/2024 13:04,True,0123ABCD-4567-89AB-CDEF-0123456789AB\n\
    2,-0.5,31/12/9999 00:00,0,NULL\n\
    canary,1,01/01/2024 00:00,1,NULL\n\
    NULL,NULL,NULL,NULL,NULL\n\
    5,1,2024-01-01,1,NULL\n";

/// The mapping of [`TYPED`] to Parquet.
fn typed(files: &Files) {
    let typed =
        |name: &str, to: &str| item(json!({ "name": name, "type": "String" }), json!({ "name": name, "type": to }));
    files.map(json!({
        "typeConversion": true,
        "typeConversionSettings": { "dateTimeFormat": "dd/MM/yyyy HH:mm", "allowDataTruncation": false },
        "mappings": [typed("id", "Int32"), typed("amount", "Decimal"), typed("day", "DateTime"), typed("flag", "Boolean"),
            typed("key", "Guid")],
    }));
}

#[test]
fn texts_become_the_types_of_parquet_and_rows_that_do_not_fit_are_left_out() {
    let files = Files::new(&[("a.csv", TYPED)], true);
    typed(&files);
    let refused = files.workshop.run(&[]).ended(1);
    for said in ["column=id", "Int32", "enableSkipIncompatibleRow"] {
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    assert!(!refused.stderr.contains("canary"), "an error quotes no value: {}", refused.stderr);

    files.change(|settings| {
        settings["validateDataConsistency"] = true.into();
        settings["enableSkipIncompatibleRow"] = true.into();
        settings["logSettings"] = json!({
            "enableCopyActivityLog": true,
            "logLocationSettings": { "path": "logs", "linkedServiceName": { "referenceName": "Files", "type": "LinkedServiceReference" } },
        });
    });
    let report = files.workshop.run(&["--output", "json"]).ended(0).json();
    let output = &report["activityRuns"][0]["output"];
    assert_eq!((&output["rowsRead"], &output["rowsCopied"], &output["rowsSkipped"]), (&5.into(), &3.into(), &2.into()));
    let out = files.workshop.data().join("out");
    let part = files.workshop.visible().into_iter().find(|file| file.extension().is_some_and(|end| end == "parquet"));
    let content = readback::parquet(&part.expect("a part"), 100);
    let types: Vec<_> = content.schema.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
    assert_eq!(types, ["id int32", "amount decimal128(38, 18)", "day timestamp[us]", "flag bool", "key string"]);
    assert_same(
        &content.values,
        &[
            row(&[
                "1",
                "12.340000000000000000",
                "2024-02-29 13:04:00.000000",
                "true",
                "0123abcd-4567-89ab-cdef-0123456789ab",
            ]),
            row(&["2", "-0.500000000000000000", "9999-12-31 00:00:00.000000", "false", "NULL"]),
            row(&["NULL", "NULL", "NULL", "NULL", "NULL"]),
        ],
    );
    let logs = files.workshop.visible();
    let log = logs.iter().find(|file| file.extension().is_some_and(|end| end == "txt")).expect("a log");
    let log = fs::read_to_string(log).expect("a log");
    assert_eq!(log.lines().count(), 3, "a header and two rows: {log}");
    assert!(log.contains("Column 'id' contains an invalid value 'canary': it is no Int32"), "{log}");
    assert!(log.contains("Column 'day' contains an invalid value '2024-01-01': it is no DateTime"), "{log}");
    assert!(out.join("_SUCCESS").exists());
}

#[test]
fn a_plan_shows_the_mapping_column_by_column() {
    let files = Files::new(&[("a.csv", TYPED)], true);
    typed(&files);
    files.change(|settings| {
        settings["source"]["additionalColumns"] = json!([{ "name": "who", "value": "canary" }]);
        let mappings = settings["translator"]["mappings"].as_array_mut().expect("an array");
        mappings.push(item("who", "author"));
        mappings.push(item("KEY", "original"));
    });
    let plan = files.workshop.finish(&["plan", "orders/pipeline/CopyLineitem.json"]).ended(0).stdout;
    let columns = plan.split("  columns\n").nth(1).expect("columns");
    insta::assert_snapshot!(columns);
    let json =
        files.workshop.finish(&["plan", "orders/pipeline/CopyLineitem.json", "--output", "json"]).ended(0).json();
    let columns = &json["activities"][0]["columns"];
    assert_eq!((&columns[0]["mappedFrom"], &columns[0]["arrowType"]), (&"id as Int32".into(), &"Int32".into()));
    assert_eq!(columns[6]["mappedFrom"], "key");
}

#[test]
fn formats_and_booleans_are_written_as_the_definition_says() {
    let files = Files::new(&[("a.csv", TYPED)], true);
    typed(&files);
    files.change(|settings| settings["enableSkipIncompatibleRow"] = true.into());
    files.workshop.run(&[]).ended(0);
    // What was written becomes the source of the next copy.
    fs::rename(files.workshop.data().join("out"), files.workshop.data().join("typed")).expect("a free name");
    files.workshop.define(
        "dataset/Lines",
        json!({
            "type": "Parquet",
            "linkedServiceName": { "referenceName": "Files", "type": "LinkedServiceReference" },
            "typeProperties": { "location": { "type": "FileServerLocation", "folderPath": "typed" } },
        }),
    );
    files.write_one_text();
    files.change(|settings| {
        settings["source"] = json!({
            "type": "ParquetSource",
            "storeSettings": { "type": "FileServerReadSettings", "recursive": true, "wildcardFileName": "*.parquet" },
        });
        settings["enableSkipIncompatibleRow"] = false.into();
    });
    files.map(json!({
        "typeConversion": true,
        "typeConversionSettings": { "dateTimeFormat": "ddd d MMM yyyy h:mm tt", "treatBooleanAsNumber": true },
    }));
    files.workshop.run(&[]).ended(0);
    let guid = "0123abcd-4567-89ab-cdef-0123456789ab";
    assert_eq!(
        files.copied(),
        [
            "id,amount,day,flag,key".to_owned(),
            format!("1,12.340000000000000000,Thu 29 Feb 2024 1:04 PM,1,{guid}"),
            "2,-0.500000000000000000,Fri 31 Dec 9999 12:00 AM,0,NULL".to_owned(),
            "NULL,NULL,NULL,NULL,NULL".to_owned(),
        ]
    );
}

/// The oracle of these tests sees a mapping that swaps two columns of the same type.
#[test]
fn a_swap_of_columns_is_seen() {
    let files = Files::new(&[("a.csv", "first,second\n1,2\n3,4\n5,5\n")], true);
    let expected = [row(&["1", "2"]), row(&["3", "4"]), row(&["5", "5"])];
    let copied = || {
        let out = files.workshop.data().join("out");
        let visible = files.workshop.visible();
        let part = visible.iter().find(|file| file.extension().is_some_and(|end| end == "parquet"));
        let content = readback::parquet(part.expect("a part"), 100);
        fs::remove_dir_all(out).expect("removable");
        assert_eq!(content.schema.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        content.values
    };
    files.map(json!({ "mappings": [item("first", "a"), item("second", "b")] }));
    files.workshop.run(&[]).ended(0);
    assert_same(&copied(), &expected);
    assert_teeth(&expected);
    files.map(json!({ "mappings": [item("second", "a"), item("first", "b")] }));
    files.workshop.run(&[]).ended(0);
    let difference = same_rows(&copied(), &expected).expect_err("swapped columns are other rows");
    assert_eq!((difference.missing, difference.extra), (2, 2), "{difference}");
}
