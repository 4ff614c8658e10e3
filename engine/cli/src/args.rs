//! The command line as it was typed. [`crate::request`] turns it into what a run needs.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{byte_size, exit_code, metrics};

const EXAMPLES: &str = "\
Examples:
  ropeway demo                                          copies generated rows, no set-up needed
  ropeway validate orders/                              checks every definition of a factory
  ropeway import ARMTemplateForFactory.json --out orders/   writes an export as files
  ropeway plan orders/pipeline/CopyOrders.json          shows what a run would do; writes nothing
  ropeway run orders/pipeline/CopyOrders.json -p day=2026-11-22 --secrets secrets.toml
  ropeway resume 01990a3c-6f2e-7c51-9d0f-2f6f4c0e1a77   finishes an interrupted run";

/// Runs Azure Data Factory's copy pipelines anywhere.
#[derive(Debug, Parser)]
#[command(name = "ropeway", version, after_help = format!("{EXAMPLES}\n\n{}", exit_code::HELP), max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How to log.
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run every activity of a pipeline in dependency order
    Run(RunArgs),
    /// Show what a run would do: statements, chunks, columns, guarantee, memory; writes nothing
    Plan(PlanArgs),
    /// Check definitions without any connection
    Validate(ValidateArgs),
    /// Write a template, or definitions of version 1, as the files of a factory in Git
    Import(ImportArgs),
    /// Finish an interrupted run
    Resume(ResumeArgs),
    /// List runs, or show one run's chunks, attempts, errors and report
    Runs(RunsArgs),
    /// Try a linked service step by step: DNS, TCP, TLS, login, permission
    TestConnection(TestConnectionArgs),
    /// Show a dataset's columns and its first rows
    Preview(PreviewArgs),
    /// Copy generated rows to a Parquet file and prove the copy; needs no set-up
    Demo(DemoArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The pipeline's JSON file; its datasets and linked services are found in the folders dataset/
    /// and linkedService/ beside the folder that holds it. Or a template with one pipeline; or, with
    /// --factory, a pipeline's name
    #[arg(value_name = "PIPELINE.json")]
    pub(crate) pipeline: PathBuf,
    /// The id of the run; running an id that succeeded is a no-op [default: a new one]
    #[arg(long, value_name = "ID")]
    pub(crate) run_id: Option<String>,
    #[command(flatten)]
    pub(crate) definition: DefinitionArgs,
    #[command(flatten)]
    pub(crate) copy: CopyArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The pipeline's JSON file
    #[arg(value_name = "PIPELINE.json")]
    pub(crate) pipeline: PathBuf,
    /// The id that the run would have: its expressions see it, and a run of this id that was begun is told of
    #[arg(long, value_name = "ID")]
    pub(crate) run_id: Option<String>,
    #[command(flatten)]
    pub(crate) definition: DefinitionArgs,
    #[command(flatten)]
    pub(crate) copy: CopyArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// Definition files or folders of them
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Treat warnings as errors
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// A template of the resource manager, a definition file, or a folder of them, in any dialect
    #[arg(value_name = "ARM_OR_V1")]
    pub(crate) source: PathBuf,
    /// The folder to write pipeline/, dataset/ and linkedService/ into; no file in it is replaced
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The run, as `ropeway runs` lists it
    #[arg(value_name = "RUN_ID")]
    pub(crate) run_id: String,
    /// Take the run from a process that still holds it and can neither go on nor be ended: one that
    /// is stopped, or that hangs on a dead disk; should it go on after all, it fails
    #[arg(long)]
    pub(crate) take_over: bool,
    #[command(flatten)]
    pub(crate) definition: DefinitionArgs,
    #[command(flatten)]
    pub(crate) copy: CopyArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// One run in full [default: a list of all]
    #[arg(value_name = "RUN_ID")]
    pub(crate) run_id: Option<String>,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TestConnectionArgs {
    /// A pipeline's JSON file (tries all its linked services) or a factory folder
    #[arg(value_name = "PIPELINE.json|FACTORY")]
    pub(crate) definitions: PathBuf,
    /// The linked service to try; needed with a factory folder
    #[arg(value_name = "LINKED_SERVICE")]
    pub(crate) linked_service: Option<String>,
    /// The blob container to try to write to [default: that of the pipeline's dataset, or of the SAS]
    #[arg(long, value_name = "NAME")]
    pub(crate) container: Option<String>,
    #[command(flatten)]
    pub(crate) definition: DefinitionArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PreviewArgs {
    /// The factory folder: it holds dataset/ and linkedService/
    #[arg(value_name = "FACTORY")]
    pub(crate) factory: PathBuf,
    /// The dataset's name
    #[arg(value_name = "DATASET")]
    pub(crate) dataset: String,
    /// How many rows to show
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) rows: usize,
    /// A parameter of the dataset: JSON, or a bare string; repeatable
    #[arg(short = 'p', long = "parameter", value_name = "NAME=VALUE")]
    pub(crate) parameters: Vec<String>,
    /// Secrets by linked service and property, JSON or TOML
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Rows to copy, about: tables are generated in steps
    #[arg(long, value_name = "N", default_value_t = 600_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rows: u64,
    #[command(flatten)]
    pub(crate) copy: CopyArgs,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

/// Which definitions, and what fills them in.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct DefinitionArgs {
    /// The folder that holds dataset/ and linkedService/, or a template of the resource manager
    /// [default: found from the pipeline file]
    #[arg(long, value_name = "DIR|TEMPLATE.json")]
    pub(crate) factory: Option<PathBuf>,
    /// A pipeline parameter: JSON, or a bare string; repeatable
    #[arg(short = 'p', long = "parameter", value_name = "NAME=VALUE")]
    pub(crate) parameters: Vec<String>,
    /// Secrets by linked service and property, JSON or TOML; ROPEWAY_SECRET__SERVICE__PROPERTY in
    /// the environment does the same
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets: Option<PathBuf>,
}

/// How a copy works.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct CopyArgs {
    /// Memory for rows in flight: 512MiB, 2GB or bytes [default: 1GiB]
    #[arg(long, value_name = "SIZE", value_parser = byte_size::parse)]
    pub(crate) memory: Option<u64>,
    /// Chunks copied at once [default: the activity's parallelCopies, else twice the cores, at most 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) parallel: Option<u32>,
    /// How many seconds a chunk is read before slots that have nothing to do may share what is left of
    /// it, where its source can be divided [default: 5]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) divide_after: Option<u32>,
    /// Whether a column may lose something in the sink's type [default: forbid]
    #[arg(long, value_name = "WHETHER")]
    pub(crate) lossy: Option<Lossy>,
    /// Treat warnings as errors
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
}

