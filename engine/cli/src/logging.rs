//! Logs go to standard error, one event per line, above the progress bars.

use std::io::{self, Write};

use indicatif::MultiProgress;
use tracing_subscriber::{EnvFilter, fmt, fmt::MakeWriter};

use crate::{
    args::{LogFormat, LogLevel},
    terminal::Safe,
};

/// Starts logging; the bars step aside for each line.
pub(crate) fn start(level: LogLevel, format: LogFormat, bars: MultiProgress) {
    // Libraries below ours speak only when something is wrong, or when everything is asked for. The two drivers log every
    // error that they return, and a person should read it once, with what to do about it.
    let below = if level == LogLevel::Trace { "trace" } else { "warn,mssql_tds=off,odbc_api=off" };
    let directives = format!("{below},ropeway={0},ropeway_engine={0},ropeway_connectors={0}", level.name());
    let lines = fmt()
        .with_env_filter(EnvFilter::new(directives))
        .with_ansi(false)
        .with_target(false)
        .with_writer(Lines { bars });
    match format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
}

/// Writes log lines to standard error, control characters escaped.
#[derive(Clone)]
struct Lines {
    bars: MultiProgress,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Lines {
    /// The subscriber hands over one whole event at a time.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = format!("{}\n", Safe(text.trim_end_matches('\n')));
        self.bars.suspend(|| io::stderr().lock().write_all(line.as_bytes()))?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
