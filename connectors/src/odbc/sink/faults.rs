//! What a database says of rows that it does not take, without their values.

use ropeway_engine::{Error, ErrorKind, retry::RetryClass};

use super::super::{connection::Peer, raw::insert::Refused};

/// Where rows go.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    pub(super) table: String,
    pub(super) columns: Vec<String>,
}

impl Destination {
    /// Why rows were not stored.
    pub(super) fn refused(&self, peer: &Peer, refused: &Refused) -> Error {
        match refused {
            Refused::Error(error) => self.failed(peer, error),
            Refused::Row(row) => Error::new(
                ErrorKind::Data,
                "the driver says that the rows were stored, and that one of them was not; the chunk was rolled back: look \
                 at the constraints and triggers of the table",
            )
            .with("table", &self.table)
            .with("row of the batch", row + 1),
            Refused::Changed(state) => Error::new(
                ErrorKind::Data,
                "the driver says that it changed a value as it was stored; the chunk was rolled back: widen the column, or \
                 CAST it in the source's query",
            )
            .class(RetryClass::Fatal)
            .with("table", &self.table)
            .with("SQLSTATE", state),
        }
    }

    fn failed(&self, peer: &Peer, error: &odbc_api::Error) -> Error {
        let complaint = peer.complaint(error);
        let (kind, class) = complaint.class();
        if kind != ErrorKind::Data || class == RetryClass::Fatal {
            return peer.error(&format!("writing to {}", self.table), error);
        }
        // Its text may hold values of the row.
        let why = match complaint.state.as_str() {
            state if state.starts_with("22") => {
                "a value does not fit the column; widen the column, or CAST or filter the values in the source's query"
            }
            _ => {
                "a row breaks a constraint of the table: a key that is there already, a null where none may be, a check or a \
                 reference; mend the rows in the source's query, or empty the table in preCopyScript"
            }
        };
        let error = Error::new(ErrorKind::Data, why).with("table", &self.table).with("SQLSTATE", &complaint.state);
        match self.columns.iter().find(|column| names(&complaint.text, column)) {
            Some(column) => error.with("column", column.escape_debug()),
            None => error,
        }
    }
}

/// True if the text speaks of this column: quoted, or behind its table.
fn names(text: &str, column: &str) -> bool {
    let column = column.escape_debug().to_string();
    ["\"", "'", "`", "\\'", "\\\""].iter().any(|quote| text.contains(&format!("{quote}{column}{quote}")))
        || text
            .split_whitespace()
            .any(|word| word.trim_end_matches(',').rsplit_once('.').is_some_and(|(_, it)| it == column))
}
