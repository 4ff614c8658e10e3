//! The whole program: what the definition asks for, what `plan` says and what the report says.

use serde_json::json;

use crate::cli::workshop::Workshop;

#[test]
fn a_copy_that_asks_for_it_is_read_back_and_says_so() {
    let workshop = Workshop::folder(0.002);
    let json = ["--output", "json", "--progress", "none"];
    let verification =
        |run: &serde_json::Value| run["activityRuns"][0]["output"]["dataConsistencyVerification"].clone();
    let unasked = workshop.run(&json).ended(0).json();
    assert_eq!(verification(&unasked), json!({ "VerificationResult": "NotVerified" }));

    workshop.change("pipeline/CopyLineitem", |pipeline| {
        pipeline["activities"][0]["typeProperties"]["validateDataConsistency"] = true.into();
    });
    let plan = workshop.finish(&["plan", "orders/pipeline/CopyLineitem.json"]).ended(0);
    assert!(plan.stdout.contains("every row is read back"), "{}", plan.stdout);
    let verified = workshop.run(&json).ended(0).json();
    assert_eq!(verification(&verified), json!({ "VerificationResult": "Verified", "InconsistentData": "None" }));
    let text = workshop.run(&["--progress", "none"]).ended(0);
    assert!(text.stdout.contains("when it was read back"), "{}", text.stdout);

    workshop.change("pipeline/CopyLineitem", |pipeline| {
        pipeline["activities"][0]["typeProperties"]["validateDataConsistency"] = "perhaps".into();
    });
    let refused = workshop.run(&json).ended(2);
    assert!(refused.stderr.contains("must be true or false"), "{}", refused.stderr);
}
