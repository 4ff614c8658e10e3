//! A pipeline's run from its request to its report.

use std::path::Path;

use ropeway_engine::{Error, ErrorKind, Result, chunk::RunId};
use ropeway_specs::Pipeline;

use crate::{
    activities::{self, Crew},
    args::{OutputShape, WatchArgs},
    assemble::{self, Extras},
    cancel,
    commands::Console,
    definitions::{self, Definitions},
    exit_code, failure,
    metrics::{self, Board},
    progress::Progress,
    report::{ActivityReport, Moment, PipelineReport, Status, json, text},
    request::Request,
    state::{RunFile, StateFolder},
    terminal,
};

/// What is to be run.
pub(crate) struct Order<'a> {
    pub(crate) run: RunId,
    pub(crate) request: Request,
    /// When the run was first started.
    pub(crate) started: Moment,
    /// What earlier processes did of it.
    pub(crate) earlier: Vec<ActivityReport>,
    pub(crate) state: &'a StateFolder,
    /// Whether to take the run from a process that holds it.
    pub(crate) take_over: bool,
    /// The state folder as it was typed, for the resume command.
    pub(crate) named: Option<&'a Path>,
}

/// Runs it and prints its report.
///
/// # Errors
/// What stops a run before it starts. A failure of the run itself is printed here.
pub(crate) async fn perform(order: Order<'_>, watch: &WatchArgs, shape: OutputShape, console: &Console) -> Result<u8> {
    let definitions = definitions::load(&order.request, order.run.as_str(), order.started.0)?;
    let pipeline = definitions.factory.pipeline(&definitions.pipeline).map_err(definitions::refuse)?;
    activities::check(&pipeline, &definitions.inputs)?;
    // A name that leaves no room is refused before anything starts.
    pipeline.activities().iter().try_for_each(|one| assemble::copy_id(&order.run, one.name()).map(drop))?;
    let cancel = cancel::on_signal()?;
    let board = Board::default();
    if let Some(address) = watch.metrics_listen {
        metrics::serve(address, board.clone()).await?;
    }

    let folder = order.state.run(&order.run).hold(order.take_over)?;
    let mut file = begin(&order, &definitions, &pipeline);
    folder.write(&file)?;
    let crew = Crew {
        run: &order.run,
        definitions: &definitions,
        registry: &ropeway_connectors::registry(),
        extras: &Extras::of(&order.request),
        folder: &folder,
        progress: &Progress::new(watch.progress, console.bars.clone(), board),
        cancel: &cancel,
    };
    let failed = activities::run(&crew, &pipeline, &mut file).await?;
    file.report.ended = Some(Moment::now());
    folder.write(&file)?;

    let code = failed.as_ref().map_or(exit_code::SUCCEEDED, |error| failure::print(error, console.format));
    terminal::result(&match shape {
        OutputShape::Json => json::print(&file.report),
        OutputShape::Text => text::print(&file.report),
    })?;
    if failed.is_some_and(|error| can_be_resumed(&error)) {
        terminal::remark(&resume_command(&order));
    }
    Ok(code)
}

fn begin(order: &Order<'_>, definitions: &Definitions, pipeline: &Pipeline<'_>) -> RunFile {
    let secure = |name: &str| pipeline.is_secure(name);
    let kept = order.request.without_secrets(secure);
    let report = PipelineReport {
        run: order.run.to_string(),
        pipeline: definitions.pipeline.clone(),
        parameters: pipeline.parameters(&definitions.inputs),
        started: order.started,
        ended: None,
        status: Status::InProgress,
        message: String::new(),
        warnings: definitions.warnings.clone(),
        activities: order.earlier.clone(),
    };
    RunFile::new(kept, report)
}

/// A wrong definition needs another run, and a defect needs a report; everything else can go on.
fn can_be_resumed(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::Spec | ErrorKind::Bug)
}

fn resume_command(order: &Order<'_>) -> String {
    let state = order.named.map(|folder| format!(" --state '{}'", folder.display())).unwrap_or_default();
    format!("to finish this run: ropeway resume {}{state}", order.run)
}
