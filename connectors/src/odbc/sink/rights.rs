//! Whether a ledger can be kept in the database, and what is promised without one.

use ropeway_engine::{Error, ErrorKind, Result, chunk::RunId};

use super::{
    super::connection::Session,
    statements::Ledger,
    table::{self, Table},
};

/// What a run can rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reliance {
    /// The ledger is there, and commits with the rows.
    Ledger,
    /// The login may not make it.
    NoRights,
    /// The table, or the database, keeps rows of a transaction that was rolled back.
    NoTransactions,
}

impl Reliance {
    /// What is promised about rows.
    pub(super) fn guarantee(self) -> &'static str {
        match self {
            Self::Ledger => {
                "every row exactly once; rows appear chunk by chunk, each chunk whole, in one transaction with its row of \
                 _cpy_ledger"
            }
            Self::NoRights => {
                "every row at least once: the login may not create the table _cpy_ledger beside the target, so a chunk whose \
                 commit was not answered is written again; grant CREATE TABLE, or have somebody create _cpy_run and \
                 _cpy_ledger"
            }
            Self::NoTransactions => {
                "every row at least once: the target's rows are not undone with a transaction, so a chunk that was broken \
                 off leaves rows behind and is written again; give the table an engine with transactions (InnoDB)"
            }
        }
    }
}

/// What a run would find, without making anything.
pub(super) fn foreseen(session: &Session, parts: &[String], table: &Table) -> Result<Reliance> {
    let ledger = Ledger::beside(session, parts)?;
    Ok(if !table.has_transactions {
        Reliance::NoTransactions
    } else if are_there(session, &ledger) || table::may_create(session, parts)? {
        Reliance::Ledger
    } else {
        Reliance::NoRights
    })
}

/// Makes the tables that are missing, and tries them. `had` says whether the run began with a ledger.
///
/// # Errors
/// [`ErrorKind::Auth`] if it did, and the tables are gone and cannot be made again.
pub(super) fn ledger(session: &Session, ledger: &Ledger, run: &RunId, had: Option<bool>) -> Result<Reliance> {
    if had == Some(false) {
        return Ok(Reliance::NoRights);
    }
    match create(session, ledger) {
        Ok(()) if rolls_back(session, ledger, run)? => Ok(Reliance::Ledger),
        Ok(()) => Ok(Reliance::NoTransactions),
        Err(error) if error.kind() == ErrorKind::Auth && had.is_none() => {
            tracing::warn!(%error, "no ledger: {}", Reliance::NoRights.guarantee());
            Ok(Reliance::NoRights)
        }
        Err(error) if error.kind() == ErrorKind::Auth => Err(Error::new(
            ErrorKind::Auth,
            "the run began with a ledger, and the login may not use it any more; grant what it had, then resume",
        )
        .with("ledger", ledger.name())
        .caused_by(error)),
        Err(error) => Err(error),
    }
}

fn are_there(session: &Session, ledger: &Ledger) -> bool {
    ledger.are_there().iter().all(|query| table::execute(session, query, &[]).is_ok())
}

fn create(session: &Session, ledger: &Ledger) -> Result<()> {
    for (query, statement) in ledger.are_there().iter().zip(ledger.create()) {
        if table::execute(session, query, &[]).is_ok() {
            continue;
        }
        if let Err(error) = table::execute(session, &statement, &[])
            // Another run may have made it in between.
            && table::execute(session, query, &[]).is_err()
        {
            return Err(session.peer.error("creating the ledger", &error));
        }
    }
    Ok(())
}

/// Whether a row of the ledger is gone once its transaction is rolled back: what a driver says of itself is not enough.
fn rolls_back(session: &Session, ledger: &Ledger, run: &RunId) -> Result<bool> {
    let failed = |error: odbc_api::Error| session.peer.error("trying the ledger", &error);
    if !session.begin_transactions().map_err(failed)? {
        return Ok(false);
    }
    // The next process of the run tries with the same row.
    session.say(session.peer.driver.dialect.hasty)?;
    let scratch = format!("{run}.try");
    // A run's id is shorter than the column by some; a long one is not tried with itself.
    let scratch = &scratch[scratch.len().saturating_sub(80)..];
    let entered = table::execute(session, &ledger.enter(0), &[scratch, ""]);
    session.connection.rollback().and_then(|()| session.connection.set_autocommit(true)).map_err(failed)?;
    let is_gone = table::rows(session, &ledger.holder(), &[scratch])?.is_empty();
    match entered {
        Err(error) if is_gone => Err(failed(error)),
        _ => Ok(is_gone),
    }
}
