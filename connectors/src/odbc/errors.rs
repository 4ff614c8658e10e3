//! What an error of a driver means: its SQLSTATE decides, and what to do next is said.

use odbc_api::handles::Record;
use ropeway_engine::{Error, ErrorKind, retry::RetryClass};

/// Kind and class of each SQLSTATE; the longest prefix that matches decides. These are the rules for
/// reading: nothing was written, so that whatever is unknown may be tried again.
const STATES: &[(&str, ErrorKind, RetryClass)] = {
    use ErrorKind::{Auth, Bug, Data, Spec, Unavailable};
    use RetryClass::{Permanent, Reconnect, Redo, Shrink, Throttled, Transient};
    &[
        ("01004", Data, Permanent),
        ("01S07", Data, Permanent),
        ("07", Spec, Permanent),
        ("08", Unavailable, Reconnect),
        ("21", Spec, Permanent),
        ("22", Data, Permanent),
        ("23", Data, Permanent),
        ("24", Bug, Permanent),
        ("25", Bug, Permanent),
        ("25P03", Unavailable, Reconnect),
        ("28", Auth, Permanent),
        ("3D", Spec, Permanent),
        ("3F", Spec, Permanent),
        ("40", Unavailable, Redo),
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
        ("HY010", Bug, Permanent),
        ("HY09", Spec, Permanent),
        ("HY10", Spec, Permanent),
        ("HYC00", Spec, Permanent),
        ("HYT00", Unavailable, Shrink),
        ("HYT01", Unavailable, Reconnect),
        ("IM", Spec, Permanent),
        ("S0", Spec, Permanent),
        ("XX", Unavailable, Transient),
        ("XX001", Data, Permanent),
        ("XX002", Data, Permanent),
    ]
};

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
];

/// What a driver said, without secrets.
#[derive(Debug)]
pub(crate) struct Complaint {
    pub(crate) state: String,
    pub(crate) text: String,
}

impl Complaint {
    /// Takes the diagnostic record out of an error and hides the secrets in its text.
    pub(crate) fn of(error: &odbc_api::Error, secrets: &[String]) -> Self {
        let (state, text) = match record(error) {
            Some(record) => (record.state.as_str().to_owned(), text_of(record)),
            None => ("HY000".to_owned(), error.to_string()),
        };
        let text = secrets.iter().fold(text, |text, secret| text.replace(secret.as_str(), "***"));
        Self { state, text: text.split_whitespace().collect::<Vec<_>>().join(" ").escape_debug().to_string() }
    }

    /// Kind and class of this complaint.
    pub(crate) fn class(&self) -> (ErrorKind, RetryClass) {
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
        let (kind, class) = self.class();
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
        Error::new(kind, format!("{doing} failed: {text}; {next}")).class(class).with("SQLSTATE", &self.state)
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
mod tests {
    use super::*;

    fn class(state: &str, text: &str) -> (ErrorKind, RetryClass) {
        Complaint { state: state.to_owned(), text: text.to_owned() }.class()
    }

    #[test]
    fn sqlstates_are_classified() {
        use ErrorKind::{Auth, Bug, Data, Spec, Unavailable};
        for (state, kind, retry) in [
            ("08S01", Unavailable, RetryClass::Reconnect),
            ("08001", Unavailable, RetryClass::Reconnect),
            ("08007", Unavailable, RetryClass::Reconnect),
            ("57P01", Unavailable, RetryClass::Reconnect),
            ("40003", Unavailable, RetryClass::Reconnect),
            ("HYT01", Unavailable, RetryClass::Reconnect),
            ("40001", Unavailable, RetryClass::Redo),
            ("40P01", Unavailable, RetryClass::Redo),
            ("HYT00", Unavailable, RetryClass::Shrink),
            ("55P03", Unavailable, RetryClass::Shrink),
            ("57014", Unavailable, RetryClass::Shrink),
            ("53300", Unavailable, RetryClass::Throttled),
            ("HY000", Unavailable, RetryClass::Transient),
            ("XX000", Unavailable, RetryClass::Transient),
            ("XX001", Data, RetryClass::Permanent),
            ("22018", Data, RetryClass::Permanent),
            ("01004", Data, RetryClass::Permanent),
            ("42S02", Spec, RetryClass::Permanent),
            ("42501", Auth, RetryClass::Permanent),
            ("28P01", Auth, RetryClass::Permanent),
            ("28000", Auth, RetryClass::Permanent),
            ("IM002", Spec, RetryClass::Permanent),
            ("HYC00", Spec, RetryClass::Permanent),
            ("HY090", Spec, RetryClass::Permanent),
            ("HY010", Bug, RetryClass::Permanent),
            ("24000", Bug, RetryClass::Permanent),
            ("ZZZZZ", Unavailable, RetryClass::Transient),
        ] {
            assert_eq!(class(state, "anything"), (kind, retry), "{state}");
        }
    }

    #[test]
    fn what_drivers_say_wins_over_their_state() {
        let refused = class("08001", "FATAL: password authentication failed for user \"u\"");
        assert_eq!(refused, (ErrorKind::Auth, RetryClass::Permanent));
        let gone = class("HY000", "MySQL server has gone away");
        assert_eq!(gone, (ErrorKind::Unavailable, RetryClass::Reconnect));
    }

    #[test]
    fn no_value_of_a_row_is_repeated() {
        let complaint = Complaint { state: "22P02".to_owned(), text: "invalid input: \"4111 1111\"".to_owned() };
        let error = complaint.into_error("reading t");
        assert_eq!(error.kind(), ErrorKind::Data);
        assert!(!error.to_string().contains("4111"), "{error}");
    }
}
