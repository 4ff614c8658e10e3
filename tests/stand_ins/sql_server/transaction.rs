//! Transactions: BEGIN, COMMIT, ROLLBACK and SAVE, as statements and as requests of the transaction manager.

use super::SqlError;
use super::catalogue;
use super::protocol::{Over, Violation};
use super::reader::Reader;
use super::response::{Response, Stop};
use super::state::State;
use super::token;
use super::undo;
use std::sync::{Arc, PoisonError};

impl State {
    pub(super) fn begin(&mut self, response: &mut Response<'_>) -> Result<(), Stop> {
        if self.transactions == 0 {
            self.began_under = self.options.isolation;
            self.descriptor = (u64::from(self.spid) << 32) + next_descriptor();
            response.token(&token::environment_bytes(8, &self.descriptor.to_le_bytes(), &[]))?;
        }
        self.transactions += 1;
        Ok(response.done(0, 0xD4, 0)?)
    }

    /// The number of the transaction that is open; without one every statement is a transaction of its own.
    pub(super) fn transaction_id(&self) -> i64 {
        if self.descriptor == 0 { next_descriptor() as i64 } else { self.descriptor as i64 }
    }

    pub(super) fn commit(&mut self, response: &mut Response<'_>) -> Result<(), Stop> {
        match self.transactions {
            0 => {
                return Err(SqlError::new(
                    3902,
                    16,
                    "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.",
                )
                .into());
            }
            _ if self.doomed => return Err(SqlError::uncommittable().into()),
            1 => {
                self.settle(|state| {
                    state.drop_what_is_gone()?;
                    undo::forget(&state.storage.sqlite, state.owner)
                })?;
                self.saved.clear();
                self.versions.take();
                let old = std::mem::take(&mut self.descriptor);
                response.token(&token::environment_bytes(9, &[], &old.to_le_bytes()))?;
            }
            _ => {}
        }
        self.transactions -= 1;
        Ok(response.done(0, 0xD5, 0)?)
    }

    /// Ends the transaction in storage, and lets go of its locks.
    fn settle(&self, run: impl FnOnce(&State) -> Result<(), SqlError>) -> Result<(), SqlError> {
        let shared = Arc::clone(&self.shared);
        let _alone = shared.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.storage.keep_for(0);
        self.storage.atomically(|| run(self))?;
        shared.locks.end_transaction(self.owner);
        Ok(())
    }

    /// Takes back all that the transaction has done; there is none afterwards.
    pub(super) fn take_back(&mut self) -> Result<(), SqlError> {
        self.settle(|state| state.storage.take_back(state.owner, 0))?;
        self.transactions = 0;
        self.descriptor = 0;
        self.doomed = false;
        self.saved.clear();
        self.versions.take();
        self.dropped.borrow_mut().clear();
        Ok(())
    }

    /// Tables that were dropped lose their rows when nobody can take it back any more.
    pub(super) fn drop_what_is_gone(&self) -> Result<(), SqlError> {
        for object_id in self.dropped.borrow_mut().drain(..) {
            catalogue::drop_rows(&self.storage.sqlite, object_id)?;
        }
        Ok(())
    }

    /// Rolls everything back.
    pub(super) fn roll_back(&mut self, response: &mut Response<'_>) -> Result<(), Stop> {
        let old = self.descriptor;
        self.take_back()?;
        Ok(response.token(&token::environment_bytes(10, &[], &old.to_le_bytes()))?)
    }

    pub(super) fn roll_back_to(&mut self, name: Option<&str>, response: &mut Response<'_>) -> Result<(), Stop> {
        if self.transactions == 0 {
            return Err(SqlError::new(
                3903,
                16,
                "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.",
            )
            .into());
        }
        match name {
            None => self.roll_back(response)?,
            Some(_) if self.doomed => {
                return Err(SqlError::new(3931, 16, "The current transaction cannot be committed and cannot be rolled back to a savepoint. Roll back the entire transaction.").into());
            }
            Some(name) => {
                let found = self.saved.iter().rposition(|(saved, _)| *saved == name.to_lowercase());
                let at = found.ok_or_else(|| {
                    SqlError::new(
                        6401,
                        16,
                        format!("Cannot roll back {name}. No transaction or savepoint of that name was found."),
                    )
                })?;
                let (_, mark) = self.saved[at];
                self.saved.truncate(at + 1);
                let alone = Arc::clone(&self.shared);
                let _alone = alone.writing.lock().unwrap_or_else(PoisonError::into_inner);
                self.storage.atomically(|| self.storage.take_back(self.owner, mark))?;
            }
        }
        Ok(response.done(0, 0xD2, 0)?)
    }

    pub(super) fn save_point(&mut self, name: &str, response: &mut Response<'_>) -> Result<(), Stop> {
        if self.transactions == 0 {
            return Err(
                SqlError::new(628, 16, "Cannot issue SAVE TRANSACTION when there is no active transaction.").into()
            );
        }
        if self.doomed {
            return Err(SqlError::uncommittable().into());
        }
        let mark = undo::mark(&self.storage.sqlite, self.owner)?;
        self.saved.push((name.to_lowercase(), mark));
        Ok(response.done(0, 0, 0)?)
    }

    /// A transaction manager request (MS-TDS 2.2.6.9).
    pub(super) fn transaction_request(&mut self, body: &[u8], response: &mut Response<'_>) -> Result<(), Stop> {
        let mut reader = Reader::new(body);
        let request = reader.u16().map_err(Over::from)?;
        match request {
            5 => {
                let isolation = reader.u8().map_err(Over::from)?;
                reader.short_text().map_err(Over::from)?;
                self.isolate(isolation)?;
                self.begin(response)
            }
            7 | 8 => {
                let name = reader.short_text().map_err(Over::from)?;
                let flags = reader.u8().map_err(Over::from)?;
                if request == 7 {
                    self.commit(response)?
                } else {
                    self.roll_back_to(Some(name.as_str()).filter(|name| !name.is_empty()), response)?
                }
                if flags & 1 != 0 {
                    let isolation = reader.u8().map_err(Over::from)?;
                    reader.short_text().map_err(Over::from)?;
                    self.isolate(isolation)?;
                    self.begin(response)?;
                }
                Ok(())
            }
            9 => {
                let name = reader.short_text().map_err(Over::from)?;
                self.save_point(&name, response)
            }
            other => Err(SqlError::not_taught(format!("transaction manager request {other}")).into()),
        }
    }

    /// 0 leaves the level as it is.
    fn isolate(&mut self, level: u8) -> Result<(), Stop> {
        match level {
            0 => Ok(()),
            1..=5 => {
                self.options.isolation = level;
                Ok(())
            }
            _ => Err(Over::from(Violation::new(format!("isolation level {level}"))).into()),
        }
    }
}

/// Transaction descriptors never repeat.
fn next_descriptor() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}
