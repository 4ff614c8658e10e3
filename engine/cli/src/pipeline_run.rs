//! A pipeline's run from its request to its report.

use std::{
    fs::File,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ropeway_engine::{Error, ErrorKind, Result, chunk::RunId};
use ropeway_specs::{Outcomes, Pipeline};
use tokio_util::sync::CancellationToken;

use crate::{
    activities::{
        self,
        beside::{self, Beside},
        crew::{Around, Crew, Stage},
        flow,
        lanes::{self, Lanes},
    },
    args::{OutputShape, WatchArgs},
    assemble::{self, Extras},
    cancel,
    commands::Console,
    definitions::{self, Definitions},
    exit_code, failure,
    key_vault::KeyVault,
    metrics::{self, Board},
    progress::Progress,
    report::{Moment, PipelineReport, Status, json, text},
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
    /// What `utcNow()` says everywhere, in a run that was begun when it did.
    pub(crate) one_time: Option<Moment>,
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
    activities::check(&definitions, &pipeline, &KeyVault::of(&order.request)).await?;
    // A name that leaves no room is refused before anything starts.
    assemble::copy_id(&order.run, "/")?;
    let cancel = cancel::on_signal()?;
    let board = Board::default();
    if let Some(address) = watch.metrics_listen {
        metrics::serve(address, board.clone()).await?;
    }

    let _place = place(&order, pipeline.concurrency(), &cancel).await?;
    let mut folder = order.state.run(&order.run).hold(order.take_over)?;
    let history = folder.history()?;
    let mut file = begin(&order, &definitions, &pipeline);
    folder.write(&file)?;
    let copies_of_child = |name: &str| copies_at_once(&definitions, name);
    let crew = Crew {
        run: &order.run,
        definitions: &definitions,
        registry: &ropeway_connectors::registry(),
        extras: &Extras::of(&order.request),
        folder: &folder,
        progress: &Progress::new(watch.progress, console.bars.clone(), board),
        cancel: &cancel,
        hosts: &order.request.allow_hosts,
        history: Mutex::new(history),
        warnings: Mutex::new(std::mem::take(&mut file.report.warnings)),
        beside: Beside::default(),
        lanes: Lanes::of(pipeline.activities(), &copies_of_child),
        one_time: order.one_time,
    };
    activities::forget(&crew, pipeline.activities(), "")?;
    let stage = Stage::new(&pipeline, &definitions.inputs, String::new(), &crew.known());
    let around = Around { prefix: String::new(), outcomes: Outcomes::new(), item: None };
    beside::take_up(&crew)?;
    let finished = beside::run(&crew, flow::run(&crew, &stage, pipeline.activities(), around)).await?;
    file.report.warnings = crew.warnings.into_inner().unwrap_or_else(PoisonError::into_inner);
    file.report.activities = crew.history.into_inner().unwrap_or_else(PoisonError::into_inner).reports();
    file.report.status = finished.status;
    let failed = match (finished.status, finished.error) {
        (Status::Succeeded, _) => None,
        (_, Some((target, error))) => {
            file.report.message = format!("Operation on target {target} failed: {error}");
            Some(error)
        }
        (_, None) => Some(activities::marked_as_failed()),
    };
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

/// How often a run that waits for its place looks for one.
const PATIENCE: Duration = Duration::from_secs(1);

/// Waits until fewer runs of the pipeline go on than its `concurrency` says. The place is kept while this lives.
async fn place(order: &Order<'_>, concurrency: Option<u64>, cancel: &CancellationToken) -> Result<Option<File>> {
    let Some(concurrency) = concurrency else { return Ok(None) };
    let mut told = false;
    loop {
        if let Some(place) = order.state.place(&order.request.pipeline, concurrency)? {
            return Ok(Some(place));
        }
        if !told {
            terminal::remark(&format!("waiting: {concurrency} runs of this pipeline go on, which is its concurrency"));
            told = true;
        }
        if cancel.run_until_cancelled(tokio::time::sleep(PATIENCE)).await.is_none() {
            return Err(Error::new(
                ErrorKind::Cancelled,
                "the run was cancelled while it waited for others of its pipeline",
            ));
        }
    }
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
        activities: Vec::new(),
    };
    RunFile::new(kept, order.one_time, report)
}

/// How many copies of a pipeline can go on at once; none of one that cannot be found, which was refused.
fn copies_at_once(definitions: &Definitions, name: &str) -> u32 {
    let pipeline = definitions.factory.pipeline(name);
    pipeline.map_or(0, |pipeline| lanes::at_once(pipeline.activities(), &|name| copies_at_once(definitions, name)))
}

/// A wrong definition needs another run, and a defect needs a report; everything else can go on.
fn can_be_resumed(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::Spec | ErrorKind::Bug)
}

fn resume_command(order: &Order<'_>) -> String {
    let state = order.named.map(|folder| format!(" --state '{}'", folder.display())).unwrap_or_default();
    format!("to finish this run: ropeway resume {}{state}", order.run)
}
