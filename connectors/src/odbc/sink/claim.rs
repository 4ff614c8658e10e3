//! Taking a run: the epoch of every process before is fenced off, and the script runs once.

use ropeway_engine::{Error, ErrorKind, Result, retry::RetryClass};

use super::{
    super::{connection::Session, raw},
    load::taken_over,
    statements::{Ledger, Owned},
    table,
};

/// Who has a run.
pub(super) struct Holder {
    epoch: u32,
    owner: String,
    is_prepared: bool,
}

impl Holder {
    pub(super) fn is(&self, owned: &Owned) -> bool {
        (self.epoch, &self.owner) == (owned.epoch, &owned.owner)
    }
}

/// Asks who has the run; in a transaction, nobody else takes it until that ends.
pub(super) fn holder(session: &Session, ledger: &Ledger, owned: &Owned) -> Result<Option<Holder>> {
    let rows = table::rows(session, &ledger.holder(), &[owned.run.as_str()])?;
    let Some(row) = rows.first() else { return Ok(None) };
    let text = |at: usize| row.get(at).and_then(Option::as_deref).unwrap_or_default().trim();
    let Ok(epoch) = text(0).parse() else {
        return Err(Error::new(
            ErrorKind::Data,
            "the row of this run in _cpy_run is none that a copy writes; somebody changed it: compare source and target \
             before you start a new run",
        )
        .class(RetryClass::Fatal));
    };
    Ok(Some(Holder { epoch, owner: text(1).to_owned(), is_prepared: text(2) == "1" }))
}

/// Takes the run and runs the script, once per run and in the same transaction. Without a ledger only the journal knows
/// whether it ran: `script` comes with whether the run is new.
pub(super) fn prepare(
    session: &Session,
    ledger: Option<&Ledger>,
    owned: &Owned,
    (script, is_new): (Option<&str>, bool),
) -> Result<()> {
    let Some(ledger) = ledger else {
        return if is_new { transaction(session, |session| run(session, script)) } else { Ok(()) };
    };
    transaction(session, |session| {
        session.say(session.peer.driver.dialect.hasty)?;
        let holder = take(session, ledger, owned)?;
        if !holder.is_some_and(|holder| holder.is_prepared) {
            run(session, script)?;
            execute(session, &ledger.prepared(), &[owned.run.as_str()])?;
        }
        Ok(())
    })
}

/// Work in a transaction, on a connection where each statement is one otherwise.
fn transaction(session: &Session, work: impl FnOnce(&Session) -> Result<()>) -> Result<()> {
    let failed = |error: odbc_api::Error| session.peer.error("taking the run", &error);
    if !session.begin_transactions().map_err(failed)? {
        return work(session);
    }
    match work(session) {
        Ok(()) => {
            session.connection.commit().map_err(|error| session.peer.error_at_commit("taking the run", &error))?;
            session.connection.set_autocommit(true).map_err(failed)
        }
        Err(error) => {
            // The connection is closed after an error.
            drop(session.connection.rollback());
            Err(error)
        }
    }
}

fn take(session: &Session, ledger: &Ledger, owned: &Owned) -> Result<Option<Holder>> {
    let holder = holder(session, ledger, owned)?;
    match &holder {
        None => execute(session, &ledger.enter(owned.epoch), &[owned.run.as_str(), &owned.owner])?,
        Some(it) if it.epoch > owned.epoch || it.epoch == owned.epoch && it.owner != owned.owner => {
            return Err(taken_over());
        }
        Some(_) => execute(session, &ledger.take(owned.epoch), &[&owned.owner, owned.run.as_str()])?,
    }
    Ok(holder)
}

fn execute(session: &Session, statement: &str, parameters: &[&str]) -> Result<()> {
    table::execute(session, statement, parameters).map_err(|error| {
        let error = session.peer.error("taking the run", &error);
        // Another process entered the run at the same moment: the next look finds it.
        match error.kind() {
            ErrorKind::Data => {
                Error::new(ErrorKind::Unavailable, "another process took the run at the same moment").caused_by(error)
            }
            _ => error,
        }
    })
}

/// All statements of the script.
fn run(session: &Session, script: Option<&str>) -> Result<()> {
    let Some(script) = script else { return Ok(()) };
    let failed = |error: odbc_api::Error| session.peer.error("«preCopyScript»", &error);
    let mut statement = session.connection.preallocate().map_err(failed)?;
    let cursor = statement.execute(script, ()).map_err(failed)?;
    // Freed without closing: odbc-api panics if closing fails.
    let _ = cursor.map(odbc_api::CursorImpl::into_stmt);
    let mut handle = statement.into_handle();
    let mut results = handle.as_stmt_ref();
    // An error of a later statement comes with its result.
    while raw::more_results(&mut results).map_err(failed)? {}
    Ok(())
}
