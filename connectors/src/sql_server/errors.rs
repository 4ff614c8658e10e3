//! Errors of the session layer as errors of Ropeway: what they mean, and what to do next.

use std::{error::Error as StdError, fmt::Write as _, io, time::Duration};

use mssql_tds::error::{Error as TdsError, SqlErrorInfo};
use ropeway_engine::{Error, ErrorKind, retry::RetryClass};

use super::numbers::{meaning, meaning_of_unlisted, rank};

/// Longest text of a server that is repeated in a message.
const LONGEST_TEXT: usize = 1_024;

/// Where a failure happened, for its message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The server as the definition names it.
    pub(crate) server: &'a str,
    /// The database as the definition names it.
    pub(crate) database: &'a str,
    /// True until a session exists.
    pub(crate) connecting: bool,
    /// True if a session with this server and database existed before in this process.
    pub(crate) worked_before: bool,
}

/// The error to show for an error of the session layer.
pub(crate) fn translate(error: TdsError, place: Place<'_>) -> Error {
    let translated = match &error {
        TdsError::SqlServerError { diagnostics } => return from_server(&diagnostics.errors, place),
        TdsError::TlsError(source) => return no_tls(source, "", place),
        TdsError::TlsHandshakeError { source, cert_sans, .. } => return no_tls(source, cert_sans, place),
        TdsError::CertificateExpired | TdsError::CertificateMismatch | TdsError::NoServerCertificate => {
            return untrusted(&error.to_string(), place);
        }
        TdsError::ProtocolError(text) if text.contains("encryption but client requires") => Error::new(
            ErrorKind::Spec,
            "the server offers no encryption; enable it at the server, or set «encrypt» to «optional» in the linked \
             service if clear text is acceptable on this network",
        ),
        TdsError::Io(source) => unreachable_server(&source.to_string(), place),
        TdsError::ConnectionError(text) | TdsError::ConnectionClosed(text) => unreachable_server(text, place),
        TdsError::TimeoutError(_) if place.connecting => unreachable_server("it did not answer in time", place),
        TdsError::TimeoutError(_) => Error::new(
            ErrorKind::Unavailable,
            "the query took longer than its time-out; raise «queryTimeout» of the copy source or read less per chunk",
        )
        .class(RetryClass::Shrink)
        .code("SqlOperationFailed"),
        TdsError::OperationCancelledError(_) => Error::new(ErrorKind::Cancelled, "the read was cancelled"),
        TdsError::Security(_) => {
            Error::new(ErrorKind::Auth, "the server's way to log in is not supported").code("SqlUnauthorizedAccess")
        }
        TdsError::ConnectionResetNotAcknowledged
        | TdsError::SessionRecoveryFailed { .. }
        | TdsError::SessionNotRecoverable(_)
        | TdsError::ReconnectionValidationFailed(_) => {
            Error::new(ErrorKind::Unavailable, "the session ended; a new one is opened").class(RetryClass::Reconnect)
        }
        TdsError::ProtocolError(text) => broken_answer(text),
        TdsError::UsageError(text) if place.connecting => {
            Error::new(ErrorKind::Spec, format!("the connection settings are not possible: {}", printable(text)))
        }
        other => Error::new(ErrorKind::Bug, "the session layer failed; please report it")
            .with("error", printable(&other.to_string())),
    };
    let cause = printable(&error.to_string());
    translated.with("server", place.server).caused_by(cause)
}

/// An answer that breaks the protocol: a proxy, a cut connection or a server that is not one.
fn broken_answer(text: &str) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!(
            "the answer is not what the protocol allows: {}; check that the address is a SQL Server",
            printable(text)
        ),
    )
    .class(RetryClass::Reconnect)
    .code("SqlFailedToConnect")
}

