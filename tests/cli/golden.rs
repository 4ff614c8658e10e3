//! What a person reads, word for word, except for what differs from run to run.

use super::workshop::Workshop;

#[test]
fn the_plan_says_what_a_run_would_do() {
    let workshop = Workshop::one_file(0.002);
    let plan = workshop.finish(&["plan", "orders/pipeline/CopyLineitem.json", "--parallel", "2"]).ended(0);
    insta::assert_snapshot!("plan", scrubbed(&workshop, &plan.stdout));
    assert!(!workshop.state().exists() && workshop.visible().is_empty(), "a plan writes nothing");
    let json = workshop.finish(&["plan", "orders/pipeline/CopyLineitem.json", "--parallel", "2", "--output", "json"]);
    let activity = &json.ended(0).json()["activities"][0];
    assert_eq!(activity["chunks"].as_array().map(Vec::len), Some(8), "{activity:#}");
    assert_eq!(activity["columns"][0]["sourceType"], "bigint");
    assert_eq!(activity["refused"], false);
}

#[test]
fn the_report_of_a_run() {
    let workshop = Workshop::one_file(0.002);
    let run = workshop.run(&["--run-id", "golden", "--parallel", "2"]).ended(0);
    insta::assert_snapshot!("run", scrubbed(&workshop, &run.stdout));
}

#[test]
fn validate_names_file_path_and_severity() {
    let workshop = Workshop::one_file(0.002);
    workshop.change("dataset/Lineitem", |dataset| dataset["typeProperties"]["tabel"] = "lineitem".into());
    let validated = workshop.finish(&["validate", "orders"]);
    insta::assert_snapshot!("validate", format!("{}exit code {:?}", validated.stdout, validated.code));
}

/// Without the workshop's folder, times, waits and sizes: they differ between machines and versions.
fn scrubbed(workshop: &Workshop, text: &str) -> String {
    let data = workshop.data();
    let text = text.replace(data.to_str().expect("a plain path"), "DATA");
    let differs = ["duration", "bottleneck", "memory", "bytes"];
    let scrub = |line: &str| {
        if let Some(label) = line.strip_prefix("  ").and_then(|line| line.split(' ').next())
            && differs.contains(&label)
        {
            return format!("  {label} ...");
        }
        match line.split_once(" succeeded in ") {
            Some((pipeline, rest)) => {
                format!("{pipeline} succeeded in ...;{}", rest.split_once(';').map_or("", |parts| parts.1))
            }
            None => line.to_owned(),
        }
    };
    text.lines().map(scrub).collect::<Vec<_>>().join("\n")
}
