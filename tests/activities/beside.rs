//! Pipelines that their caller does not wait for.

use std::{fs, time::Instant};

use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use super::{
    factory::{Factory, activity, after, copy, dataset, only, runs, set, value},
    resume::{files, stayed_ended, under_kills},
};

/// A call of the pipeline `Child` that is not waited for.
fn call(name: &str, parameters: Value) -> Value {
    let child = json!({ "referenceName": "Child", "type": "PipelineReference" });
    activity(name, "ExecutePipeline", json!({ "pipeline": child, "waitOnCompletion": false, "parameters": parameters }))
}

fn text(name: &str) -> Value {
    json!({ name: { "type": "String" } })
}

#[test]
fn the_caller_goes_on_and_the_run_ends_with_the_last_of_them() {
    let factory = Factory::new();
    let wait = activity("Hold", "Wait", json!({ "waitTimeInSeconds": 2 }));
    let child = json!([wait, after(copy("Copy it", "region", "@pipeline().parameters.file"), "Hold", "Succeeded")]);
    factory.workshop.define("pipeline/Child", json!({ "parameters": text("file"), "activities": child }));
    let next = set("Next", "v", "@activity('Call').output.pipelineRunId");
    factory.pipeline(
        json!({ "v": { "type": "String" } }),
        json!([
            call("Call", json!({ "file": "@concat(pipeline().Pipeline, '.csv')" })),
            after(next, "Call", "Succeeded")
        ]),
    );
    let report = factory.report(&[], 0);
    let (hold, copied) = (only(&report, "Hold"), only(&report, "Copy it"));
    let next = only(&report, "Next");
    assert!(next["activityRunEnd"].as_str() < hold["activityRunEnd"].as_str(), "{report:#}");
    assert_eq!((&copied["pipelineName"], &copied["pipelineRunId"]), (&json!("Child"), &value(&report, "Next")));
    assert_eq!(copied["output"]["rowsCopied"], 5);
    assert!(factory.file("CopyLineitem.csv").starts_with("r_regionkey"));
    assert!(report["runEnd"].as_str() >= copied["activityRunEnd"].as_str(), "the run has not ended before it");
    assert_eq!(factory.workshop.finish(&["validate", "orders"]).ended(0).stdout.matches("waitOnCompletion").count(), 0);
}

#[test]
fn the_run_fails_with_one_that_was_not_waited_for_and_is_resumed_there() {
    let factory = Factory::new();
    let look = activity(
        "Look",
        "Lookup",
        json!({ "dataset": dataset("File", json!({ "name": "late.csv" })),
                "source": { "type": "DelimitedTextSource", "storeSettings": { "type": "FileServerReadSettings" } } }),
    );
    let child = json!([look, after(copy("Copy it", "region", "copied.csv"), "Look", "Succeeded")]);
    factory.workshop.define("pipeline/Child", json!({ "activities": child }));
    let next = after(activity("Next", "Wait", json!({ "waitTimeInSeconds": 1 })), "Call", "Succeeded");
    factory.pipeline(json!({}), json!([call("Call", json!({})), next]));
    let failed = factory.report(&["--run-id", "r"], 2);
    assert_eq!((&failed["status"], &only(&failed, "Look")["status"]), (&json!("Failed"), &json!("Failed")));
    assert!(
        failed["message"].as_str().is_some_and(|text| text.starts_with("Operation on target Look failed")),
        "{failed:#}"
    );
    assert_eq!(
        (&only(&failed, "Call")["status"], &only(&failed, "Next")["status"]),
        (&json!("Succeeded"), &json!("Succeeded"))
    );

    fs::create_dir_all(factory.workshop.data().join("out")).expect("a writable folder");
    fs::write(factory.workshop.data().join("out/late.csv"), "k\n1\n").expect("a writable folder");
    let resume = ["resume", "r", "--output", "json", "--progress", "none"];
    let report = factory.workshop.finish(&resume).ended(0).json();
    assert_eq!(only(&report, "Copy it")["output"]["rowsCopied"], 5, "what followed it was forgotten as skipped");
    for name in ["Call", "Next"] {
        assert_eq!(only(&report, name)["activityRunId"], only(&failed, name)["activityRunId"], "{name} was run again");
    }
}

#[test]
fn killed_at_any_moment_every_one_of_them_ends_once() {
    let factory = Factory::new();
    let mut table = copy("Copy it", "lineitem", "@concat(pipeline().parameters.n, '.csv')");
    table["inputs"] = json!([dataset("Table", json!({ "name": "lineitem", "scale": 0.003 }))]);
    let wait = activity("Hold", "Wait", json!({ "waitTimeInSeconds": 0 }));
    factory.workshop.define(
        "pipeline/Child",
        json!({ "parameters": text("n"), "activities": [wait, after(table, "Hold", "Succeeded")] }),
    );
    let each = json!({ "items": "@range(0,5)", "activities": [call("Call", json!({ "n": "@string(item())" }))] });
    factory.pipeline(json!({}), json!([activity("Each", "ForEach", each)]));
    let seed = std::env::var("ROPEWAY_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("seed {seed}: set ROPEWAY_TEST_SEED to repeat it");
    let mut rng = StdRng::seed_from_u64(seed);
    let clock = Instant::now();
    factory.report(&["--run-id", "undisturbed"], 0);
    let (whole, expected) = (clock.elapsed(), files(&factory));
    assert_eq!(expected.len(), 5);
    let mut kills = 0;
    for round in 0..3 {
        fs::remove_dir_all(factory.workshop.data().join("out")).expect("removable");
        let id = format!("round-{round}");
        let (report, seen) = under_kills(&factory, &id, whole, &mut rng);
        kills += seen.len();
        assert!(files(&factory) == expected, "a row was lost, doubled or changed");
        assert_eq!((runs(&report, "Call").len(), runs(&report, "Copy it").len()), (5, 5));
        stayed_ended(&factory, &id, &seen);
    }
    assert!(kills > 2, "only {kills} processes were killed");
}

#[test]
fn one_with_a_secret_is_waited_for() {
    let factory = Factory::new();
    let wait = activity("Hold", "Wait", json!({ "waitTimeInSeconds": 1 }));
    let secret = json!({ "key": { "type": "SecureString" } });
    factory.workshop.define("pipeline/Child", json!({ "parameters": secret, "activities": [wait] }));
    let next = after(activity("Next", "Wait", json!({ "waitTimeInSeconds": 0 })), "Call", "Succeeded");
    let caller = json!({ "parameters": secret, "activities": [call("Call", json!({ "key": "@pipeline().parameters.key" })), next] });
    factory.workshop.define("pipeline/CopyLineitem", caller);
    let report = factory.report(&["-p", "key=canary-7f3a-secret"], 0);
    assert!(only(&report, "Hold")["activityRunEnd"].as_str() <= only(&report, "Next")["activityRunStart"].as_str());
    assert!(report["warnings"].to_string().contains("a parameter is secret"), "{:#}", report["warnings"]);
}
