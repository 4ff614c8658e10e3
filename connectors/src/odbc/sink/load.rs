//! The transaction of one chunk: a thread owns its connection while rows arrive through a channel.

use std::sync::{Arc, atomic::Ordering};

use odbc_api::{IntoParameter as _, handles::StatementImpl};
use ropeway_engine::{Error, ErrorKind, Result, retry::RetryClass};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    super::{
        connection::Session,
        raw::insert::{self, Block},
    },
    run::Shared,
    statements,
};
use crate::ledger::Entry;

/// What comes through the channel.
pub(super) enum Step {
    Rows(Block),
    /// The last one.
    Commit(Entry),
}

/// A transaction that goes on. Dropped, it is rolled back.
pub(super) struct Loading {
    steps: Option<mpsc::Sender<Step>>,
    task: Task,
}

struct Task(JoinHandle<Result<()>>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Loading {
    /// Starts on the next connection that is free.
    pub(super) fn start(shared: &Arc<Shared>) -> Self {
        let (steps, mut rest) = mpsc::channel(1);
        let shared = Arc::clone(shared);
        let task = tokio::spawn(async move {
            let loads = shared.loads.clone();
            loads.call(move |session| load(session, &shared, &mut rest)).await
        });
        Self { steps: Some(steps), task: Task(task) }
    }

    /// Hands over more rows.
    pub(super) async fn push(&mut self, block: Block) -> Result<()> {
        if self.send(Step::Rows(block)).await { Ok(()) } else { self.end().await.and_then(|()| Err(ended())) }
    }

    /// Waits until everything is committed.
    pub(super) async fn commit(mut self, entry: Entry) -> Result<()> {
        // If nobody listens any more, it has ended with a reason.
        let sent = self.send(Step::Commit(entry)).await;
        let done = self.end().await;
        if sent { done } else { done.and_then(|()| Err(ended())) }
    }

    async fn send(&self, step: Step) -> bool {
        match &self.steps {
            Some(steps) => steps.send(step).await.is_ok(),
            None => false,
        }
    }

    async fn end(&mut self) -> Result<()> {
        self.steps = None;
        (&mut self.task.0).await.map_err(|error| ended().caused_by(error))?
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::Bug, "the thread that writes a chunk ended without a word; please report it")
}

/// Takes steps until the commit. Whatever else happens, nothing is committed.
fn load(session: &Session, shared: &Shared, steps: &mut mpsc::Receiver<Step>) -> Result<()> {
    let done = take_steps(session, shared, steps);
    if done.is_err() {
        // The connection is closed next, and a driver may not like that with an open transaction.
        drop(session.connection.rollback());
    }
    done
}

fn take_steps(session: &Session, shared: &Shared, steps: &mut mpsc::Receiver<Step>) -> Result<()> {
    session.say(session.peer.driver.dialect.patient)?;
    let mut inserts = Inserts::prepare(session, shared)?;
    while let Some(step) = steps.blocking_recv() {
        match step {
            Step::Rows(block) => {
                inserts.insert(&block)?;
                shared.moved.fetch_add(block.bytes, Ordering::Relaxed);
            }
            Step::Commit(entry) => return commit(session, shared, &entry),
        }
    }
    session.connection.rollback().map_err(|error| session.peer.error("rolling a chunk back", &error))
}

/// The INSERT of many rows, and that of a single one for those that are left over.
struct Inserts<'a> {
    session: &'a Session,
    shared: &'a Shared,
    single: StatementImpl<'a>,
    many: Option<(usize, StatementImpl<'a>)>,
}

impl<'a> Inserts<'a> {
    fn prepare(session: &'a Session, shared: &'a Shared) -> Result<Self> {
        let prepare = |values| {
            let sql = statements::insert(&shared.destination.table, &shared.columns, &shared.markers, values);
            let prepared = session.connection.prepare(&sql);
            let failed = |error| shared.destination.refused(&session.peer, &insert::Refused::Error(error));
            prepared.map(odbc_api::Prepared::into_handle).map_err(failed)
        };
        let many = if shared.values > 1 { Some((shared.values, prepare(shared.values)?)) } else { None };
        Ok(Self { session, shared, single: prepare(1)?, many })
    }

    fn insert(&mut self, block: &Block) -> Result<()> {
        let mut start = 0;
        if let Some((values, statement)) = &mut self.many {
            let end = block.rows / *values * *values;
            let step = if self.shared.arrays { end } else { *values };
            while start < end {
                let rows = start..start + step;
                let done = insert::insert(&mut statement.as_stmt_ref(), block, rows, *values);
                done.map_err(|refused| self.shared.destination.refused(&self.session.peer, &refused))?;
                start += step;
            }
        }
        let step = if self.shared.arrays { block.rows - start } else { 1 };
        while start < block.rows {
            let done = insert::insert(&mut self.single.as_stmt_ref(), block, start..start + step, 1);
            done.map_err(|refused| self.shared.destination.refused(&self.session.peer, &refused))?;
            start += step;
        }
        Ok(())
    }
}

/// Fence and ledger, last, in one statement; then the commit.
fn commit(session: &Session, shared: &Shared, entry: &Entry) -> Result<()> {
    if let Some(ledger) = &shared.ledger {
        let owned = &shared.owned;
        session.say(session.peer.driver.dialect.hasty)?;
        let failed = |error: odbc_api::Error| {
            let complaint = session.peer.complaint(&error);
            // The only rule that its rows can break: an earlier attempt is durable, and says so when it is asked.
            if complaint.class().0 == ErrorKind::Data {
                return Error::new(ErrorKind::Unavailable, "an earlier attempt at the chunk is committed already")
                    .class(RetryClass::Unknown);
            }
            session.peer.error("writing the ledger", &error)
        };
        let mut statement = session.connection.preallocate().map_err(failed)?;
        let parameters = (&owned.run.as_str().into_parameter(), &owned.owner.as_str().into_parameter());
        let written = statement.execute(&ledger.commit(owned.epoch, entry), parameters).map(drop);
        written.map_err(failed)?;
        if statement.row_count().map_err(failed)? != Some(1) && !shared.is_committed(session, ledger, entry)? {
            return Err(taken_over());
        }
    }
    session.connection.commit().map_err(|error| session.peer.error_at_commit("committing a chunk", &error))
}

/// The error of a process whose run has another owner.
pub(super) fn taken_over() -> Error {
    Error::new(ErrorKind::Data, "another process took the run over, as its row in _cpy_run says; leave the run to it")
        .class(RetryClass::Fatal)
}
