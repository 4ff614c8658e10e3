//! One public error: a coarse kind that says what to do next, plus context for the person.

use std::{borrow::Cow, error::Error as StdError, fmt, time::Duration};

use crate::retry::RetryClass;

/// The result of everything in the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller should do next. A new kind must imply a new reaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The definition is wrong; fix the JSON.
    Spec,
    /// Credentials were refused; fix the secret or the grant.
    Auth,
    /// The data does not fit the target; fix the mapping or skip the row.
    Data,
    /// The other side is down, busy or lost our answer; the engine retries the chunk.
    Unavailable,
    /// The operator asked us to stop; resume later.
    Cancelled,
    /// We broke an invariant; report it.
    Bug,
}

/// Which end of the copy failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub enum Side {
    /// The store that is read.
    Source,
    /// The store that is written.
    Sink,
}

/// An error of any source, sink or of the engine itself.
///
/// The message is advice: it names the object and the next step. It never holds a secret or a row
/// value.
#[derive(Debug)]
pub struct Error(Box<Details>);

/// How often an error is worth a try, and what it is after that.
#[derive(Clone, Copy, Debug)]
struct Limit {
    attempts: u32,
    then: (ErrorKind, RetryClass),
}

#[derive(Debug)]
struct Details {
    kind: ErrorKind,
    message: Cow<'static, str>,
    context: Vec<(&'static str, String)>,
    class: RetryClass,
    code: Option<&'static str>,
    side: Option<Side>,
    retry_after: Option<Duration>,
    limit: Option<Limit>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of this kind. The message starts in lower case and says what to do next.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Details {
            kind,
            message: message.into(),
            context: Vec::new(),
            class: RetryClass::of(kind),
            code: None,
            side: None,
            retry_after: None,
            limit: None,
            source: None,
        }))
    }

    /// Names an object that the message speaks of: `with("table", "dbo.orders")`.
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((key, value.to_string()));
        self
    }

    /// Keeps the underlying error for whoever asks for the chain.
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// How an [`ErrorKind::Unavailable`] is retried; without it as [`RetryClass::Transient`].
    pub fn class(mut self, class: RetryClass) -> Self {
        self.0.class = class;
        self
    }

    /// Data Factory's symbolic code, such as `SqlFailedToConnect`.
    pub fn code(mut self, code: &'static str) -> Self {
        self.0.code = Some(code);
        self
    }

    /// Says which end failed, unless that is known already: the innermost caller knows best.
    pub fn on(mut self, side: Side) -> Self {
        self.0.side.get_or_insert(side);
        self
    }

    /// The server asked us to wait this long.
    pub fn retry_after(mut self, pause: Duration) -> Self {
        self.0.retry_after = Some(pause);
        self
    }

    /// Worth so many attempts only, whatever its class allows. After them it is an error of this
    /// kind and class: a database that is still not there after three attempts has a wrong name.
    pub fn at_most(mut self, attempts: u32, kind: ErrorKind, class: RetryClass) -> Self {
        self.0.limit = Some(Limit { attempts, then: (kind, class) });
        self
    }

    /// What the error is once so many attempts have ended with it.
    pub fn after(mut self, attempts: u32) -> Self {
        if let Some(limit) = self.0.limit.filter(|limit| attempts >= limit.attempts) {
            (self.0.kind, self.0.class) = limit.then;
        }
        self
    }

    /// What to do next.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// How to retry; [`RetryClass::Permanent`] or [`RetryClass::Fatal`] for everything that is not
    /// transient.
    pub fn retry_class(&self) -> RetryClass {
        self.0.class
    }

    /// True if the same chunk may succeed when it is tried again.
    pub fn is_transient(&self) -> bool {
        self.0.kind == ErrorKind::Unavailable
    }

    /// True if integrity is at stake, or another process owns the run: nothing goes on, nobody tries
    /// again unasked, and what was staged stays where it is for whoever looks into it.
    pub fn is_fatal(&self) -> bool {
        self.0.class == RetryClass::Fatal
    }

    /// The attempts that this error is worth, if it is not for its class to say.
    pub fn attempts_allowed(&self) -> Option<u32> {
        self.0.limit.map(|limit| limit.attempts)
    }

    /// The pause the server asked for.
    pub fn pause_asked(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Data Factory's symbolic code, if there is one.
    pub fn symbolic_code(&self) -> Option<&'static str> {
        self.0.code
    }

    /// The end that failed, if it is known.
    pub fn side(&self) -> Option<Side> {
        self.0.side
    }

    /// The named objects, in the order they were added.
    pub fn context(&self) -> &[(&'static str, String)] {
        &self.0.context
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for (i, (key, value)) in self.0.context.iter().enumerate() {
            write!(f, "{}{key}={value}", if i == 0 { " (" } else { ", " })?;
        }
        if self.0.context.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
