//! What ends a session: a client that breaks the protocol, or a connection that broke.

use std::fmt;

/// The client sent what MS-TDS forbids. SQL Server closes such a connection; the stand-in also records why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation(String);

impl Violation {
    pub(super) fn new(what: impl Into<String>) -> Violation {
        Violation(what.into())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a session is over.
#[derive(Debug)]
pub(super) enum Over {
    /// The client closed, the network broke, or a fault closed the connection on purpose.
    Gone,
    /// A fault resets the connection.
    Reset,
    /// The client broke the protocol.
    Violation(Violation),
}

impl From<Violation> for Over {
    fn from(violation: Violation) -> Over {
        Over::Violation(violation)
    }
}

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Over {
        Over::Gone
    }
}
