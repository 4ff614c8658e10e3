//! `ropeway runs`: what is known of runs.

use ropeway_engine::{Error, ErrorKind, Result, chunk::RunId};

use crate::{
    args::{OutputShape, RunsArgs},
    exit_code,
    report::{json, text},
    state::{RunFile, StateFolder},
    terminal::{self, Safe},
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
    let mut lines = format!("{:<38}{:<22}{:<12}{}\n", "run", "started", "status", "pipeline");
    for run in runs {
        let report = &run.report;
        lines += &format!(
            "{:<38}{:<22}{:<12}{}\n",
            Safe(&report.run).to_string(),
            report.started.0.format("%Y-%m-%d %H:%M:%SZ").to_string(),
            report.status.name(),
            Safe(&report.pipeline)
        );
    }
    lines
}

fn show(state: &StateFolder, id: &str, shape: OutputShape) -> Result<String> {
    let id = RunId::try_from(id.to_owned())?;
    let run = known(state, &id)?;
    Ok(match shape {
        OutputShape::Json => json::print(&run.report),
        OutputShape::Text => text::print(&run.report) + &text::errors(&run.report),
    })
}

/// The record of a run that must exist.
pub(crate) fn known(state: &StateFolder, id: &RunId) -> Result<RunFile> {
    state.run(id).read()?.ok_or_else(|| {
        Error::new(ErrorKind::Spec, "there is no such run; `ropeway runs` lists those of this state folder")
            .with("run", id)
    })
}
