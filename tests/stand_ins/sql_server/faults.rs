//! Faults on demand, and what the server saw: for tests that must know.

use super::SqlError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What goes wrong, and where.
#[derive(Clone)]
pub enum Fault {
    /// This error instead of the statement, before any column.
    Error(SqlError),
    /// The columns and so many rows, then this error.
    ErrorAfterRows(usize, SqlError),
    /// The connection closes (FIN) after so many bytes of the response, packet headers included: a truncated stream.
    BreakAfterBytes(usize),
    /// The connection is reset (RST) after so many bytes of the response, packet headers included.
    ResetAfterBytes(usize),
    /// The statement runs, then the connection closes without a word: on a COMMIT the outcome is unknown to the client.
    BreakAfterRunning,
    /// No answer ever; an attention is acknowledged.
    Hang,
    /// This pause before every row.
    SlowRows(Duration),
    /// Something else happens first, such as another session that alters the table.
    Run(Arc<dyn Fn() + Send + Sync>),
}

/// Faults at login.
#[derive(Clone)]
pub enum LoginFault {
    /// The login is refused with this error.
    Error(SqlError),
    /// No answer to PRELOGIN.
    Hang,
    /// The connection closes after LOGIN7.
    Break,
}

/// What the server has seen so far.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Logins that succeeded.
    pub logins: usize,
    /// Logins that were refused.
    pub refused: usize,
    /// Sessions that are open now.
    pub open: usize,
    /// Attentions received.
    pub attentions: usize,
    /// Connections reset for another use.
    pub resets: usize,
    /// Texts of batches and of `sp_executesql`, in order of arrival.
    pub statements: Vec<String>,
    /// What clients did that MS-TDS forbids.
    pub violations: Vec<String>,
    /// Application names of the logins.
    pub applications: Vec<String>,
}

#[derive(Default)]
pub(super) struct Faults {
    rules: Mutex<Vec<Rule>>,
    logins: Mutex<Vec<LoginFault>>,
    seen: Mutex<Seen>,
}

struct Rule {
    fragment: String,
    fault: Fault,
    skip: usize,
    times: usize,
}

impl Faults {
    /// The fault applies to the next `times` statements that contain the fragment (case matters not), after `skip` of them.
    pub(super) fn add(&self, fragment: &str, fault: Fault, skip: usize, times: usize) {
        locked(&self.rules).push(Rule { fragment: fragment.to_lowercase(), fault, skip, times });
    }

    pub(super) fn add_login(&self, fault: LoginFault, times: usize) {
        locked(&self.logins).extend(std::iter::repeat_n(fault, times));
    }

    pub(super) fn clear(&self) {
        locked(&self.rules).clear();
        locked(&self.logins).clear();
    }

    pub(super) fn at_login(&self) -> Option<LoginFault> {
        let mut logins = locked(&self.logins);
        if logins.is_empty() { None } else { Some(logins.remove(0)) }
    }

    /// The faults of a statement. They are used up by this.
    pub(super) fn at(&self, statement: &str) -> Vec<Fault> {
        let statement = statement.to_lowercase();
        let mut due = Vec::new();
        for rule in locked(&self.rules).iter_mut().filter(|rule| statement.contains(&rule.fragment)) {
            if rule.skip > 0 {
                rule.skip -= 1;
            } else if rule.times > 0 {
                rule.times -= 1;
                due.push(rule.fault.clone());
            }
        }
        due
    }

    pub(super) fn see(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut locked(&self.seen));
    }

    pub(super) fn seen(&self) -> Seen {
        locked(&self.seen).clone()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
