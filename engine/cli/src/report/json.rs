//! The report in Data Factory's shape: the pipeline run, its activity runs, and Ropeway's own facts
//! under `ropeway`.

use ropeway_engine::run::INCONSISTENT;
use serde_json::{Map, Value, json};

use crate::report::{ActivityReport, Copied, Failure, PipelineReport, Status};

/// One document.
pub(crate) fn print(run: &PipelineReport) -> String {
    format!("{:#}\n", document(run))
}

/// The pipeline run with its `activityRuns`.
pub(crate) fn document(run: &PipelineReport) -> Value {
    json!({
        "runId": run.run,
        "runGroupId": run.run,
        "isLatest": true,
        "pipelineName": run.pipeline,
        "parameters": run.parameters,
        "runDimensions": {},
        "invokedBy": { "name": "Manual", "id": run.run, "invokedByType": "Manual" },
        "lastUpdated": run.ended.unwrap_or(run.started),
        "runStart": run.started,
        "runEnd": run.ended,
        "durationInMs": run.ended.map(|ended| ended.millis_since(run.started)),
        "status": run.status.name(),
        "message": run.message,
        "annotations": [],
        "warnings": run.warnings,
        "activityRuns": run.activities.iter().map(|activity| activity_run(run, activity)).collect::<Vec<_>>(),
    })
}

fn activity_run(run: &PipelineReport, activity: &ActivityReport) -> Value {
    let mut shown = activity_run_of(run, activity);
    if activity.path.contains('/') {
        // Data Factory gives a hash of the iteration; a path can be read as well.
        shown["iterationHash"] = iteration(&activity.path).into();
        shown["ropeway"] = json!({ "path": activity.path });
    }
    shown
}

/// What tells the activities of one iteration from those of another.
fn iteration(path: &str) -> String {
    let around = path.rsplit_once('/').map_or("", |(around, _)| around);
    blake3::hash(around.as_bytes()).to_hex()[..32].to_owned()
}

fn activity_run_of(run: &PipelineReport, activity: &ActivityReport) -> Value {
    let no_error = json!({ "errorCode": "", "message": "", "failureType": "", "target": activity.name });
    json!({
        "pipelineName": activity.owner.as_ref().map_or(&run.pipeline, |owner| &owner.pipeline),
        "pipelineRunId": activity.owner.as_ref().map_or(&run.run, |owner| &owner.run),
        "activityName": activity.name,
        "activityType": activity.kind,
        "activityRunId": activity.id,
        "linkedServiceName": "",
        "status": activity.status.name(),
        "activityRunStart": activity.started,
        "activityRunEnd": activity.ended,
        "durationInMs": activity.ended.millis_since(activity.started),
        "retryAttempt": (activity.retries > 0).then_some(activity.retries),
        "userProperties": activity.user_properties,
        "input": if activity.input.is_null() { json!({}) } else { activity.input.clone() },
        "output": output(activity),
        "error": activity.error.as_ref().map_or(no_error, |failure| error(activity, failure)),
    })
}

/// Data Factory's error object.
pub(crate) fn error(activity: &ActivityReport, failure: &Failure) -> Value {
    let moves_data = MOVES_DATA.contains(&activity.kind.as_str());
    // A numeric code is Data Factory's own for a wrong definition; a copy that fails says 2200.
    let is_own =
        |code: &&str| code.chars().all(|c| c.is_ascii_digit()) || NAMED.contains(code) || activity.kind == "Fail";
    let code = failure.code.as_deref().filter(is_own);
    let text = if moves_data { message(failure) } else { plain(failure) };
    json!({
        "errorCode": code.unwrap_or_else(|| general_code(&activity.kind)),
        "message": text,
        "failureType": if failure.is_systems() { "SystemError" } else { "UserError" },
        "target": activity.name,
        "details": [],
    })
}

/// The activities whose errors Data Factory wraps into its own form.
const MOVES_DATA: [&str; 4] = ["Copy", "Lookup", "GetMetadata", "Delete"];

/// Codes of Data Factory that are no numbers.
const NAMED: [&str; 2] = ["ActionFailed", "InvalidTemplate"];

/// The code of a failure that has none of its own.
fn general_code(kind: &str) -> &'static str {
    match kind {
        "Copy" => "2200",
        "SqlServerStoredProcedure" => "2402",
        "Script" => "2011",
        "WebActivity" => "2108",
        _ => "2100",
    }
}

fn plain(failure: &Failure) -> String {
    let causes = failure.causes.iter().map(String::as_str);
    std::iter::once(failure.message.as_str()).chain(causes).collect::<Vec<_>>().join("; ")
}

fn message(failure: &Failure) -> String {
    let side = failure.side.as_ref().map(|side| format!("Failure happened on '{side}' side. ")).unwrap_or_default();
    let code = failure.code.as_deref().unwrap_or(match failure.kind.as_str() {
        "Spec" => "UserErrorInvalidDefinition",
        "Auth" => "UserErrorUnauthorized",
        "Data" => "UserErrorInvalidDataValue",
        "Cancelled" => "Cancelled",
        "Unavailable" => "StoreUnavailable",
        _ => "InternalError",
    });
    let mut text =
        format!("{side}ErrorCode={code},'Type=Ropeway.{},Message={},Source=ropeway,'", failure.kind, failure.message);
    for cause in &failure.causes {
        text.push_str(&format!("'Type=Ropeway.Cause,Message={cause},Source=ropeway,'"));
    }
    text
}

