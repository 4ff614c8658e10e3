//! The error tokens of SQL Server, with its numbers, classes, states and words (`sys.messages`, English).

use std::fmt;

const NOT_TAUGHT: &str = "The SQL Server stand-in has not been taught: ";

/// One error (or, below class 11, one information message) as the server sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlError {
    /// Message number, such as 208.
    pub number: i32,
    /// State: tells apart the places that raise the same number.
    pub state: u8,
    /// Severity.
    pub class: u8,
    /// Text, English.
    pub message: String,
}

impl SqlError {
    /// An error of the given number, severity and text with state 1.
    pub fn new(number: i32, class: u8, message: impl Into<String>) -> SqlError {
        SqlError { number, state: 1, class, message: message.into() }
    }

    pub(super) fn state(mut self, state: u8) -> SqlError {
        self.state = state;
        self
    }

    pub(super) fn syntax(near: &str) -> SqlError {
        SqlError::new(102, 15, format!("Incorrect syntax near '{near}'."))
    }

    pub(super) fn syntax_keyword(near: &str) -> SqlError {
        SqlError::new(156, 15, format!("Incorrect syntax near the keyword '{near}'."))
    }

    pub(super) fn unclosed_quote(text: &str) -> SqlError {
        SqlError::new(105, 15, format!("Unclosed quotation mark after the character string '{text}'."))
    }

    pub(super) fn undeclared_variable(name: &str) -> SqlError {
        SqlError::new(137, 15, format!("Must declare the scalar variable \"{name}\".")).state(2)
    }

    pub(super) fn invalid_column(name: &str) -> SqlError {
        SqlError::new(207, 16, format!("Invalid column name '{name}'."))
    }

    pub(super) fn invalid_object(name: &str) -> SqlError {
        SqlError::new(208, 16, format!("Invalid object name '{name}'."))
    }

    pub(super) fn ambiguous_column(name: &str) -> SqlError {
        SqlError::new(209, 16, format!("Ambiguous column name '{name}'."))
    }

    pub(super) fn unbound(name: &str) -> SqlError {
        SqlError::new(4104, 16, format!("The multi-part identifier \"{name}\" could not be bound."))
    }

    pub(super) fn unknown_function(name: &str) -> SqlError {
        SqlError::new(195, 15, format!("'{name}' is not a recognized built-in function name.")).state(10)
    }

    pub(super) fn overflow_to(target: &str) -> SqlError {
        SqlError::new(8115, 16, format!("Arithmetic overflow error converting expression to data type {target}."))
            .state(2)
    }

    pub(super) fn conversion(value: &str, from: &str, to: &str) -> SqlError {
        SqlError::new(
            245,
            16,
            format!("Conversion failed when converting the {from} value '{value}' to data type {to}."),
        )
    }

    pub(super) fn operand_clash(from: &str, to: &str) -> SqlError {
        SqlError::new(206, 16, format!("Operand type clash: {from} is incompatible with {to}")).state(2)
    }

    pub(super) fn computed(name: &str) -> SqlError {
        SqlError::new(
            271,
            16,
            format!(
                "The column \"{name}\" cannot be modified because it is either a computed column or is the result of a UNION operator."
            ),
        )
    }

    pub(super) fn lock_timeout() -> SqlError {
        SqlError::new(1222, 16, "Lock request time out period exceeded.").state(51)
    }

    pub(super) fn uncommittable() -> SqlError {
        SqlError::new(
            3930,
            16,
            "The current transaction cannot be committed and cannot support operations that write to the log file. Roll back the transaction.",
        )
    }

    /// What follows an error that ends its statement and nothing else.
    pub(super) fn terminated() -> SqlError {
        SqlError { number: 3621, state: 0, class: 0, message: "The statement has been terminated.".to_owned() }
    }

    /// Whether the server says [`SqlError::terminated`] behind it.
    pub(super) fn terminates_statement(&self) -> bool {
        matches!(self.number, 515 | 547 | 2601 | 2627 | 2628 | 8152)
    }

    /// Conversion errors and deadlocks end the batch and roll the transaction back, whatever XACT_ABORT says.
    pub(super) fn ends_transaction(&self) -> bool {
        matches!(self.number, 241 | 242 | 245 | 248 | 1205 | 8114 | 8169)
    }

    /// What the stand-in has not been taught. Number 50000 cannot come from SQL Server's own statements, so a test never
    /// mistakes a gap of the stand-in for an answer of the server.
    pub(super) fn not_taught(what: impl fmt::Display) -> SqlError {
        SqlError::new(50000, 16, format!("{NOT_TAUGHT}{what}"))
    }

    pub(super) fn is_not_taught(&self) -> bool {
        self.message.starts_with(NOT_TAUGHT)
    }

    /// Packs the error into a text that survives the way through SQLite.
    pub(super) fn pack(&self) -> String {
        format!("\u{1}{}\u{1}{}\u{1}{}\u{1}{}", self.number, self.state, self.class, self.message)
    }

    /// The error inside of a SQLite message made by [`SqlError::pack`].
    pub(super) fn unpack(text: &str) -> Option<SqlError> {
        let mut parts = text.splitn(5, '\u{1}');
        let (_, number, state, class) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        Some(SqlError {
            number: number.parse().ok()?,
            state: state.parse().ok()?,
            class: class.parse().ok()?,
            message: parts.next()?.to_owned(),
        })
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Msg {}, Level {}, State {}: {}", self.number, self.class, self.state, self.message)
    }
}

impl std::error::Error for SqlError {}

impl From<rusqlite::Error> for SqlError {
    fn from(error: rusqlite::Error) -> SqlError {
        let text = error.to_string();
        SqlError::unpack(&text).unwrap_or_else(|| SqlError::not_taught(format!("SQLite says {text}")))
    }
}
