//! Who may do what to which table while others are at work: locks on tables, held to the end of a statement or of a
//! transaction, and the rows that transactions have inserted and not yet committed.
//!
//! Rows are locked where they are new. A transaction that changes or removes rows locks their whole table, as SQL Server does
//! where no index leads to the row or where locks escalate. The stand-in therefore waits at least where the server waits.

use super::SqlError;
use std::collections::{HashMap, HashSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a session does to a table, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Sch-S: the table stays as it is defined.
    Definition,
    /// IS: committed rows are read.
    Read,
    /// IX: rows are inserted.
    Insert,
    /// IU: rows are read to be changed.
    Update,
    /// S: nothing may change.
    Shared,
    /// BU: a bulk load with TABLOCK of a table without indexes.
    Bulk,
    /// X: rows are changed or removed.
    Change,
    /// Sch-M.
    Schema,
}

impl Mode {
    fn goes_with(self, other: Mode) -> bool {
        use Mode::{Bulk, Change, Definition, Insert, Read, Schema, Shared, Update};
        match (self, other) {
            (Schema, _) | (_, Schema) => false,
            (Definition, _) | (_, Definition) => true,
            (Change, _) | (_, Change) => false,
            (Bulk, other) | (other, Bulk) => other == Bulk,
            (Update, Update) | (Insert, Shared) | (Shared, Insert) => false,
            (Read | Insert | Update | Shared, _) => true,
        }
    }
}

/// How long a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Until {
    StatementEnds,
    TransactionEnds,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    owner: i64,
    mode: Mode,
    until: Until,
}

/// Rows of a table that a transaction has inserted: their places in SQLite.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewRows {
    pub(super) object: i64,
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) owner: i64,
    /// How often the owner had released locks when this was looked up.
    releases: u64,
}

#[derive(Default)]
struct Table {
    held: HashMap<String, Vec<Held>>,
    inserted: Vec<NewRows>,
    waiting: HashMap<i64, Vec<i64>>,
    releases: HashMap<i64, u64>,
}

/// The locks of a server.
#[derive(Default)]
pub(super) struct Locks {
    table: Mutex<Table>,
    released: Condvar,
}

/// How a wait has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// One of those in the way has let go: try again.
    Released,
    /// They are still in the way.
    Not,
    /// Those in the way wait for the one who asks.
    Deadlock,
}

/// Number of the error that says who is in the way. It never leaves the stand-in.
const BLOCKED: i32 = i32::MIN;

impl Locks {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a lock, or says who is in the way.
    pub(super) fn take(&self, owner: i64, resource: &str, mode: Mode, until: Until) -> Result<(), SqlError> {
        let mut table = self.table();
        let held = table.held.get(resource).map_or(&[][..], Vec::as_slice);
        let in_the_way: HashSet<i64> = held
            .iter()
            .filter(|other| other.owner != owner && !other.mode.goes_with(mode))
            .map(|other| other.owner)
            .collect();
        if !in_the_way.is_empty() {
            return Err(blocked(in_the_way.into_iter().map(|other| (other, table.releases_of(other)))));
        }
        let held = table.held.entry(resource.to_owned()).or_default();
        match held.iter_mut().find(|own| own.owner == owner && own.mode == mode) {
            Some(own) => own.until = own.until.max(until),
            None => held.push(Held { owner, mode, until }),
        }
        Ok(())
    }

    /// Many row locks become one of the table, unless somebody else is at work in it.
    pub(super) fn escalate(&self, owner: i64, resource: &str) {
        // Escalation never waits: whoever is in the way keeps it from happening.
        let _ = self.take(owner, resource, Mode::Change, Until::TransactionEnds);
    }

    /// Lets go of one lock. Whether it was held.
    pub(super) fn release(&self, owner: i64, resource: &str) -> bool {
        let mut table = self.table();
        let Some(held) = table.held.get_mut(resource) else { return false };
        let before = held.len();
        held.retain(|own| own.owner != owner);
        if held.len() == before {
            return false;
        }
        table.note_release(owner);
        self.released.notify_all();
        true
    }

