//! The letters by which the retry table names its classes.

use crate::retry::RetryClass;

/// The letter of the class, for tables that are written down from documents and compared with the code.
pub fn letter(class: RetryClass) -> char {
    match class {
        RetryClass::Reconnect => 'R',
        RetryClass::Redo => 'X',
        RetryClass::Shrink => 'L',
        RetryClass::Throttled => 'H',
        RetryClass::Conflict => 'O',
        RetryClass::Space => 'S',
        RetryClass::Transient => 'T',
        RetryClass::Unknown => 'U',
        RetryClass::Permanent => 'P',
        RetryClass::Fatal => 'F',
    }
}
