//! Which activities run, when, with what.

use serde_json::{Value, json};

use super::factory::{Factory, activity, after, append, copy, dataset, fail, only, runs, set, value, wait};

#[test]
fn a_lookup_drives_copies_and_each_has_its_item() {
    let factory = Factory::new();
    let look = activity(
        "Look",
        "Lookup",
        json!({ "source": { "type": "SyntheticSource" }, "dataset": dataset("Table", json!({ "name": "region" })), "firstRowOnly": false }),
    );
    let some = activity(
        "Some",
        "Filter",
        json!({
            "items": { "value": "@activity('Look').output.value", "type": "Expression" },
            "condition": { "value": "@greater(item().r_regionkey, 1)", "type": "Expression" },
        }),
    );
    let each = activity(
        "Each",
        "ForEach",
        json!({
            "items": { "value": "@activity('Some').output.Value", "type": "Expression" },
            "activities": [copy("Copy it", "nation", "@concat('r', string(item().r_regionkey), '.csv')")],
        }),
    );
    factory.pipeline(json!({}), json!([after(each, "Some", "Succeeded"), look, after(some, "Look", "Succeeded")]));
    let report = factory.report(&[], 0);
    let found = only(&report, "Look")["output"].clone();
    assert_eq!((&found["count"], found["value"][0]["r_name"].as_str()), (&json!(5), Some("AFRICA")), "{found:#}");
    let filtered = &only(&report, "Some")["output"];
    assert_eq!((&filtered["ItemsCount"], &filtered["FilteredItemsCount"]), (&json!(5), &json!(3)));
    let copies = runs(&report, "Copy it");
    assert_eq!(copies.len(), 3);
    let hashes: std::collections::BTreeSet<_> = copies.iter().map(|run| run["iterationHash"].to_string()).collect();
    assert_eq!(hashes.len(), 3, "each iteration has its own");
    for name in ["r2.csv", "r3.csv", "r4.csv"] {
        assert_eq!(factory.file(name).lines().count(), 26, "{name}");
    }
    assert_eq!(factory.workshop.visible().len(), 3);
}

/// The variables that a pipeline of these activities leaves behind, joined.
fn trace(activities: Value) -> String {
    let factory = Factory::new();
    let mut all = activities.as_array().expect("activities").clone();
    // Whatever ended how, it is last.
    let names: Vec<_> = all.iter().map(|one| one["name"].as_str().expect("a name").to_owned()).collect();
    let mut last = set("last", "seen", "@join(variables('log'), ' ')");
    for name in names {
        for condition in ["Completed", "Skipped"] {
            last = after(last, &name, condition);
        }
    }
    // Both conditions of one activity are alternatives.
    let mut merged: Vec<Value> = Vec::new();
    for dependency in last["dependsOn"].as_array().expect("dependencies") {
        match merged.iter_mut().find(|known| known["activity"] == dependency["activity"]) {
            Some(known) => known["dependencyConditions"] = json!(["Completed", "Skipped"]),
            None => merged.push(dependency.clone()),
        }
    }
    last["dependsOn"] = merged.into();
    all.push(last);
    factory.pipeline(json!({ "log": { "type": "Array" }, "seen": { "type": "String" } }), all.into());
    let report = factory.report(&[], 0);
    value(&report, "last").as_str().expect("text").to_owned()
}

#[test]
fn conditions_choose_what_runs() {
    let log = |name: &str| append(name, "log", name);
    assert_eq!(
        trace(json!([fail("f", "m", "1"), after(log("handler"), "f", "Failed"), after(log("next"), "f", "Succeeded")])),
        "handler"
    );
    assert_eq!(
        trace(json!([
            fail("f", "m", "1"),
            after(log("next"), "f", "Succeeded"),
            after(log("skipped"), "next", "Skipped"),
            after(log("completed"), "f", "Completed"),
        ]))
        .split(' ')
        .collect::<std::collections::BTreeSet<_>>(),
        ["skipped", "completed"].into()
    );
    // Of several dependencies all must hold.
    assert_eq!(
        trace(json!([fail("f", "m", "1"), wait("w"), after(after(log("both"), "f", "Failed"), "w", "Failed")])),
        ""
    );
    assert_eq!(
        trace(json!([fail("f", "m", "1"), wait("w"), after(after(log("both"), "f", "Failed"), "w", "Succeeded")])),
        "both"
    );
}

#[test]
fn an_inactive_activity_counts_as_it_is_marked() {
    for (mark, expected) in [("Succeeded", "s"), ("Failed", "f"), ("Skipped", "k")] {
        let mut off = activity("off", "DatabricksNotebook", json!({ "notebookPath": "/x" }));
        off["state"] = "Inactive".into();
        off["onInactiveMarkAs"] = mark.into();
        let log = |name: &str, condition: &str| after(append(name, "log", name), "off", condition);
        assert_eq!(trace(json!([off, log("s", "Succeeded"), log("f", "Failed"), log("k", "Skipped")])), expected);
    }
}

