//! `ropeway`: runs Data Factory copy pipelines anywhere.

mod activities;
mod args;
mod assemble;
mod byte_size;
mod cancel;
mod commands;
mod definitions;
mod event_log;
mod exit_code;
mod failure;
mod key_vault;
mod logging;
mod metrics;
mod peak_memory;
mod pipeline_run;
mod progress;
mod report;
mod request;
mod settings;
mod state;
mod table;
mod terminal;

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use commands::Console;
use indicatif::MultiProgress;

/// Chunks are allocated and freed by many threads: mimalloc keeps the resident memory small there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long drivers may take to close their connections in the end.
const DRIVERS_CLOSE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    let console = Console { bars: MultiProgress::new(), format: cli.log.log_format };
    logging::start(cli.log.log_level, cli.log.log_format, console.bars.clone());
    let code = commands::perform(cli.command, &console).unwrap_or_else(|error| failure::print(&error, console.format));
    if !ropeway_engine::blocking::join_all(DRIVERS_CLOSE) {
        tracing::warn!("a driver is still busy with a connection that nobody needs any more");
    }
    ExitCode::from(code)
}
