//! Statements at work beside those of other sessions: what they wait for, and that each is done whole or not at all.

use super::SqlError;
use super::bulk::Announced;
use super::locks::{Waited, is_blocked};
use super::packet::Message;
use super::response::{Response, Stop};
use super::state::State;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// How often one who waits looks whether its client has had enough.
const LOOK: Duration = Duration::from_millis(20);
/// Without a client nobody could end a wait.
const LONGEST: Duration = Duration::from_secs(30);

impl State {
    /// Runs a statement that writes: whole or not at all, and so that it can be taken back while a transaction is open.
    pub(super) fn writing<T, E: From<SqlError>>(&self, run: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let shared = Arc::clone(&self.shared);
        let _alone = shared.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.storage.beware(shared.locks.foreign_rows(self.owner));
        self.storage.keep_for(if self.transactions > 0 { self.owner } else { 0 });
        let result = self.storage.atomically(|| {
            let done = run()?;
            if self.transactions == 0 {
                self.drop_what_is_gone()?;
            }
            Ok(done)
        });
        self.storage.keep_for(0);
        if self.transactions == 0 {
            shared.locks.end_statement(self.owner);
        }
        result
    }

    /// Runs something that reads, while nobody writes.
    pub(super) fn reading<T>(&self, run: impl FnOnce() -> Result<T, SqlError>) -> Result<T, SqlError> {
        let shared = Arc::clone(&self.shared);
        let _alone = shared.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.storage.beware(shared.locks.foreign_rows(self.owner));
        run()
    }

    /// Waits until somebody who is in the way has let go; `since` is when the statement began to wait.
    pub(super) fn wait(
        &self,
        error: &SqlError,
        since: &mut Option<Instant>,
        mut look: impl FnMut() -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let since = *since.get_or_insert_with(Instant::now);
        self.shared.locks.end_statement(self.owner);
        let limit = u64::try_from(self.options.lock_timeout).ok().map(Duration::from_millis);
        loop {
            match self.shared.locks.wait(
                self.owner,
                error,
                if limit == Some(Duration::ZERO) { Duration::ZERO } else { LOOK },
            ) {
                Waited::Released => return Ok(()),
                Waited::Deadlock => return Err(deadlock(self.spid).into()),
                Waited::Not => {}
            }
            if limit.is_some_and(|limit| since.elapsed() >= limit) {
                self.shared.locks.give_up(self.owner);
                return Err(SqlError::lock_timeout().into());
            }
            look().inspect_err(|_| self.shared.locks.give_up(self.owner))?;
        }
    }

    /// As [`State::wait`], without a client.
    pub(super) fn wait_locally(&self, error: &SqlError, since: &mut Option<Instant>) -> Result<(), SqlError> {
        let began = *since.get_or_insert_with(Instant::now);
        let waited = self.wait(error, since, || {
            if began.elapsed() < LONGEST {
                return Ok(());
            }
            Err(SqlError::not_taught("waiting longer than thirty seconds for a lock without a client").into())
        });
        match waited {
            Err(Stop::Error(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Loads in bulk as soon as nobody is in the way.
    pub(super) fn load_in_turn(
        &self,
        announced: &Announced,
        message: &Message,
        response: &mut Response<'_>,
    ) -> Result<u64, Stop> {
        let mut since = None;
        loop {
            match self.load(announced, &message.body, response) {
                Err(Stop::Error(error)) if is_blocked(&error) => {
                    self.wait(&error, &mut since, || response.check_attention())?;
                }
                other => return other,
            }
        }
    }
}

fn deadlock(spid: u16) -> SqlError {
    SqlError::new(
        1205,
        13,
        format!("Transaction (Process ID {spid}) was deadlocked on lock resources with another process and has been chosen as the deadlock victim. Rerun the transaction."),
    )
    .state(51)
}
