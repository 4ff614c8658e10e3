//! `sp_getapplock` and `sp_releaseapplock`: locks of names that mean something to their users only.

use super::SqlError;
use super::locks::{Mode, Until, is_blocked};
use super::response::{Response, Stop};
use super::rpc::{Parameter, missing};
use super::state::State;
use rusqlite::types::Value;

/// Return values, as the reference has them.
const GRANTED: i32 = 0;
const GRANTED_AFTER_WAITING: i32 = 1;
const TIMED_OUT: i32 = -1;
const DEADLOCK: i32 = -3;
const FAILED: i32 = -999;

/// What is asked for, with the owner as the locks know it.
struct Wish {
    owner: i64,
    resource: String,
}

fn named<'p>(parameters: &'p [Parameter], wanted: &str, position: usize) -> Option<&'p Value> {
    let found = parameters.iter().find(|parameter| parameter.name.eq_ignore_ascii_case(wanted));
    let found = found.or_else(|| parameters.get(position).filter(|parameter| parameter.name.is_empty()));
    found.map(|parameter| &parameter.value)
}

fn text<'p>(parameters: &'p [Parameter], wanted: &str, position: usize) -> Option<&'p str> {
    if let Some(Value::Text(text)) = named(parameters, wanted, position) { Some(text) } else { None }
}

impl State {
    /// Returns the return value of the procedure.
    pub(super) fn take_app_lock(&mut self, parameters: &[Parameter], response: &mut Response<'_>) -> Result<i32, Stop> {
        let mode = match text(parameters, "@LockMode", 1).unwrap_or_default().to_uppercase().as_str() {
            "SHARED" => Mode::Shared,
            "UPDATE" => Mode::Update,
            "INTENTSHARED" => Mode::Read,
            "INTENTEXCLUSIVE" => Mode::Insert,
            "EXCLUSIVE" => Mode::Change,
            other => return Err(SqlError::not_taught(format!("sp_getapplock with the mode '{other}'")).into()),
        };
        let wish = self.wish(parameters, "sp_getapplock", 2)?;
        let usual = self.options.lock_timeout;
        if let Some(Value::Integer(milliseconds)) = named(parameters, "@LockTimeout", 3) {
            self.options.lock_timeout = *milliseconds;
        }
        let result = self.wait_for_app_lock(&wish, mode, response);
        self.options.lock_timeout = usual;
        result
    }

    fn wait_for_app_lock(&self, wish: &Wish, mode: Mode, response: &mut Response<'_>) -> Result<i32, Stop> {
        let mut since = None;
        loop {
            let error = match self.shared.locks.take(wish.owner, &wish.resource, mode, Until::TransactionEnds) {
                Ok(()) if since.is_none() => return Ok(GRANTED),
                Ok(()) => return Ok(GRANTED_AFTER_WAITING),
                Err(error) if is_blocked(&error) => error,
                Err(error) => return Err(error.into()),
            };
            match self.wait(&error, &mut since, || response.check_attention()) {
                Ok(()) => {}
                Err(Stop::Error(error)) if error.number == 1222 => return Ok(TIMED_OUT),
                Err(Stop::Error(error)) if error.number == 1205 => return Ok(DEADLOCK),
                Err(other) => return Err(other),
            }
        }
    }

    /// Returns the return value of the procedure.
    pub(super) fn release_app_lock(
        &mut self,
        parameters: &[Parameter],
        response: &mut Response<'_>,
    ) -> Result<i32, Stop> {
        let wish = self.wish(parameters, "sp_releaseapplock", 1)?;
        if self.shared.locks.release(wish.owner, &wish.resource) {
            return Ok(GRANTED);
        }
        let resource = text(parameters, "@Resource", 0).unwrap_or_default();
        response.error(&SqlError::new(1223, 16, format!("Cannot release the application lock (Database Principal: 'public', Resource: '{resource}') because it is not currently held.")))?;
        Ok(FAILED)
    }

    fn wish(&self, parameters: &[Parameter], procedure: &str, owner_at: usize) -> Result<Wish, SqlError> {
        let resource = text(parameters, "@Resource", 0).ok_or_else(|| missing(procedure, "@Resource"))?;
        let owner = match text(parameters, "@LockOwner", owner_at).unwrap_or("Transaction").to_uppercase().as_str() {
            "SESSION" => self.session_owner(),
            "TRANSACTION" if self.transactions > 0 => self.owner,
            _ => return Err(SqlError::not_taught(format!("{procedure} for a transaction without one"))),
        };
        // Names of resources mind case.
        Ok(Wish { owner, resource: format!("app {} {resource}", self.database.to_lowercase()) })
    }

    /// Who the session is to locks that outlive its transactions.
    pub(super) fn session_owner(&self) -> i64 {
        -self.owner
    }
}
