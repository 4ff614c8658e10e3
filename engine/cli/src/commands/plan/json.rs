//! The plan for a program, with every chunk.

use ropeway_engine::{mapping::MAPPED_FROM, source::SOURCE_TYPE};
use serde_json::{Value, json};

use super::{CopyPlan, Step};

pub(super) fn print(pipeline: &str, warnings: &[String], steps: &[Step]) -> String {
    let document = |step: &Step| match step {
        Step::Copy(plan) => activity(plan),
        Step::Other(control) => control.document(),
    };
    let activities: Vec<_> = steps.iter().map(document).collect();
    format!("{:#}\n", json!({ "pipelineName": pipeline, "warnings": warnings, "activities": activities }))
}

fn activity(plan: &CopyPlan) -> Value {
    let prospect = &plan.prospect;
    json!({
        "activityName": plan.activity,
        "depth": plan.depth,
        "source": { "type": plan.source_type },
        "sink": { "type": plan.sink_type },
        "warnings": plan.warnings,
        "settings": crate::settings::shown(&plan.settings),
        "statement": prospect.description.statement,
        "cut": prospect.description.cut,
        "sourceConsistency": prospect.description.consistency,
        "target": prospect.target.target,
        "targetStatements": prospect.target.statements,
        "deliveryGuarantee": prospect.guarantee,
        "skips": prospect.skipping,
        "readBack": prospect.read_back,
        "memory": { "limitBytes": plan.memory, "workingSetBytes": prospect.working_set, "slots": prospect.slots },
        "chunks": prospect.chunks,
        "columns": columns(plan),
        "refused": plan.is_refused(),
    })
}

fn columns(plan: &CopyPlan) -> Vec<Value> {
    let column = |(field, fit): (&arrow::datatypes::FieldRef, &ropeway_engine::sink::ColumnFit)| {
        json!({
            "name": field.name(),
            "mappedFrom": field.metadata().get(MAPPED_FROM),
            "sourceType": field.metadata().get(SOURCE_TYPE),
            "arrowType": field.data_type().to_string(),
            "nullable": field.is_nullable(),
            "sinkType": fit.sink_type,
            "loss": fit.loss,
        })
    };
    plan.prospect.schema.fields().iter().zip(&plan.prospect.fits).map(column).collect()
}
