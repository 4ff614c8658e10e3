//! What an error of a driver means: its SQLSTATE decides, and what to do next is said.

use odbc_api::handles::Record;
use ropeway_engine::{Error, ErrorKind, retry::RetryClass};

use super::drivers::Driver;
use crate::sql_server::{Meaning, meaning};

/// Kind and class of each SQLSTATE; the longest prefix that matches decides. These are the rules for
/// reading: nothing was written, so that whatever is unknown may be tried again.
const STATES: &[(&str, ErrorKind, RetryClass)] = {
    use ErrorKind::{Auth, Bug, Data, Spec, Unavailable};
    use RetryClass::{Fatal, Permanent, Reconnect, Redo, Shrink, Throttled, Transient, Unknown};
    &[
        // A value was cut off, and the driver calls that a success.
        ("01004", Data, Fatal),
        ("01S07", Data, Fatal),
        ("07", Spec, Permanent),
        ("08", Unavailable, Reconnect),
        ("08007", Unavailable, Unknown),
        ("21", Spec, Permanent),
        ("22", Data, Permanent),
        ("23", Data, Permanent),
        ("24", Bug, Fatal),
        ("25", Bug, Fatal),
        // Not our order of calls: the server ended a transaction that was idle for too long.
        ("25P03", Unavailable, Reconnect),
        // A database that is only read.
        ("25006", Auth, Permanent),
        ("28", Auth, Permanent),
        ("3D", Spec, Permanent),
        ("3F", Spec, Permanent),
        ("40", Unavailable, Redo),
        ("40002", Data, Permanent),
        ("40003", Unavailable, Reconnect),
        ("42", Spec, Permanent),
        ("42501", Auth, Permanent),
        ("53", Unavailable, Throttled),
        ("54", Spec, Permanent),
        ("55", Unavailable, Shrink),
        ("57014", Unavailable, Shrink),
        ("57P", Unavailable, Reconnect),
        ("58", Unavailable, Transient),
        ("HY", Unavailable, Transient),
        ("HY004", Spec, Permanent),
        ("HY010", Bug, Fatal),
        ("HY09", Spec, Permanent),
        ("HY10", Spec, Permanent),
        ("HYC00", Spec, Permanent),
        ("HYT00", Unavailable, Shrink),
        ("HYT01", Unavailable, Reconnect),
        ("IM", Spec, Permanent),
        ("S0", Spec, Permanent),
        ("XX", Unavailable, Transient),
        ("XX001", Data, Fatal),
        ("XX002", Data, Fatal),
    ]
};

/// Numbers that FreeTDS gives its own errors.
const OWN: std::ops::Range<u32> = 20_000..21_000;

/// A state that says no more than that something failed is worth so many attempts.
const VAGUE_ATTEMPTS: u32 = 3;

/// What drivers say under a SQLSTATE that means something else, in lower case.
const PHRASES: &[(&str, ErrorKind, RetryClass)] = &[
    ("authentication failed", ErrorKind::Auth, RetryClass::Permanent),
    ("no password supplied", ErrorKind::Auth, RetryClass::Permanent),
    ("access denied", ErrorKind::Auth, RetryClass::Permanent),
    ("login failed", ErrorKind::Auth, RetryClass::Permanent),
    ("no pg_hba.conf entry", ErrorKind::Auth, RetryClass::Permanent),
    ("permission denied", ErrorKind::Auth, RetryClass::Permanent),
    ("command denied", ErrorKind::Auth, RetryClass::Permanent),
    ("unknown database", ErrorKind::Spec, RetryClass::Permanent),
    ("\" does not exist", ErrorKind::Spec, RetryClass::Permanent),
    ("no such table", ErrorKind::Spec, RetryClass::Permanent),
    ("no such column", ErrorKind::Spec, RetryClass::Permanent),
    ("doesn't exist", ErrorKind::Spec, RetryClass::Permanent),
    ("syntax error", ErrorKind::Spec, RetryClass::Permanent),
    ("error in your sql syntax", ErrorKind::Spec, RetryClass::Permanent),
    ("certificate verify failed", ErrorKind::Spec, RetryClass::Permanent),
    ("server has gone away", ErrorKind::Unavailable, RetryClass::Reconnect),
    ("lost connection", ErrorKind::Unavailable, RetryClass::Reconnect),
    ("server closed the connection", ErrorKind::Unavailable, RetryClass::Reconnect),
    ("terminating connection", ErrorKind::Unavailable, RetryClass::Reconnect),
    ("no connection to the server", ErrorKind::Unavailable, RetryClass::Reconnect),
    ("database is locked", ErrorKind::Unavailable, RetryClass::Shrink),
    ("lock wait timeout", ErrorKind::Unavailable, RetryClass::Shrink),
    ("constraint failed", ErrorKind::Data, RetryClass::Permanent),
    ("readonly database", ErrorKind::Auth, RetryClass::Permanent),
    ("read-only", ErrorKind::Auth, RetryClass::Permanent),
    ("disk is full", ErrorKind::Unavailable, RetryClass::Space),
];

