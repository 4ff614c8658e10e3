//! The commands that need no set-up, and those that look before they leap.

use super::workshop::{Workshop, copy};

#[test]
fn the_demo_copies_and_proves_the_copy() {
    let workshop = Workshop::folder(0.001);
    let demo = workshop.finish(&["demo", "--rows", "6000"]).ended(0);
    assert!(demo.stdout.contains("The file was read back: 6,0") && demo.stdout.contains("the same digest"), "{demo:?}");
    // What it says to try next works.
    let next: Vec<_> = demo.stdout.lines().filter_map(|line| line.strip_prefix("  ropeway ")).collect();
    assert_eq!(next.len(), 3);
    for command in next {
        workshop.finish(&command.split(' ').collect::<Vec<_>>()).ended(0);
    }
}

#[test]
fn a_preview_shows_columns_and_rows() {
    let workshop = Workshop::folder(0.001);
    let preview = workshop.finish(&["preview", "orders", "Lineitem", "--rows", "3"]).ended(0).stdout;
    assert!(preview.contains("l_extendedprice  decimal(15,2)  Decimal128(15, 2)"), "{preview}");
    let rows = preview.split("\n\n").nth(1).expect("rows after columns");
    assert_eq!(rows.lines().count(), 1 + 3, "{rows}");
    workshop.finish(&["preview", "orders", "Nothing"]).ended(2);
}

#[test]
fn a_connection_is_tried_step_by_step() {
    let workshop = Workshop::folder(0.001);
    let tried = workshop.finish(&["test-connection", "orders", "Files"]).ended(0).stdout;
    assert!(tried.contains("Permission to write"), "{tried}");
    let both = workshop.finish(&["test-connection", "orders/pipeline/CopyLineitem.json"]).ended(0).stdout;
    assert!(both.contains("Generator (Synthetic)") && both.contains("Files (FileServer)"), "{both}");
    workshop.change("linkedService/Files", |it| it["typeProperties"]["host"] = "/nowhere/at/all".into());
    let failed = workshop.finish(&["test-connection", "orders", "Files"]);
    assert!(failed.code != Some(0) && failed.stdout.contains("/nowhere/at/all"), "{failed:?}");
    workshop.finish(&["test-connection", "orders"]).ended(2);
}

#[test]
fn metrics_are_served_while_a_run_goes_on() {
    let workshop = Workshop::folder(0.001);
    let busy = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = busy.local_addr().expect("bound").to_string();
    let refused = workshop.run(&["--metrics-listen", &address]).ended(2);
    assert!(refused.stderr.contains("--metrics-listen"), "{refused:?}");
    drop(busy);
    workshop.run(&["--metrics-listen", &address]).ended(0);
}

#[test]
fn two_copies_into_one_folder_do_not_disturb_each_other() {
    let workshop = Workshop::folder(0.001);
    workshop.change("pipeline/CopyLineitem", |pipeline| {
        pipeline["activities"] =
            serde_json::json!([copy("first", "Lineitem", "Target"), copy("second", "Lineitem", "Target")]);
    });
    let run = workshop.run(&["--output", "json"]).ended(0).json();
    let digest = |at: usize| run["activityRuns"][at]["output"]["ropeway"]["digest"].clone();
    assert_eq!(digest(0), digest(1));
}
