//! How the process ends. Other programs rely on these numbers; they do not change.

use ropeway_engine::ErrorKind;

/// Everything was copied, or there was nothing left to copy.
pub(crate) const SUCCEEDED: u8 = 0;
/// A row, a type or a constraint: the data does not fit.
pub(crate) const DATA: u8 = 1;
/// The definition or the command line is wrong.
pub(crate) const DEFINITION: u8 = 2;
/// Credentials or permissions were refused.
pub(crate) const REFUSED: u8 = 3;
/// A store was unavailable until the retries were used up.
pub(crate) const UNAVAILABLE: u8 = 4;
/// A defect of Ropeway.
pub(crate) const DEFECT: u8 = 5;
/// Stopped by Ctrl-C or SIGTERM: 128 + SIGINT, as shells write it.
pub(crate) const CANCELLED: u8 = 130;

/// The exit code of a failure.
pub(crate) fn of(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Data => DATA,
        ErrorKind::Spec => DEFINITION,
        ErrorKind::Auth => REFUSED,
        ErrorKind::Unavailable => UNAVAILABLE,
        ErrorKind::Cancelled => CANCELLED,
        // A kind that is newer than this table is a defect as well.
        _ => DEFECT,
    }
}

/// The table for the end of `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0    succeeded
  1    failed: data (a row, a type, a constraint)
  2    wrong definition or command line
  3    authentication or permission
  4    a store was unavailable until the retries were used up; the resume command is printed
  5    a defect of Ropeway
  130  cancelled; the resume command is printed";