#[test]
fn what_does_not_wait_for_one_another_runs_side_by_side() {
    let factory = Factory::new();
    let slow = |name: &str| activity(name, "Wait", json!({ "waitTimeInSeconds": 2 }));
    let each = |name: &str, sequential: bool| {
        activity(
            name,
            "ForEach",
            json!({ "items": "@createArray(1,2)", "isSequential": sequential, "activities": [slow(&format!("in {name}"))] }),
        )
    };
    factory.pipeline(json!({}), json!([slow("a"), slow("b"), each("parallel", false), each("sequence", true)]));
    let report = factory.report(&[], 0);
    let overlap = |one: &Value, two: &Value| {
        let time = |run: &Value, end: &str| run[end].as_str().expect("a time").to_owned();
        time(one, "activityRunStart") < time(two, "activityRunEnd")
            && time(two, "activityRunStart") < time(one, "activityRunEnd")
    };
    assert!(overlap(only(&report, "a"), only(&report, "b")));
    let inner = |name: &str| runs(&report, name);
    assert!(overlap(inner("in parallel")[0], inner("in parallel")[1]));
    assert!(!overlap(inner("in sequence")[0], inner("in sequence")[1]));
}

#[test]
fn batch_count_bounds_a_for_each() {
    let factory = Factory::new();
    let slow = activity("Slow", "Wait", json!({ "waitTimeInSeconds": 1 }));
    factory.pipeline(
        json!({}),
        json!([activity("Each", "ForEach", json!({ "items": "@range(0,5)", "batchCount": 2, "activities": [slow] }))]),
    );
    let report = factory.report(&[], 0);
    let times = |end: &str| {
        runs(&report, "Slow").iter().map(|run| run[end].as_str().expect("a time").to_owned()).collect::<Vec<_>>()
    };
    let (starts, ends) = (times("activityRunStart"), times("activityRunEnd"));
    let at_once = |at: &String| starts.iter().zip(&ends).filter(|(start, end)| *start <= at && at < *end).count();
    assert_eq!(starts.iter().map(at_once).max(), Some(2));
}

#[test]
fn if_switch_and_until_run_what_they_choose() {
    let factory = Factory::new();
    let choose = |name: &str, expression: &str| {
        activity(
            name,
            "IfCondition",
            json!({
                "expression": { "value": expression, "type": "Expression" },
                "ifTrueActivities": [append(&format!("{name} true"), "log", "t")],
                "ifFalseActivities": [append(&format!("{name} false"), "log", "f")],
            }),
        )
    };
    let switch = |name: &str, on: &str| {
        let case =
            |value: &str| json!({ "value": value, "activities": [append(&format!("{name} {value}"), "log", value)] });
        activity(
            name,
            "Switch",
            json!({ "on": { "value": on, "type": "Expression" }, "cases": [case("north"), case("south")],
                "defaultActivities": [append(&format!("{name} default"), "log", "default")] }),
        )
    };
    let until = activity(
        "Until",
        "Until",
        json!({
            "expression": { "value": "@greaterOrEquals(length(variables('log')), 7)", "type": "Expression" },
            "timeout": "0.00:01:00",
            "activities": [append("round", "log", "u")],
        }),
    );
    let chain = [
        choose("one", "@equals(1, 1)"),
        choose("two", "@bool('false')"),
        switch("three", "@toLower('SOUTH')"),
        switch("four", "South"),
        until,
    ];
    let mut all: Vec<Value> = Vec::new();
    for one in chain {
        let before = all.last().map(|before| before["name"].as_str().expect("a name").to_owned());
        all.push(before.map_or(one.clone(), |before| after(one, &before, "Succeeded")));
    }
    all.push(after(set("end", "seen", "@join(variables('log'), ' ')"), "Until", "Succeeded"));
    factory.pipeline(json!({ "log": { "type": "Array" }, "seen": { "type": "String" } }), all.into());
    let report = factory.report(&[], 0);
    assert_eq!(value(&report, "end"), "t f south default u u u");
    assert_eq!(
        runs(&report, "two true").len() + runs(&report, "three north").len(),
        0,
        "what was not chosen is not there"
    );
}

#[test]
fn an_until_that_never_ends_runs_out_of_time() {
    let factory = Factory::new();
    let until = activity(
        "Until",
        "Until",
        json!({ "expression": { "value": "@equals(1, 2)", "type": "Expression" }, "timeout": "0.00:00:02",
            "activities": [activity("nap", "Wait", json!({ "waitTimeInSeconds": 1 }))] }),
    );
    factory.pipeline(json!({}), json!([until]));
    let report = factory.report(&[], 1);
    assert_eq!(only(&report, "Until")["status"], "TimedOut");
    assert!(runs(&report, "nap").len() >= 2);
}

