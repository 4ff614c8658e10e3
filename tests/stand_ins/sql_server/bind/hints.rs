//! Table hints: which locks they ask for, and which of them do not go together.

use super::super::SqlError;
use super::super::locks::{Mode, Until};
use super::Turn;

/// Hints that say how long and how strictly rows that are read stay locked.
const HOLDING: [&str; 3] = ["HOLDLOCK", "SERIALIZABLE", "REPEATABLEREAD"];
const UNREAD: [&str; 2] = ["NOLOCK", "READUNCOMMITTED"];

/// Whether the whole table is to be locked.
pub(super) fn locks_the_table(hints: &[String]) -> bool {
    has(hints, &["TABLOCK", "TABLOCKX"])
}

fn has(hints: &[String], any: &[&str]) -> bool {
    hints.iter().any(|hint| any.contains(&hint.as_str()))
}

/// The locks of a table that is read.
pub(super) fn of_reading(hints: &[String], turn: &Turn<'_>) -> Result<Vec<(Mode, Until)>, SqlError> {
    for unknown in ["READPAST", "SNAPSHOT"] {
        if has(hints, &[unknown]) {
            return Err(SqlError::not_taught(format!("the table hint {unknown}")));
        }
    }
    let unread = has(hints, &UNREAD);
    if turn.isolation == 5 {
        return match hints.is_empty() {
            true => Ok(vec![(Mode::Definition, Until::StatementEnds)]),
            false => Err(SqlError::not_taught("table hints under SNAPSHOT")),
        };
    }
    let exclusive = has(hints, &["TABLOCKX", "XLOCK"]);
    let update = has(hints, &["UPDLOCK"]);
    if unread
        && (exclusive
            || update
            || has(hints, &HOLDING)
            || has(hints, &["TABLOCK", "READCOMMITTED", "READCOMMITTEDLOCK"]))
    {
        return Err(SqlError::new(1047, 15, "Conflicting locking hints specified."));
    }
    if unread {
        return Ok(vec![(Mode::Definition, Until::StatementEnds)]);
    }
    let holds =
        has(hints, &HOLDING) || matches!(turn.isolation, 3 | 4) && !has(hints, &["READCOMMITTED", "READCOMMITTEDLOCK"]);
    let mut locks = Vec::new();
    if exclusive || update && has(hints, &["TABLOCK"]) {
        return Ok(vec![(Mode::Change, turn.until)]);
    }
    if update {
        locks.push((Mode::Update, turn.until));
    }
    if holds {
        locks.push((Mode::Shared, turn.until));
    } else if has(hints, &["TABLOCK"]) {
        locks.push((Mode::Shared, Until::StatementEnds));
    }
    if locks.is_empty() {
        let reads_on = turn.isolation == 1 && !has(hints, &["READCOMMITTED", "READCOMMITTEDLOCK"]);
        locks.push((if reads_on { Mode::Definition } else { Mode::Read }, Until::StatementEnds));
    }
    Ok(locks)
}

/// Hints that a table may not have where it is changed.
pub(super) fn check_target(hints: &[String]) -> Result<(), SqlError> {
    if has(hints, &UNREAD) {
        return Err(SqlError::new(
            1065,
            15,
            "The NOLOCK and READUNCOMMITTED lock hints are not allowed for target tables of INSERT, UPDATE, DELETE or MERGE statements.",
        ));
    }
    Ok(())
}
