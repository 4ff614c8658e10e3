//! The commands. Each gives the exit code of what it found, or the error that stopped it.

mod demo;
mod import;
mod plan;
mod preview;
mod resume;
mod run;
mod runs;
mod test_connection;
mod validate;

use indicatif::MultiProgress;
use ropeway_engine::{Error, ErrorKind, Result};

use crate::args::{Command, LogFormat};

/// What surrounds every command.
pub(crate) struct Console {
    /// The progress bars, above which everything else is written.
    pub(crate) bars: MultiProgress,
    /// How errors are written.
    pub(crate) format: LogFormat,
}

/// Performs the command.
pub(crate) fn perform(command: Command, console: &Console) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Error::new(ErrorKind::Unavailable, "the system has no threads left for a run").caused_by(error)
    })?;
    let code = runtime.block_on(async {
        match command {
            Command::Run(args) => run::perform(args, console).await,
            Command::Plan(args) => plan::perform(args).await,
            Command::Validate(args) => validate::perform(&args),
            Command::Import(args) => import::perform(&args),
            Command::Resume(args) => resume::perform(args, console).await,
            Command::Runs(args) => runs::perform(&args),
            Command::TestConnection(args) => test_connection::perform(args).await,
            Command::Preview(args) => preview::perform(args).await,
            Command::Demo(args) => demo::perform(args, console).await,
        }
    });
    // A driver that blocks does not keep the process.
    runtime.shutdown_background();
    code
}
