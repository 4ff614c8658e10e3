//! `ropeway import`: definitions of any dialect as files of Data Factory's Git layout.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use ropeway_engine::{Error, ErrorKind, Result};
use ropeway_specs::{Import, Severity};
use serde_json::json;

use super::validate::{counted, document};
use crate::{
    args::{ImportArgs, OutputShape},
    exit_code, request,
    terminal::{self, Safe},
};

/// Writes every definition that version 2 can hold; exit code 2 says that some could not be written.
pub(crate) fn perform(args: &ImportArgs) -> Result<u8> {
    if !args.source.exists() {
        return request::existing("path", &args.source).map(|_| exit_code::SUCCEEDED);
    }
    let import = ropeway_specs::import(&args.source);
    let taken: Vec<PathBuf> =
        import.files.iter().map(|(file, _)| args.out.join(file)).filter(|file| file.exists()).collect();
    if let Some(file) = taken.first() {
        let message = format!(
            "{} of the files to write are there already, and nothing was written; name an empty folder",
            taken.len()
        );
        return Err(Error::new(ErrorKind::Spec, message).with("file", file.display()));
    }
    for (file, definition) in &import.files {
        write(&args.out.join(file), &format!("{definition:#}\n"))?;
    }
    let errors = import.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    terminal::result(&match args.output.output {
        OutputShape::Text => text(&import, &args.out, errors),
        OutputShape::Json => format!(
            "{:#}\n",
            json!({
                "out": args.out,
                "files": import.files.iter().map(|(file, _)| file).collect::<Vec<_>>(),
                "diagnostics": import.diagnostics.iter().map(document).collect::<Vec<_>>(),
            })
        ),
    })?;
    Ok(if errors == 0 { exit_code::SUCCEEDED } else { exit_code::of(ErrorKind::Spec) })
}

fn text(import: &Import, out: &Path, errors: usize) -> String {
    let lines: String = import.diagnostics.iter().map(|diagnostic| format!("{}\n", Safe(diagnostic))).collect();
    let files: String = import.files.iter().map(|(file, _)| format!("{}\n", Safe(out.join(file).display()))).collect();
    format!("{lines}{files}{} files written, {}\n", import.files.len(), counted(import.diagnostics.len(), errors))
}

/// A new file: a linked service may hold a secret, so nobody else reads it.
fn write(file: &Path, text: &str) -> Result<()> {
    let wrong = |error: std::io::Error| {
        Error::new(ErrorKind::Spec, format!("the file cannot be written: {error}")).with("file", file.display())
    };
    if let Some(folder) = file.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(wrong)?;
    }
    let mut opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(wrong)?;
    opened.write_all(text.as_bytes()).map_err(wrong)
}
