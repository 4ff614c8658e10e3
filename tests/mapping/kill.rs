//! A copy with a mapping that is killed at any moment gives the same rows, once.

use serde_json::json;

use super::item;
use crate::end_to_end::{
    example::Example,
    kill::survives_sigkill,
    oracle::Row,
    place::{Place, Shape},
    synthetic_to_folder::line_items,
};

const SCALE_FACTOR: f64 = 0.003;

#[tokio::test(flavor = "multi_thread")]
async fn mapped_rows_survive_sigkill() {
    let mut example = Example::new("synthetic-to-folder/pipeline/SyntheticToFolder.json");
    example.give("scaleFactor", &SCALE_FACTOR.to_string());
    example.change("pipeline/SyntheticToFolder", |pipeline| {
        let settings = &mut pipeline["activities"][0]["typeProperties"];
        settings["source"]["additionalColumns"] = json!([{ "name": "who", "value": "me" }]);
        settings["translator"] = json!({
            "type": "TabularTranslator",
            "mappings": [
                item("l_comment", "note"), item("l_orderkey", json!({ "name": "order", "type": "String" })),
                item("l_linenumber", json!({ "name": "line", "type": "Decimal" })), item("who", "by"),
                item("l_shipdate", json!({ "name": "shipped", "type": "String", "format": "dd.MM.yyyy" })),
            ],
        });
    });
    let mapped = |row: Row| -> Row {
        let shipped = row[10].as_ref().map(|day| format!("{}.{}.{}", &day[8..], &day[5..7], &day[..4]));
        let line = row[3].as_ref().map(|line| format!("{line}.{}", "0".repeat(18)));
        vec![row[15].clone(), row[0].clone(), line, Some("me".to_owned()), shipped]
    };
    let expected: Vec<Row> = line_items(SCALE_FACTOR).into_iter().map(mapped).collect();
    survives_sigkill(&mut example, &Place::local(Shape::Folder("ropeway-out/lineitem")), &expected, 4);
}