fn unreachable_server(text: &str, place: Place<'_>) -> Error {
    let lower = text.to_lowercase();
    let advice = if lower.contains("lookup") || lower.contains("resolve") || lower.contains("name or service") {
        "the server's name cannot be resolved; check «server» in the linked service and the DNS of this machine"
    } else if lower.contains("refused") {
        "nothing listens at the server's address; check host and port, that TCP/IP is enabled, and the firewall"
    } else if place.connecting {
        "the server cannot be reached; check «server» in the linked service, the firewall and the network"
    } else {
        "the connection to the server ended; the chunk is copied again"
    };
    Error::new(ErrorKind::Unavailable, format!("{advice}: {}", printable(text)))
        .class(RetryClass::Reconnect)
        .code("SqlFailedToConnect")
}

/// TLS ended. Most often the certificate is the reason; but a line may break in a handshake as anywhere.
fn no_tls(error: &(dyn StdError + 'static), names: &str, place: Place<'_>) -> Error {
    let text = error.to_string();
    let broke = is_of_a_socket(error) || text.to_lowercase().contains("eof");
    if broke {
        return unreachable_server(&text, place).with("server", place.server);
    }
    if text.contains("certificate") {
        let names = if names.is_empty() { String::new() } else { format!("; the certificate is for {names}") };
        return untrusted(&format!("{text}{names}"), place);
    }
    let error = Error::new(
        ErrorKind::Unavailable,
        format!(
            "no encrypted connection comes about: {}; check which versions of TLS the server allows, and that nothing \
             between here and there changes the bytes",
            printable(&text)
        ),
    )
    .class(RetryClass::Reconnect)
    .code("SqlFailedToConnect")
    .with("server", place.server);
    // A server that has spoken TLS before has no other version now.
    if place.worked_before { error } else { error.at_most(3, ErrorKind::Spec, RetryClass::Permanent) }
}

/// The session layer panicked while it connected. How a line cuts an answer into pieces is chance: another time it
/// is another way, or it is a defect after all.
pub(crate) fn stumbled(place: Place<'_>) -> Error {
    Error::new(ErrorKind::Unavailable, "the session layer stumbled over the server's answer to the login")
        .class(RetryClass::Reconnect)
        .with("server", place.server)
        .at_most(3, ErrorKind::Bug, RetryClass::Fatal)
}

/// True if a socket's error is behind it.
fn is_of_a_socket(error: &(dyn StdError + 'static)) -> bool {
    error.is::<io::Error>() || error.source().is_some_and(is_of_a_socket)
}

/// The server's certificate does not prove that it is the server.
pub(crate) fn untrusted(why: &str, place: Place<'_>) -> Error {
    Error::new(
        ErrorKind::Spec,
        format!(
            "the server's certificate is not trusted: {}; give the certificate authority's file with --ca-bundle, name \
             the certificate's host in «hostNameInCertificate», or set «trustServerCertificate» to true if the network \
             itself is trusted",
            printable(why)
        ),
    )
    .code("SqlFailedToConnect")
    .with("server", place.server)
}

/// The most severe of the errors that the server sent.
fn from_server(errors: &[SqlErrorInfo], place: Place<'_>) -> Error {
    // A database that cannot be opened comes with a refused login behind it: the first is the cause.
    let severity = |error: &&SqlErrorInfo| if error.number == 4060 { 0 } else { 1 + rank(error.number) };
    let Some(worst) = errors.iter().min_by_key(severity) else {
        return Error::new(ErrorKind::Unavailable, "the server reported a failure without saying which")
            .with("server", place.server);
    };
    let meaning = meaning(worst.number, place.worked_before)
        .unwrap_or_else(|| meaning_of_unlisted(worst.number, worst.class, place.connecting));
    let kind = meaning.kind;
    let mut error = Error::new(kind, message(worst, kind, place))
        .code(symbolic_code(worst.number, kind, place))
        .with("number", worst.number)
        .with("state", worst.state)
        .with("server", place.server)
        .with("database", place.database);
    if worst.number == 40501 {
        error = error.retry_after(Duration::from_secs(10));
    } else if meaning.class == RetryClass::Reconnect && place.server.contains(".database.") {
        // Azure SQL asks for this: databases that come back are overwhelmed by who comes earlier.
        error = error.retry_after(Duration::from_secs(5));
    }
    meaning.put_on(error)
}

fn message(worst: &SqlErrorInfo, kind: ErrorKind, place: Place<'_>) -> String {
    let mut message = match worst.number {
        18456 => "the login was refused; check «userName» and «password» of the linked service".to_owned(),
        4060 if !place.worked_before => {
            "the database cannot be opened; check «database» in the linked service and that the login has a user in it"
                .to_owned()
        }
        208 => "a table or view does not exist, or the login may not see it; check schema and table".to_owned(),
        207 => "a column does not exist; check the query or the column list of the dataset".to_owned(),
        2812 => "a stored procedure does not exist; check its name in the copy source or sink".to_owned(),
        229 | 230 => {
            "a permission is missing; GRANT it (SELECT to read, INSERT to write) on the object to the login's user"
                .to_owned()
        }
        40615 => "the server's firewall refuses this address; add it at the server".to_owned(),
        1205 => "the session was chosen as a deadlock victim; the chunk is copied again".to_owned(),
        1222 => "a lock was not given in time; whoever holds it has to end its transaction".to_owned(),
        3952 | 3957 => {
            "the database allows no snapshots; ALTER DATABASE its name SET ALLOW_SNAPSHOT_ISOLATION ON, or remove \
             «isolationLevel» from the copy source"
                .to_owned()
        }
        // Our own.
        51003 => {
            return "rows of the source have the same key, so nobody can say which one stays; make «keys» of \
             «upsertSettings» unique, or remove the duplicates in the source's query"
                .to_owned();
        }
        51004 => {
            return "the table did not take every row: a trigger or a rule of it leaves rows out; nothing of the chunk \
             was kept"
                .to_owned();
        }
        // 266 is what the server itself says of the same, unless XACT_ABORT is on.
        51005 | 266 => {
            return "the stored procedure swallowed an error, or ended a transaction that it did not begin; nothing of the \
             chunk was kept: let it THROW in its CATCH, and COMMIT or ROLLBACK only what it began"
                .to_owned();
        }
        51006 => {
            return "the stored procedure committed the chunk's own transaction, so that some of its rows are in the database \
             without their row in [_cpy].[ledger]; remove that COMMIT, take those rows out, and start a new run: a resume \
             would give them to the procedure once more"
                .to_owned();
        }
        51001 => {
            return "another process took the run over, as its row in [_cpy].[run] says; leave the run to it"
                .to_owned();
        }
        // What the author of a procedure or a trigger wrote is for whoever calls it.
        50000.. => "a stored procedure or a trigger refused the rows".to_owned(),
        // Conversion errors quote the value: their text stays out.
        _ if kind == ErrorKind::Data => return format!("a value does not fit (SQL Server error {})", worst.number),
        _ => "the server refused".to_owned(),
    };
    write!(message, ": {}", printable(&worst.message)).unwrap_or_default();
    message
}

fn symbolic_code(number: u32, kind: ErrorKind, place: Place<'_>) -> &'static str {
    match kind {
        ErrorKind::Auth => "SqlUnauthorizedAccess",
        _ if place.connecting || number == 4060 => "SqlFailedToConnect",
        _ => "SqlOperationFailed",
    }
}

/// True for an error that a missing permission explains, by its number.
pub(crate) fn lacks_permission(error: &Error) -> bool {
    error.kind() == ErrorKind::Auth && error.symbolic_code() == Some("SqlUnauthorizedAccess")
}

/// SQL Server's number of an error, if it was the server's.
pub(crate) fn number(error: &Error) -> Option<u32> {
    error.context().iter().find(|(key, _)| *key == "number")?.1.parse().ok()
}

/// Text of a server as a message may show it: one line, no control characters, not endless.
pub(crate) fn printable(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place { server: "db1", database: "sales", connecting: false, worked_before: true };

    fn server_error(numbers: &[u32]) -> TdsError {
        TdsError::from_sql_errors(
            numbers
                .iter()
                .map(|number| SqlErrorInfo {
                    message: format!("text of {number}\nwith 'a secret value'"),
                    state: 1,
                    class: 16,
                    number: *number,
                    server_name: None,
                    proc_name: None,
                    line_number: None,
                })
                .collect(),
        )
    }

    #[test]
    fn the_most_severe_of_several_errors_decides() {
        assert_eq!(translate(server_error(&[1205, 229]), PLACE).kind(), ErrorKind::Auth);
        assert_eq!(translate(server_error(&[3621, 1205]), PLACE).retry_class(), RetryClass::Redo);
        assert_eq!(translate(server_error(&[40613, 40501]), PLACE).retry_class(), RetryClass::Throttled);
    }

    #[test]
    fn an_unopened_database_is_a_wrong_name_if_it_never_worked_and_stays_away() {
        let first = Place { worked_before: false, connecting: true, ..PLACE };
        for numbers in [&[4060][..], &[4060, 18456]] {
            let error = translate(server_error(numbers), first);
            assert_eq!((error.retry_class(), error.attempts_allowed()), (RetryClass::Reconnect, Some(3)));
            assert!(error.to_string().contains("check «database»"), "{error}");
            assert_eq!(error.after(3).kind(), ErrorKind::Spec);
        }
        let later = translate(server_error(&[4060]), PLACE);
        assert_eq!((later.retry_class(), later.attempts_allowed()), (RetryClass::Reconnect, None));
    }

    #[test]
    fn azure_gets_time_to_bring_a_database_back() {
        let azure = Place { server: "shop.database.windows.net,1433", ..PLACE };
        let pause = |number, place| translate(server_error(&[number]), place).pause_asked();
        assert_eq!(pause(40613, azure), Some(Duration::from_secs(5)));
        assert_eq!((pause(40613, PLACE), pause(1205, azure)), (None, None));
        assert_eq!(pause(40501, azure), Some(Duration::from_secs(10)));
    }

    #[test]
    fn values_of_rows_stay_out_of_messages() {
        assert!(!translate(server_error(&[245]), PLACE).to_string().contains("secret"));
        assert!(translate(server_error(&[208]), PLACE).to_string().contains("text of 208"));
    }

    #[test]
    fn a_missing_encryption_is_never_tried_again() {
        let error = TdsError::ProtocolError("Server does not support encryption but client requires it".into());
        assert_eq!(translate(error, PLACE).kind(), ErrorKind::Spec);
    }

    #[test]
    fn only_a_certificate_that_is_not_trusted_ends_at_once() {
        let words = |text: &str| Box::<dyn StdError>::from(text.to_owned());
        let refused = words("error:0A000086:SSL routines::certificate verify failed (self-signed certificate)");
        let error = no_tls(&*refused, "shop, [2001:db8::1]", PLACE);
        assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("is for shop"), "{error}");

        for broken in [io::Error::from(io::ErrorKind::ConnectionReset).into(), words("unexpected EOF")] {
            let error = no_tls(&*broken, "(unavailable: no certificate came)", PLACE);
            assert_eq!(error.retry_class(), RetryClass::Reconnect, "{error}");
            assert_eq!(error.attempts_allowed(), None);
        }
        let odd = words("error:0A00010B:SSL routines::wrong version number");
        let first = no_tls(&*odd, "", Place { worked_before: false, connecting: true, ..PLACE });
        assert_eq!((first.retry_class(), first.attempts_allowed()), (RetryClass::Reconnect, Some(3)), "{first}");
        assert_eq!(first.after(3).kind(), ErrorKind::Spec);
        assert_eq!(no_tls(&*odd, "", PLACE).attempts_allowed(), None);
    }

    #[test]
    fn a_lost_connection_is_tried_again() {
        let error = TdsError::Io(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        assert_eq!(translate(error, PLACE).retry_class(), RetryClass::Reconnect);
    }
}
