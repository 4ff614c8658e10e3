//! Whether a ledger can be kept in the database, and what is promised without one.

use ropeway_engine::{Error, ErrorKind, Result};

use super::{
    super::{
        errors::{lacks_permission, number},
        wire::{Query, Session, TextRow},
    },
    statements::{CREATE_LEDGER, CREATE_RUN, CREATE_SCHEMA, LEDGER_RIGHTS},
};

/// The ledger of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ledger {
    /// Its tables are there.
    Kept,
    /// The login may not make them.
    Refused,
}

impl Ledger {
    /// What is promised about rows.
    pub(crate) fn guarantee(self) -> &'static str {
        match self {
            Self::Kept => {
                "every row exactly once; rows appear chunk by chunk, each chunk whole, in one transaction with its row of \
                 [_cpy].[ledger]"
            }
            Self::Refused => {
                "every row at least once: the login may not create [_cpy].[ledger], so a chunk whose commit was not answered \
                 is written again; GRANT CREATE TABLE and CREATE SCHEMA, or have somebody create these tables"
            }
        }
    }

    /// What is promised about rows that a stored procedure takes. What it does beyond the transaction, nobody can say.
    pub(crate) fn guarantee_of_calls(self) -> &'static str {
        match self {
            Self::Kept => {
                "the procedure is given every row exactly once: what it does with a chunk is in one transaction with the \
                 chunk's row of [_cpy].[ledger], and gone if that is"
            }
            Self::Refused => {
                "the procedure is given every row at least once: the login may not create [_cpy].[ledger], so a chunk whose \
                 commit was not answered is given again; GRANT CREATE TABLE and CREATE SCHEMA, or have somebody create \
                 these tables"
            }
        }
    }
}

/// Without a ledger nobody could tell afterwards whether all rows are there.
pub(crate) fn needed_for_the_whole_run() -> Error {
    Error::new(
        ErrorKind::Auth,
        "with --set sink.commit=wholeRun the login has to create tables in [_cpy]; GRANT CREATE TABLE and CREATE SCHEMA, or \
         leave the setting out",
    )
}

/// What a run would find, without making anything.
pub(crate) async fn foreseen(session: &mut Session) -> Result<Ledger> {
    let rows = session.rows(Query::new(LEDGER_RIGHTS, [])).await?;
    let may_make = |row: &TextRow| row.is_set("may_create") && row.is_set("has_schema");
    let is_possible = rows.first().is_some_and(|row| row.is_set("is_there") || may_make(row));
    Ok(if is_possible { Ledger::Kept } else { Ledger::Refused })
}

/// Makes the tables that are missing. `had` says whether the run began with a ledger.
///
/// # Errors
/// [`ErrorKind::Auth`] if it did, and the tables are gone and cannot be made again.
pub(crate) async fn ledger(session: &mut Session, had: Option<bool>) -> Result<Ledger> {
    if had == Some(false) {
        return Ok(Ledger::Refused);
    }
    match create(session).await {
        Ok(()) => Ok(Ledger::Kept),
        Err(error) if is_about_rights(&error) && had.is_none() => {
            tracing::warn!(%error, "no ledger: {}", Ledger::Refused.guarantee());
            Ok(Ledger::Refused)
        }
        Err(error) if is_about_rights(&error) => Err(Error::new(
            ErrorKind::Auth,
            "the run began with a ledger in [_cpy], and the login may not use it any more; GRANT what it had, then resume",
        )
        .caused_by(error)),
        Err(error) => Err(error),
    }
}

async fn create(session: &mut Session) -> Result<()> {
    for statement in [CREATE_SCHEMA, CREATE_RUN, CREATE_LEDGER] {
        match session.run(statement).await {
            // Another run made it in between: 2714 of a table, 2759 of a schema.
            Err(error) if matches!(number(&error), Some(2714 | 2759)) => session.run(statement).await?,
            done => done?,
        }
    }
    Ok(())
}

/// 2760 is what CREATE TABLE says of a schema that the login may not use.
fn is_about_rights(error: &Error) -> bool {
    lacks_permission(error) || number(error) == Some(2760)
}