/// The members of a Copy's output; none if nothing ran or the policy hides it.
pub(crate) fn output(activity: &ActivityReport) -> Value {
    if activity.output.is_object() {
        return activity.output.clone();
    }
    let mut output = activity.copied.as_ref().map(|copied| copy_output(activity, copied)).unwrap_or_default();
    if activity.kind == "Copy" {
        output.insert("errors".into(), activity.error.iter().map(event).collect());
    }
    Value::Object(output)
}

fn event(failure: &Failure) -> Value {
    json!({
        "Code": 2200, "Message": message(failure), "EventType": 0, "Category": 5, "Data": {}, "MsgId": null,
        "ExceptionType": null, "Source": null, "StackTrace": "", "InnerEventInfos": [],
    })
}

fn copy_output(activity: &ActivityReport, copied: &Copied) -> Map<String, Value> {
    // Data Factory counts whole seconds and never reports none.
    let seconds = (copied.seconds.ceil() as u64).max(1);
    let queued = activity.ended.seconds_since(activity.started) - copied.seconds;
    let mut output = Map::new();
    let mut put = |name: &str, value: Value| output.insert(name.into(), value).is_none();
    put("dataRead", copied.bytes_read.into());
    put("dataWritten", copied.bytes_written.into());
    if copied.files_written > 0 {
        put("filesWritten", copied.files_written.into());
    }
    put("sourcePeakConnections", copied.slots.into());
    put("sinkPeakConnections", copied.slots.into());
    let of = |at: &str| activity.input.pointer(at).and_then(Value::as_str).unwrap_or_default();
    if of("/source/type") != "BinarySource" {
        put("rowsRead", copied.rows_read.into());
        put("rowsCopied", copied.rows_copied.into());
    } else if !of("/sink/storeSettings/copyBehavior").eq_ignore_ascii_case("MergeFiles") {
        let skipped = copied.skipped.as_ref().map_or(0, |skipped| skipped.count);
        put("filesRead", (copied.files_written + skipped).into());
    }
    if let Some(skipped) = &copied.skipped {
        put(if skipped.are_files { "filesSkipped" } else { "rowsSkipped" }, skipped.count.into());
        if let Some(path) = &skipped.path {
            put(if skipped.redirected { "redirectRowPath" } else { "logFilePath" }, path.as_str().into());
        }
    }
    put("copyDuration", seconds.into());
    put("throughput", ((copied.bytes_read as f64 / 1024.0 / seconds as f64 * 1000.0).round() / 1000.0).into());
    put("effectiveIntegrationRuntime", "Ropeway".into());
    put("usedParallelCopies", copied.slots.into());
    put("executionDetails", json!([execution(activity, copied, seconds)]));
    put("dataConsistencyVerification", verification(activity, copied));
    put(
        "billingReference",
        json!({
            "activityType": "DataMovement",
            "billableDuration": [{ "meterType": "SelfhostedIR", "duration": hours(seconds), "unit": "Hours" }],
        }),
    );
    put("durationInQueue", json!({ "integrationRuntimeQueue": queued.max(0.0) as u64 }));
    put(
        "ropeway",
        json!({
            "deliveryGuarantee": copied.guarantee,
            "chunks": { "planned": copied.chunks.planned, "committed": copied.chunks.committed, "retried": copied.chunks.retried },
            "digest": copied.digest,
            "peakMemoryBytes": copied.peak_memory_bytes,
            "bottleneck": copied.bottleneck(),
            "sourceConsistency": copied.consistency,
            "wrote": copied.wrote,
        }),
    );
    output
}

fn execution(activity: &ActivityReport, copied: &Copied, seconds: u64) -> Value {
    let source = json!({ "type": copied.source_type });
    let sink = json!({ "type": copied.sink_type });
    let done = if activity.status == Status::Succeeded { "Completed" } else { "Failed" };
    // What one side waited is what the other side worked.
    let working = |share: f64| (share * copied.seconds).round() as u64;
    json!({
        "source": source,
        "sink": sink,
        "status": activity.status.name(),
        "start": activity.started,
        "duration": seconds,
        "usedParallelCopies": copied.slots,
        "profile": {
            "queue": { "status": "Completed", "duration": 0 },
            "transfer": {
                "status": done,
                "duration": seconds,
                "details": {
                    "readingFromSource": { "type": copied.source_type, "workingDuration": working(copied.source_wait) },
                    "writingToSink": { "type": copied.sink_type, "workingDuration": working(copied.sink_wait) },
                },
            },
        },
        "detailedDurations": { "queuingDuration": 0, "transferDuration": seconds },
    })
}

/// Rows and digests are always compared as they are written; verified is what was read back.
fn verification(activity: &ActivityReport, copied: &Copied) -> Value {
    let code = activity.error.as_ref().and_then(|error| error.code.as_deref());
    if code == Some(INCONSISTENT) {
        json!({ "VerificationResult": "Verified", "InconsistentData": "Found" })
    } else if copied.read_back && copied.is_inconsistent {
        json!({ "VerificationResult": "Verified", "InconsistentData": "Skipped" })
    } else if copied.read_back {
        json!({ "VerificationResult": "Verified", "InconsistentData": "None" })
    } else {
        json!({ "VerificationResult": "NotVerified" })
    }
}

/// Hours with four decimals, as on a bill.
fn hours(seconds: u64) -> f64 {
    (seconds as f64 / 3600.0 * 10_000.0).round() / 10_000.0
}
