//! What a plan says where a run would stop: everything that can be known is told, whatever else is wrong.

use serde_json::{Value, json};

use super::factory::{Factory, activity, after, copy, dataset, service, set};

/// The plan as JSON, its exit code and what went to standard error.
fn plan(factory: &Factory, code: i32) -> (Vec<Value>, String) {
    let said = factory.workshop.finish(&["plan", "orders/pipeline/CopyLineitem.json", "--output", "json"]).ended(code);
    assert!(factory.workshop.visible().is_empty() && !factory.workshop.state().exists(), "a plan writes nothing");
    (said.json()["activities"].as_array().expect("activities").clone(), said.stderr)
}

fn is_planned(step: &Value) -> bool {
    step["statement"].is_string() && step["refused"] == false
}

#[test]
fn activities_that_are_not_run_do_not_hide_the_copies() {
    let factory = Factory::new();
    let notebook = json!({ "name": "Clean", "type": "DatabricksNotebook", "linkedServiceName": service("Files"),
                           "typeProperties": { "notebookPath": "/clean" } });
    let each = activity(
        "Each",
        "ForEach",
        json!({ "items": "@range(0,3)", "activities": [copy("Inner", "nation", "i.csv")] }),
    );
    factory.pipeline(
        json!({}),
        json!([
            copy("First", "region", "first.csv"),
            after(notebook, "First", "Succeeded"),
            after(each, "Clean", "Succeeded")
        ]),
    );
    let (steps, said) = plan(&factory, 2);
    assert!(is_planned(&steps[0]) && is_planned(&steps[3]), "{steps:#?}");
    assert!(steps[1]["notes"][0].as_str().is_some_and(|note| note.contains("does not run it")), "{steps:#?}");
    assert!(
        said.contains("does not run these activities; deactivate or remove 'Clean' (DatabricksNotebook)"),
        "{said}"
    );
    let run = factory.run(&["--progress", "none"]).ended(2);
    assert!(run.stderr.contains("'Clean' (DatabricksNotebook)"), "{}", run.stderr);
    assert!(factory.workshop.visible().is_empty(), "a run starts nothing then");
}

#[test]
fn a_copy_that_would_fail_does_not_hide_the_others() {
    let factory = Factory::new();
    factory.pipeline(
        json!({}),
        json!([
            copy("Wrong", "nowhere", "w.csv"),
            copy("Misspelt", "region", "@pipeline().nope"),
            copy("Good", "region", "g.csv")
        ]),
    );
    let (steps, said) = plan(&factory, 2);
    let error = |step: &Value| step["errors"][0].as_str().unwrap_or_default().to_owned();
    assert!(error(&steps[0]).contains("nowhere"), "{steps:#?}");
    assert!(error(&steps[1]).contains("'nope'"), "{steps:#?}");
    assert!(is_planned(&steps[2]), "{steps:#?}");
    assert!(
        said.contains("nowhere") && said.contains("activity=Wrong"),
        "the first one is the command's error: {said}"
    );
    let text = factory.workshop.finish(&["plan", "orders/pipeline/CopyLineitem.json"]).ended(2).stdout;
    assert!(text.contains("Copy Wrong\n  error: ") && text.contains("Copy Good: Synthetic to FileServer"), "{text}");
}

#[test]
fn what_is_not_there_yet_may_be_made_by_an_earlier_activity() {
    let factory = Factory::new();
    let mut second = after(copy("Second", "region", "second.csv"), "First", "Succeeded");
    second["inputs"] = json!([dataset("File", json!({ "name": "first.csv" }))]);
    second["typeProperties"]["source"] =
        json!({ "type": "DelimitedTextSource", "storeSettings": { "type": "FileServerReadSettings" } });
    factory.pipeline(json!({}), json!([copy("First", "region", "first.csv"), second]));
    let (steps, said) = plan(&factory, 2);
    assert!(is_planned(&steps[0]), "{steps:#?}");
    assert!(said.contains("activity=Second") && said.contains("what runs before it may change that"), "{said}");
    factory.report(&[], 0);
}

#[test]
fn a_copy_within_others_that_can_never_run_is_no_copy_that_waits() {
    let factory = Factory::new();
    let mut hopeless = copy("Hopeless", "region", "@concat(item(), '.csv')");
    hopeless["typeProperties"]["source"]["type"] = "OracleSource".into();
    let mut misspelt = copy("Misspelt", "region", "m.csv");
    misspelt["outputs"][0]["parameters"] = json!({ "nmae": "m.csv" });
    let waits = copy("Waits", "region", "@concat(item(), '.csv')");
    let each =
        activity("Each", "ForEach", json!({ "items": "@createArray('a')", "activities": [hopeless, misspelt, waits] }));
    factory.pipeline(json!({}), json!([each]));
    let (steps, _) = plan(&factory, 2);
    let of = |name: &str, key: &str| {
        let step = steps.iter().find(|step| step["activityName"] == name).expect("a step");
        step[key].as_array().expect("texts").iter().filter_map(Value::as_str).collect::<String>()
    };
    assert!(of("Hopeless", "errors").contains("OracleSource"), "{steps:#?}");
    assert!(of("Misspelt", "errors").contains("nmae"), "{steps:#?}");
    assert_eq!(of("Waits", "errors"), "");
    assert!(of("Waits", "notes").contains("known when the run is there"), "{steps:#?}");
}

#[test]
fn a_variable_that_is_set_on_the_way_is_not_taken_for_its_first_value() {
    let factory = Factory::new();
    let variables = json!({ "Name": { "type": "String", "defaultValue": "early.csv" }, "kept": { "type": "String", "defaultValue": "k.csv" },
                            "status": { "type": "String", "defaultValue": "s.csv" } });
    let late = after(copy("Late", "region", "@variables('name')"), "Set", "Succeeded");
    let kept = after(copy("Kept", "region", "@variables('kept')"), "Set", "Succeeded");
    let early = copy("Early", "region", "@variables('name')");
    let known = after(copy("Known", "region", "@variables('status')"), "Early", "Succeeded");
    let done = after(set("Done", "status", "done"), "Known", "Succeeded");
    factory.pipeline(variables, json!([early, set("Set", "Name", "late.csv"), late, kept, known, done]));
    let (steps, _) = plan(&factory, 0);
    let step = |name: &str| steps.iter().find(|step| step["activityName"] == name).expect("a step");
    for known in ["Early", "Kept", "Known"] {
        assert!(is_planned(step(known)), "{known}: {steps:#?}");
    }
    assert!(
        step("Late")["notes"][1].as_str().is_some_and(|note| note.contains("'name' is set by an activity")),
        "{steps:#?}"
    );
}
