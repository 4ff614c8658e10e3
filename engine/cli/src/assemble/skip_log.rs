//! Where and how skipped rows and files are written down: Data Factory's two logs, at a place that a resume finds again.

use std::{fmt::Write as _, sync::Arc, time::SystemTime};

use chrono::{DateTime, Utc};
use ropeway_engine::{
    Result, Side,
    chunk::RunId,
    registry::Registry,
    skipping::{Layout, SkipLog, SkippedRow},
};
use ropeway_specs::{LogLayout, LogLocation, Skipped};
use serde_json::{Value, json};

use super::Extras;

/// Bytes of a block of the log in a blob, to begin with: a log is small, and every slot needs memory for it.
const BLOCK_BYTES: u64 = 1 << 20;

/// The log of a Copy. It is one file, whose folder and name are made of the run's id.
///
/// # Errors
/// A place that its connector refuses.
pub(super) fn skip_log(
    (location, what): (LogLocation, Skipped),
    registry: &Registry,
    extras: &Extras,
    (activity, run): (&str, &RunId),
) -> Result<SkipLog> {
    let session = location.layout == LogLayout::Session;
    let base = location.path.trim_matches('/').to_owned();
    // Data Factory allows no slash in the name of an activity.
    let activity = activity.replace(['/', '\\'], "_");
    let folder = if session { format!("{base}/copyactivity-logs/{activity}/{run}") } else { format!("{base}/{run}") };
    let file = format!("{}.{}", guid(run), if session { "txt" } else { "csv" });
    let header = if session { "Timestamp,Level,OperationName,OperationItem,Message" } else { "" };
    let mut settings = location.settings.into_exposed();
    settings["dataset"] = json!({
        "type": "RopewayLines",
        "header": header,
        "location": place(&location.linked_service_type, &folder, &file),
    });
    settings["sink"] = json!({});
    let parallel = extras.parallel(None);
    let mut settings = extras.beside(settings, parallel, Some(run));
    settings["ropeway"]["blockBytes"] = BLOCK_BYTES.into();
    let sink = registry.connect_sink(&location.linked_service_type, settings);
    let sink = sink.map_err(|error| error.with("skipped rows go to", &location.path).on(Side::Sink))?;
    let layout: Arc<dyn Layout> = match (session, what) {
        (true, Skipped::Rows) => Arc::new(Session),
        (true, Skipped::Files) => Arc::new(SessionOfFiles),
        (false, _) => Arc::new(Redirect),
    };
    Ok(SkipLog { sink, layout, path: format!("{folder}/") })
}

/// The location of a dataset. In a storage account the first step of the folder is the container.
fn place(store: &str, folder: &str, file: &str) -> Value {
    let container = match store {
        "FileServer" => return json!({ "type": "FileServerLocation", "folderPath": folder, "fileName": file }),
        "AzureBlobFS" => "fileSystem",
        _ => "container",
    };
    let (first, folder) = folder.split_once('/').unwrap_or((folder, ""));
    json!({ "type": format!("{store}Location"), container: first, "folderPath": folder, "fileName": file })
}

/// The same for the same run, so that whoever resumes it finishes the same file.
fn guid(run: &RunId) -> String {
    let hash = blake3::hash(run.as_str().as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// The session log: `Timestamp,Level,OperationName,OperationItem,Message`.
struct Session;

impl Layout for Session {
    fn line(&self, row: &SkippedRow, at: SystemTime) -> String {
        let item = row.cells.iter().fold(String::new(), |mut item, cell| {
            item += if item.is_empty() { "" } else { " " };
            item += &cell.as_deref().map(quoted).unwrap_or_default();
            item.push(',');
            item
        });
        session_line(at, "TabularRowSkip", &item, &row.message)
    }
}

/// The same of files, each by its path.
struct SessionOfFiles;

impl Layout for SessionOfFiles {
    fn line(&self, file: &SkippedRow, at: SystemTime) -> String {
        let path = file.cells.first().and_then(Option::as_deref).unwrap_or_default();
        session_line(at, "FileSkip", path, &file.message)
    }
}

fn session_line(at: SystemTime, operation: &str, item: &str, message: &str) -> String {
    let at = DateTime::<Utc>::from(at);
    let time = format!("{}.{:07}", at.format("%Y-%m-%d %H:%M:%S"), at.timestamp_subsec_nanos() / 100);
    format!("{time},Warning,{operation},{},{}", quoted(item), quoted(message))
}

/// The older log: the values of the row, then the code and the message.
struct Redirect;

impl Layout for Redirect {
    fn line(&self, row: &SkippedRow, _: SystemTime) -> String {
        let mut line = String::new();
        for cell in &row.cells {
            let cell = cell.as_deref().unwrap_or_default();
            let plain = !cell.contains([',', '"', '\n', '\r']) && cell.trim() == cell;
            // Writing to a String cannot fail.
            let _ = if plain { write!(line, "{cell}, ") } else { write!(line, "{}, ", quoted(cell)) };
        }
        line + &quoted(row.code) + ", " + &quoted(&row.message)
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn row() -> SkippedRow {
        let cells = [Some("data1"), None, Some("a \"b\", c"), Some("two\nlines")];
        let cells = cells.map(|cell| cell.map(str::to_owned)).to_vec();
        let message = "Column 'Prop_2' contains an invalid value 'x'.".into();
        SkippedRow { cells, code: "UserErrorInvalidDataValue", message }
    }

    #[test]
    fn a_session_log_quotes_the_row_twice() {
        let at = SystemTime::UNIX_EPOCH + Duration::new(1_582_698_152, 258_658_199);
        let line = "2020-02-26 06:22:32.2586581,Warning,TabularRowSkip,\
                    \"\"\"data1\"\", , \"\"a \"\"\"\"b\"\"\"\", c\"\", \"\"two\nlines\"\",\",\
                    \"Column 'Prop_2' contains an invalid value 'x'.\"";
        assert_eq!(Session.line(&row(), at), line);
    }

    #[test]
    fn a_session_log_names_files() {
        let file = SkippedRow {
            cells: vec![Some("a/\"b\".csv".into())],
            code: "DataConsistencySourceDataChanged",
            message: "File is skipped after read 0 bytes: ErrorCode=X,'Message=it changed,Source=ropeway,'.".into(),
        };
        let line = "1970-01-01 00:00:00.0000000,Warning,FileSkip,\"a/\"\"b\"\".csv\",\
                    \"File is skipped after read 0 bytes: ErrorCode=X,'Message=it changed,Source=ropeway,'.\"";
        assert_eq!(SessionOfFiles.line(&file, SystemTime::UNIX_EPOCH), line);
    }

    #[test]
    fn the_older_log_quotes_what_needs_it() {
        let line = "data1, , \"a \"\"b\"\", c\", \"two\nlines\", \"UserErrorInvalidDataValue\", \
                    \"Column 'Prop_2' contains an invalid value 'x'.\"";
        assert_eq!(Redirect.line(&row(), SystemTime::UNIX_EPOCH), line);
    }

    #[test]
    fn a_run_has_one_name_for_its_log() {
        let run = |id: &str| RunId::try_from(id.to_owned()).expect("an id");
        assert_eq!(guid(&run("a.1")), guid(&run("a.1")));
        assert_ne!(guid(&run("a.1")), guid(&run("a.2")));
    }
}
