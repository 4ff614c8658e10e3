//! One state of a table that many sessions see: freeze and fan out. The table is locked for a moment, in which every
//! session of the snapshot takes its first look; what they read later is that state. It lasts as long as one of them does.

use std::{
    collections::VecDeque,
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::try_join_all;
use ropeway_engine::{Error, ErrorKind, Result, retry::RetryClass};
use tokio::sync::Notify;

use super::{
    errors::number,
    pool::Pool,
    statements::{self, BEGIN_FREEZE, BEGIN_SNAPSHOT, END_FREEZE, IN_SNAPSHOT, LOCKABLE, TABLE},
    wire::{Query, Session, text},
};
use crate::shared_snapshot::lost;

/// Sessions beyond those that read at once: they take over from those that are lost.
const SPARES: usize = 2;
/// How long the table may stay locked for the sessions' first look.
const LONGEST_FREEZE: Duration = Duration::from_secs(10);

/// The sessions that see it.
pub(crate) struct Snapshot {
    sessions: Mutex<Sessions>,
    /// A session was given back or lost.
    changed: Notify,
}

struct Sessions {
    /// In turn, so that none is idle for long.
    idle: VecDeque<Session>,
    /// These, and those that are lent.
    living: usize,
}

/// What keeps a table from being locked, and so its chunks from showing one state; `None` if nothing does.
pub(crate) async fn obstacle(session: &mut Session, table: &str) -> Result<Option<&'static str>> {
    let rows = session.rows(Query::new(LOCKABLE, [(TABLE, text(table))])).await?;
    let found = rows.first();
    let is_writable = found.and_then(|row| row.text("updateability")) == Some("READ_WRITE");
    Ok(if !found.is_some_and(|row| row.is_set("is_table")) {
        Some("it is a view or a synonym, whose tables cannot be locked for certain; name the table in the dataset")
    } else if !is_writable {
        Some(
            "the database is a readable secondary or read only, where tables cannot be locked; connect to the primary, or \
             read a database snapshot without «isolationLevel»",
        )
    } else {
        None
    })
}

impl Snapshot {
    /// Begins so many sessions, and some to spare, in one state of the table.
    ///
    /// # Errors
    /// The table was not given to be locked, or what a session's first look met with.
    pub(crate) async fn begin(pool: &Pool, table: &str, readers: usize) -> Result<Self> {
        let mut sessions = try_join_all((0..readers + SPARES).map(|_| pool.session(BEGIN_SNAPSHOT))).await?;
        let mut coordinator = pool.session(BEGIN_FREEZE).await?;
        if let Some(obstacle) = obstacle(&mut coordinator, table).await? {
            return Err(Error::new(
                ErrorKind::Spec,
                format!("the chunks of this run cannot share a snapshot any more, start a new run: {obstacle}"),
            )
            .with("table", table));
        }
        coordinator.run(&statements::freeze(table)).await.map_err(|error| not_frozen(error, table))?;
        let look = statements::look(table);
        let looks = try_join_all(sessions.iter_mut().map(|session| session.run(&look)));
        let looked = tokio::time::timeout(LONGEST_FREEZE, looks).await;
        // If the lock was lost meanwhile, this fails, and nobody knows what the sessions have seen.
        coordinator.run(END_FREEZE).await?;
        looked
            .map_err(|_| {
                Error::new(ErrorKind::Unavailable, "a session took too long to begin the shared snapshot")
                    .class(RetryClass::Shrink)
                    .with("waited_seconds", LONGEST_FREEZE.as_secs())
            })?
            .map_err(|error| not_frozen(error, table))?;
        let living = sessions.len();
        Ok(Self { sessions: Mutex::new(Sessions { idle: sessions.into(), living }), changed: Notify::new() })
    }

    /// A session in which `preamble` has run. Waits while all are lent.
    ///
    /// # Errors
    /// All of them are lost.
    pub(crate) async fn session(&self, preamble: &str) -> Result<Lease<'_>> {
        loop {
            let mut changed = pin!(self.changed.notified());
            // Who gives one back from here on is heard.
            changed.as_mut().enable();
            let (next, living) = {
                let mut sessions = self.sessions();
                (sessions.idle.pop_front(), sessions.living)
            };
            match next {
                Some(session) => {
                    let mut lease = Lease { snapshot: self, session: Some(session) };
                    // It may have died while it was idle: then it is dropped here.
                    if lease.session()?.run(preamble).await.is_ok() {
                        return Ok(lease);
                    }
                }
                None if living == 0 => return Err(lost().code("SqlFailedToConnect")),
                None => changed.await,
            }
        }
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that is lent. Dropped, it is lost to the snapshot.
pub(crate) struct Lease<'a> {
    snapshot: &'a Snapshot,
    session: Option<Session>,
}

impl Lease<'_> {
    /// The session.
    pub(crate) fn session(&mut self) -> Result<&mut Session> {
        self.session.as_mut().ok_or_else(|| Error::new(ErrorKind::Bug, "a session was lent twice; please report it"))
    }

    /// The session, whose last query was read to its end, can be lent again.
    pub(crate) fn give_back(mut self) {
        if let Some(session) = self.session.take() {
            self.snapshot.sessions().idle.push_back(session);
            self.snapshot.changed.notify_waiters();
        }
    }

    /// Gives back a session whose query ended early, if it still sees the snapshot.
    pub(crate) async fn recover(mut self) {
        let sees_it = async {
            let session = self.session()?;
            session.cancel().await?;
            session.run(IN_SNAPSHOT).await
        };
        if tokio::time::timeout(LONGEST_FREEZE, sees_it).await.is_ok_and(|checked| checked.is_ok()) {
            self.give_back();
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if self.session.take().is_none() {
            return;
        }
        let left = {
            let mut sessions = self.snapshot.sessions();
            sessions.living -= 1;
            sessions.living
        };
        tracing::warn!(left, "a session of the shared snapshot is lost; another one takes over");
        self.snapshot.changed.notify_waiters();
    }
}

/// Who writes to the table has to end its transaction first.
fn not_frozen(error: Error, table: &str) -> Error {
    if number(&error) != Some(1222) {
        return error;
    }
    Error::new(
        ErrorKind::Unavailable,
        "the table could not be locked for the moment in which the shared snapshot begins, because transactions write to \
         it for long; run the copy when they have ended, set «partitionOption» to None to read it in one chunk, or remove \
         «isolationLevel»",
    )
    .class(RetryClass::Shrink)
    .code("SqlOperationFailed")
    .with("table", table)
    .caused_by(error)
}
