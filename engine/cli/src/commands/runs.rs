//! `ropeway runs`: what is known of runs.

mod chunks;

use ropeway_engine::{Error, ErrorKind, Result, chunk::RunId};

use chunks::{Journal, journals};

use crate::{
    args::{OutputShape, RunsArgs},
    exit_code,
    report::{json, text},
    state::{RunFile, StateFolder},
    table::Table,
    terminal,
};

/// Lists all runs, or shows one.
pub(crate) fn perform(args: &RunsArgs) -> Result<u8> {
    let state = StateFolder::open(args.state.state.as_deref())?;
    let text = match &args.run_id {
        Some(id) => show(&state, id, args.output.output)?,
        None => list(&state.runs()?, args.output.output),
    };
    terminal::result(&text)?;
    Ok(exit_code::SUCCEEDED)
}

fn list(runs: &[RunFile], shape: OutputShape) -> String {
    if shape == OutputShape::Json {
        let documents: Vec<_> = runs.iter().map(|run| json::document(&run.report)).collect();
        return format!("{:#}\n", serde_json::json!({ "value": documents }));
    }
    let mut table = Table::new(["run", "started", "status", "pipeline"]);
    for report in runs.iter().map(|run| &run.report) {
        let started = report.started.0.format("%Y-%m-%d %H:%M:%SZ").to_string();
        table.row([report.run.as_str(), &started, report.status.name(), &report.pipeline]);
    }
    table.print("")
}

fn show(state: &StateFolder, id: &str, shape: OutputShape) -> Result<String> {
    let id = RunId::try_from(id.to_owned())?;
    let report = known(state, &id)?.report;
    let journals = journals(&state.run(&id), &id, &report)?;
    Ok(match shape {
        OutputShape::Json => {
            let mut document = json::document(&report);
            document["copies"] = journals.iter().map(Journal::document).collect();
            format!("{document:#}\n")
        }
        OutputShape::Text => {
            let chunks: String = journals.iter().map(Journal::text).collect();
            chunks + &text::errors(&report) + &text::print(&report)
        }
    })
}

/// The record of a run that must exist.
pub(crate) fn known(state: &StateFolder, id: &RunId) -> Result<RunFile> {
    state.run(id).read()?.ok_or_else(|| {
        Error::new(ErrorKind::Spec, "there is no such run; `ropeway runs` lists those of this state folder")
            .with("run", id)
    })
}