    /// Lets go of what was taken until the end of the statement.
    pub(super) fn end_statement(&self, owner: i64) {
        self.release_where(owner, |held| held.until == Until::StatementEnds);
    }

    /// Lets go of everything but what the session itself holds.
    pub(super) fn end_transaction(&self, owner: i64) {
        self.table().inserted.retain(|rows| rows.owner != owner);
        self.release_where(owner, |_| true);
    }

    fn release_where(&self, owner: i64, ends: impl Fn(&Held) -> bool) {
        let mut table = self.table();
        let mut released = false;
        table.held.retain(|_, held| {
            let before = held.len();
            held.retain(|own| own.owner != owner || !ends(own));
            released |= held.len() < before;
            !held.is_empty()
        });
        if released {
            table.note_release(owner);
            self.released.notify_all();
        }
    }

    /// Rows that a transaction has just inserted.
    pub(super) fn inserted(&self, owner: i64, object: i64, (first, last): (i64, i64)) {
        self.table().inserted.push(NewRows { object, first, last, owner, releases: 0 });
    }

    /// Rows that others have inserted and not committed.
    pub(super) fn foreign_rows(&self, owner: i64) -> Vec<NewRows> {
        let table = self.table();
        let foreign = table.inserted.iter().filter(|rows| rows.owner != owner);
        foreign.map(|rows| NewRows { releases: table.releases_of(rows.owner), ..*rows }).collect()
    }

    /// Waits a little for one of those that a blocked error names.
    pub(super) fn wait(&self, owner: i64, error: &SqlError, time: Duration) -> Waited {
        let in_the_way = in_the_way(error);
        let mut table = self.table();
        table.waiting.insert(owner, in_the_way.iter().map(|(other, _)| *other).collect());
        let mut waited = if table.waits_for_itself(owner) {
            Waited::Deadlock
        } else if table.has_moved(&in_the_way) {
            Waited::Released
        } else {
            Waited::Not
        };
        if waited == Waited::Not {
            table = self.released.wait_timeout(table, time).unwrap_or_else(PoisonError::into_inner).0;
            if table.has_moved(&in_the_way) {
                waited = Waited::Released;
            }
        }
        if waited != Waited::Not {
            table.waiting.remove(&owner);
        }
        waited
    }

    /// Ends a wait that is given up.
    pub(super) fn give_up(&self, owner: i64) {
        self.table().waiting.remove(&owner);
    }
}

impl Table {
    fn releases_of(&self, owner: i64) -> u64 {
        self.releases.get(&owner).copied().unwrap_or(0)
    }

    fn note_release(&mut self, owner: i64) {
        *self.releases.entry(owner).or_default() += 1;
    }

    fn has_moved(&self, in_the_way: &[(i64, u64)]) -> bool {
        in_the_way.iter().any(|(other, releases)| self.releases_of(*other) != *releases)
    }

    fn waits_for_itself(&self, owner: i64) -> bool {
        let mut seen = HashSet::new();
        let mut next: Vec<i64> = self.waiting.get(&owner).cloned().unwrap_or_default();
        while let Some(other) = next.pop() {
            if other == owner {
                return true;
            }
            if seen.insert(other) {
                next.extend(self.waiting.get(&other).into_iter().flatten());
            }
        }
        false
    }
}

impl NewRows {
    /// The error of one who must wait for these rows.
    pub(super) fn blocked(&self) -> SqlError {
        blocked([(self.owner, self.releases)])
    }
}

fn blocked(in_the_way: impl IntoIterator<Item = (i64, u64)>) -> SqlError {
    let owners: Vec<String> = in_the_way.into_iter().map(|(owner, releases)| format!("{owner}:{releases}")).collect();
    SqlError::new(BLOCKED, 16, owners.join(" "))
}

fn in_the_way(error: &SqlError) -> Vec<(i64, u64)> {
    let pairs = error.message.split(' ').filter_map(|pair| pair.split_once(':'));
    pairs.filter_map(|(owner, releases)| Some((owner.parse().ok()?, releases.parse().ok()?))).collect()
}

/// Whether a statement has failed only because somebody is in its way.
pub(super) fn is_blocked(error: &SqlError) -> bool {
    error.number == BLOCKED
}
