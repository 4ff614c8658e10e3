//! An activity that failed because one within it did.

use ropeway_engine::{Error, ErrorKind};

use super::{
    crew::Finished,
    one::{Done, Trouble},
};
use crate::report::{Failure, Status};

/// What the end of a list of activities means for the one around it.
pub(super) fn outcome(finished: Finished, done: Done) -> Result<Done, Trouble> {
    match (finished.status, finished.error) {
        (Status::Succeeded, _) => Ok(done),
        (Status::Cancelled, _) => {
            Err(Error::new(ErrorKind::Cancelled, "the run was cancelled within this activity").into())
        }
        (_, Some((name, error))) => Err(trouble(&name, error)),
        (_, None) => Err(trouble("", marked_as_failed())),
    }
}

/// The error of the activity around one that failed.
pub(super) fn trouble(name: &str, error: Error) -> Trouble {
    let inner = Failure::of(&error);
    let message = format!(
        "Activity failed because an inner activity failed; Inner activity name: {name}, Error: {}",
        inner.message
    );
    Trouble {
        shown: Some(Box::new(Failure { code: Some("ActionFailed".to_owned()), message, ..inner })),
        error,
        copied: None,
    }
}

/// A list can fail by its conditions alone, as when an activity is marked as failed.
pub(crate) fn marked_as_failed() -> Error {
    Error::new(ErrorKind::Spec, "an inactive activity is marked as failed")
}