#[test]
fn a_child_pipeline_has_its_own_variables_and_gives_values_back() {
    let factory = Factory::new();
    let back = activity(
        "Back",
        "SetVariable",
        json!({ "variableName": "pipelineReturnValue", "setSystemVariable": true, "value": [
            { "key": "text", "value": { "type": "Expression", "content": "@concat(pipeline().parameters.n, '/', variables('v'))" } },
            { "key": "by", "value": { "type": "Expression", "content": "@pipeline().TriggeredByPipelineName" } },
            { "key": "list", "value": { "type": "Array", "content": [{ "type": "Int", "content": 7 }] } },
        ] }),
    );
    factory.workshop.define(
        "pipeline/Child",
        json!({
            "parameters": { "n": { "type": "String" } },
            "variables": { "v": { "type": "String", "defaultValue": "child" } },
            "activities": [back],
        }),
    );
    let call = activity(
        "Call",
        "ExecutePipeline",
        json!({ "pipeline": { "referenceName": "Child", "type": "PipelineReference" }, "waitOnCompletion": true,
            "parameters": { "n": { "value": "@variables('v')", "type": "Expression" } } }),
    );
    let result = after(set("Result", "v", "@string(activity('Call').output.pipelineReturnValue)"), "Call", "Succeeded");
    factory.pipeline(json!({ "v": { "type": "String", "defaultValue": "parent" } }), json!([call, result]));
    let report = factory.report(&[], 0);
    assert_eq!(value(&report, "Result"), r#"{"text":"parent/child","by":"CopyLineitem","list":[7]}"#);
    let (call, back) = (only(&report, "Call"), only(&report, "Back"));
    assert_eq!(back["pipelineName"], "Child");
    assert_eq!(back["pipelineRunId"], call["output"]["pipelineRunId"]);
    assert_ne!(back["pipelineRunId"], report["runId"]);
}

#[test]
fn a_failure_within_fails_what_is_around_it_in_data_factorys_words() {
    let factory = Factory::new();
    factory
        .workshop
        .define("pipeline/Child", json!({ "activities": [fail("Deep", "it is @{pipeline().Pipeline}", "5001")] }));
    let call = activity(
        "Call",
        "ExecutePipeline",
        json!({ "pipeline": { "referenceName": "Child", "type": "PipelineReference" }, "waitOnCompletion": true }),
    );
    let each = activity(
        "Each",
        "ForEach",
        json!({ "items": "@range(0,3)", "activities": [
        activity("If", "IfCondition", json!({
            "expression": { "value": "@equals(item(), 1)", "type": "Expression" }, "ifTrueActivities": [call] })),
    ] }),
    );
    factory.pipeline(json!({}), json!([each]));
    let report = factory.report(&[], 1);
    let error = |name: &str| only(&report, name)["error"].clone();
    assert_eq!((&error("Deep")["errorCode"], &error("Deep")["message"]), (&json!("5001"), &json!("it is Child")));
    assert_eq!(error("Call")["message"], "Operation on target Deep failed: it is Child");
    assert_eq!(error("Each")["errorCode"], "ActionFailed");
    assert_eq!(
        error("Each")["message"],
        "Activity failed because an inner activity failed; Inner activity name: If, Error: it is Child"
    );
    let ifs: Vec<_> = runs(&report, "If").iter().map(|run| run["status"].clone()).collect();
    assert_eq!(
        ifs.iter().filter(|status| *status == "Succeeded").count(),
        2,
        "the other items had their turn: {ifs:?}"
    );
    assert_eq!(report["message"], "Operation on target Each failed: it is Child");
}

#[test]
fn a_plan_shows_the_tree_and_writes_nothing() {
    let factory = Factory::new();
    let each = activity(
        "Each",
        "ForEach",
        json!({ "items": "@range(0,3)", "batchCount": 3, "activities": [
        copy("Copy it", "nation", "@concat(string(item()), '.csv')"),
        after(fail("Stop", "m", "1"), "Copy it", "Failed"),
    ] }),
    );
    factory.pipeline(json!({}), json!([copy("First", "region", "first.csv"), after(each, "First", "Succeeded")]));
    let plan = factory.workshop.finish(&["plan", "orders/pipeline/CopyLineitem.json"]).ended(0).stdout;
    for line in [
        "Copy First: Synthetic to FileServer",
        "ForEach Each",
        "  each time: Copy it, Stop",
        "  3 items at once, at most",
        "  Copy Copy it",
        "'item()' has no value here",
    ] {
        assert!(plan.contains(line), "{line} is missing in\n{plan}");
    }
    assert!(factory.workshop.visible().is_empty() && !factory.workshop.state().exists());
}
