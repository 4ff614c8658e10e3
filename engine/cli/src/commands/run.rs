//! `ropeway run`: every activity of a pipeline in dependency order.

use ropeway_engine::{Result, chunk::RunId};

use crate::{
    args::{OutputShape, RunArgs},
    commands::Console,
    exit_code,
    pipeline_run::{self, Order},
    report::{Moment, PipelineReport, Status, json, text},
    request::Request,
    state::StateFolder,
    terminal,
};

/// Runs the pipeline. A run id that is known is finished, not started again.
pub(crate) async fn perform(args: RunArgs, console: &Console) -> Result<u8> {
    let request = Request::new(&args.pipeline, &args.definition, &args.copy, &args.connection)?;
    let run = RunId::try_from(args.run_id.unwrap_or_else(|| uuid::Uuid::now_v7().to_string()))?;
    let state = StateFolder::open(args.state.state.as_deref())?;
    let earlier = state.run(&run).read()?;
    if let Some(file) = earlier.as_ref().filter(|file| file.report.status == Status::Succeeded) {
        return succeeded(&file.report, args.output.output);
    }
    let started = earlier.as_ref().map_or_else(Moment::now, |file| file.report.started);
    let one_time = earlier.and_then(|file| file.one_time);
    let order =
        Order { run, request, started, one_time, state: &state, take_over: false, named: args.state.state.as_deref() };
    pipeline_run::perform(order, &args.watch, args.output.output, console).await
}

/// Prints the report of a run that needs no more work.
pub(crate) fn succeeded(report: &PipelineReport, shape: OutputShape) -> Result<u8> {
    terminal::result(&match shape {
        OutputShape::Json => json::print(report),
        OutputShape::Text => text::print(report),
    })?;
    Ok(exit_code::SUCCEEDED)
}