/// What Data Factory has no property for.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SettingArgs {
    /// What a definition cannot say, where there is a choice; repeatable; the default comes first.
    /// How SQL Server's types are written: source.dateTime2=nanoseconds|microseconds,
    /// source.dateTimeOffset=text|utcAndOffset, source.uniqueidentifier=text|binary. Whether all
    /// chunks of PostgreSQL over ODBC show one state: source.isolationLevel=Unspecified|Snapshot. When rows
    /// appear in a table of SQL Server: sink.commit=perChunk|wholeRun
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
}

/// How stores are reached.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ConnectionArgs {
    /// More certificate authorities to trust, in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_bundle: Option<PathBuf>,
    /// The proxy for HTTPS [default: HTTPS_PROXY and NO_PROXY of the environment]
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,
    /// A host that the WebActivities of a pipeline may call, or a Key Vault that may be asked for
    /// secrets: HOST, HOST:PORT or *.DOMAIN; repeatable
    #[arg(long, value_name = "HOST")]
    pub(crate) allow_host: Vec<String>,
}

/// Where runs are remembered.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct StateArgs {
    /// Where runs are remembered [default: $XDG_STATE_HOME/ropeway or ~/.local/state/ropeway]
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

/// What standard output carries.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct OutputArgs {
    /// The shape of the result on standard output
    #[arg(long, value_name = "SHAPE", default_value = "text")]
    pub(crate) output: OutputShape,
}

/// How a run is watched.
#[derive(Clone, Debug, Args)]
pub(crate) struct WatchArgs {
    /// Progress on standard error; auto is a bar on a terminal and lines elsewhere
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub(crate) progress: ProgressStyle,
    /// Serve the counters to Prometheus under /metrics; a port alone listens on loopback
    #[arg(long, value_name = "ADDR", value_parser = metrics::parse)]
    pub(crate) metrics_listen: Option<SocketAddr>,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct LogArgs {
    /// What is logged on standard error
    #[arg(long, global = true, value_name = "LEVEL", default_value = "warn")]
    pub(crate) log_level: LogLevel,
    /// The shape of log lines and of errors
    #[arg(long, global = true, value_name = "SHAPE", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lossy {
    Forbid,
    Allow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputShape {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressStyle {
    Auto,
    Bar,
    Lines,
    Json,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// As the filter of the log writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_names_every_setting() {
        let mut command = Cli::command();
        let run = command.find_subcommand_mut("run").expect("a command");
        let help = run.render_help().to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        for shown in crate::settings::listed(&ropeway_connectors::registry()) {
            assert!(help.contains(&shown), "{shown} is missing in:\n{help}");
        }
    }
}
