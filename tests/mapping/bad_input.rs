//! What a person reads when a mapping does not fit; nothing is written then.

use serde_json::{Value, json};

use super::{Files, item};

/// What is said of this translator, from the words that follow the definition's path.
fn said(translator: Value, additional: Value) -> String {
    let files = Files::new(&[("a.csv", "id,name,Name\n1,a,b\n")], true);
    files.change(|settings| settings["source"]["additionalColumns"] = additional);
    files.map(translator);
    let refused = files.workshop.run(&["--progress", "none"]).ended(2);
    assert!(!files.workshop.data().join("out").exists(), "a file was touched");
    let text = refused.stderr.lines().find(|line| line.contains("error: ")).expect("an error").to_owned();
    text.replace("$.properties.activities[0].typeProperties.", "")
}

#[test]
fn columns_that_are_not_there_or_meant_twice() {
    let wrong = json!({ "mappings": [
        item("ID2", "a"), item("NAME", "b"), item(4, "c"), item("id", "d"), item("name", "d"),
    ] });
    insta::assert_snapshot!(said(wrong, json!([])));
}

#[test]
fn types_that_do_not_become_each_other() {
    let additional = json!([{ "name": "id", "value": "x" }, { "name": "copy", "value": "$$COLUMN:idd" }]);
    let wrong = json!({ "mappings": [
        item("name", json!({ "name": "at", "type": "DateTime", "format": "HH:mm" })), item("id", json!({})),
    ] });
    insta::assert_snapshot!(said(wrong, additional));
}

#[test]
fn hierarchical_paths() {
    let wrong = json!({ "mappings": [item(json!({ "path": "$['id']" }), "a")] });
    insta::assert_snapshot!(said(wrong, json!([])));
}

/// A run is not resumed with another mapping, nor with another order of columns that are mapped by ordinal.
#[test]
fn a_resume_keeps_the_mapping() {
    let files = Files::new(&[("a.csv", "1,a\nx,b\n")], false);
    let typed = |to: &str| json!({ "mappings": [item(1, json!({ "name": "n", "type": to })), item(2, "m")] });
    files.map(typed("Int32"));
    files.workshop.run(&["--run-id", "one"]).ended(1);
    files.map(typed("Int64"));
    let changed = files.workshop.finish(&["resume", "one"]).ended(2);
    assert!(changed.stderr.contains("the definition changed"), "{}", changed.stderr);

    let files = Files::new(&[("a.csv", "first,second\n1,a\nx,b\n")], true);
    files.map(typed("Int32"));
    files.workshop.run(&["--run-id", "one"]).ended(1);
    let file = files.workshop.data().join("in/a.csv");
    std::fs::write(file, "second,first\n1,a\nx,b\n").expect("writable");
    let moved = files.workshop.finish(&["resume", "one"]).ended(1);
    assert!(moved.stderr.contains("mapped from first as Int32 is now"), "{}", moved.stderr);
}