/// What a driver said, without secrets.
#[derive(Debug)]
pub(crate) struct Complaint {
    pub(crate) state: String,
    pub(crate) text: String,
    /// SQL Server's number: it says more than the state.
    pub(crate) number: Option<u32>,
}

impl Complaint {
    /// Takes the diagnostic record out of an error and hides the secrets in its text.
    pub(crate) fn of(error: &odbc_api::Error, driver: &Driver, secrets: &[String]) -> Self {
        let (state, text, native) = match record(error) {
            Some(record) => (record.state.as_str().to_owned(), text_of(record), record.native_error),
            None => ("HY000".to_owned(), error.to_string(), 0),
        };
        let number = u32::try_from(native).ok().filter(|number| driver.numbers_of_sql_server && !OWN.contains(number));
        let text = secrets.iter().fold(text, |text, secret| text.replace(secret.as_str(), "***"));
        Self { state, text: text.split_whitespace().collect::<Vec<_>>().join(" ").escape_debug().to_string(), number }
    }

    /// Kind and class of this complaint about a statement that ends a transaction: what may have been
    /// committed is unknown, and never tried again before the target was asked.
    pub(crate) fn class_at_commit(&self) -> (ErrorKind, RetryClass) {
        match self.class() {
            (kind, RetryClass::Reconnect) => (kind, RetryClass::Unknown),
            (kind, _) if self.state == "HYT00" => (kind, RetryClass::Unknown),
            known => known,
        }
    }

    /// Kind and class of this complaint about a statement that reads.
    pub(crate) fn class(&self) -> (ErrorKind, RetryClass) {
        if let Some(meaning) = self.meaning() {
            return (meaning.kind, meaning.class);
        }
        let lower = self.text.to_lowercase();
        PHRASES
            .iter()
            .find(|(phrase, ..)| lower.contains(phrase))
            .or_else(|| {
                let matching = STATES.iter().filter(|(prefix, ..)| self.state.starts_with(prefix));
                matching.max_by_key(|(prefix, ..)| prefix.len())
            })
            .map_or((ErrorKind::Unavailable, RetryClass::Transient), |&(_, kind, class)| (kind, class))
    }

    /// The error for the engine; `doing` is what failed, `reading dbo.orders`.
    pub(crate) fn into_error(self, doing: &str) -> Error {
        let ((kind, class), meaning) = (self.class(), self.meaning());
        let next = match kind {
            ErrorKind::Spec => "correct the definition",
            ErrorKind::Auth => "correct userName and password, or grant the right",
            ErrorKind::Data => "look at the column that the statement computes",
            ErrorKind::Unavailable => "it is tried again; if it stays, look at the server",
            ErrorKind::Cancelled | ErrorKind::Bug => "please report it",
            _ => "look at the server",
        };
        // The text of class 22 repeats the value that did not fit, which may be anything.
        let text = if self.state.starts_with("22") { "a value does not fit" } else { self.text.as_str() };
        let error =
            Error::new(kind, format!("{doing} failed: {text}; {next}")).class(class).with("SQLSTATE", &self.state);
        match meaning {
            Some(meaning) => meaning.put_on(error),
            None if class == RetryClass::Transient => error.at_most(VAGUE_ATTEMPTS, kind, RetryClass::Permanent),
            None => error,
        }
    }

    fn meaning(&self) -> Option<Meaning> {
        meaning(self.number?, true)
    }
}

fn record(error: &odbc_api::Error) -> Option<&Record> {
    use odbc_api::Error as E;
    match error {
        E::Diagnostics { record, .. } | E::InvalidRowArraySize { record, .. } => Some(record),
        E::UnsupportedOdbcApiVersion(record)
        | E::UnableToRepresentNull(record)
        | E::OracleOdbcDriverDoesNotSupport64Bit(record) => Some(record),
        _ => None,
    }
}

fn text_of(record: &Record) -> String {
    // The record's own text is UTF-8 or UTF-16 by platform; only its Display decodes both.
    let all = record.to_string();
    all.split_once("Message: ").map_or(all.clone(), |(_, message)| message.to_owned())
}

#[cfg(test)]
mod tests;
