//! Every statement of the sink's own.
//!
//! Numbers and digests are written into the texts; what a person chose (the run's id) is a parameter.

use ropeway_engine::{
    Result,
    chunk::{ChunkId, RunId},
};

use super::{
    super::{connection::Session, dialect::Dialect},
    table::quoted,
};
use crate::ledger::Entry;

/// The names of the ledger's tables.
const RUN: &str = "_cpy_run";
const LEDGER: &str = "_cpy_ledger";

/// The columns of an entry, as [`Entry::read`] wants them.
pub(super) const ENTRY: [&str; 6] = ["chunk_id", "epoch", "attempt", "row_count", "byte_count", "digest"];

/// The ledger's tables, which stand beside the table that is written to.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    dialect: &'static Dialect,
    run: String,
    ledger: String,
}

/// A run as one process of it names it.
#[derive(Clone, Debug)]
pub(super) struct Owned {
    pub(super) run: RunId,
    pub(super) epoch: u32,
    /// The process: two that have the same epoch are not one.
    pub(super) owner: String,
}

impl Ledger {
    /// In the same schema as the table of this name.
    pub(super) fn beside(session: &Session, table: &[String]) -> Result<Self> {
        let name = |own: &str| {
            let schema = table.split_last().map_or(&[][..], |(_, schema)| schema);
            quoted(session, &[schema, &[own.to_owned()]].concat())
        };
        Ok(Self { dialect: session.peer.driver.dialect, run: name(RUN)?, ledger: name(LEDGER)? })
    }

    /// Its name, for people.
    pub(super) fn name(&self) -> &str {
        &self.ledger
    }

    /// Fails if a table is missing.
    pub(super) fn are_there(&self) -> [String; 2] {
        [&self.run, &self.ledger].map(|table| format!("SELECT run_id FROM {table} WHERE 1 = 0"))
    }

    /// Makes the tables.
    pub(super) fn create(&self) -> [String; 2] {
        let Dialect { key, moment, with_transactions, .. } = self.dialect;
        [
            format!(
                "CREATE TABLE {} (run_id {key} NOT NULL PRIMARY KEY, epoch bigint NOT NULL, owner {key} NOT NULL, \
                 state {key} NOT NULL, prepared smallint NOT NULL, changed_at {moment} NOT NULL){with_transactions}",
                self.run
            ),
            format!(
                "CREATE TABLE {} (run_id {key} NOT NULL, chunk_id bigint NOT NULL, epoch bigint NOT NULL, \
                 attempt bigint NOT NULL, row_count bigint NOT NULL, byte_count bigint NOT NULL, digest {key} NOT NULL, \
                 committed_at {moment} NOT NULL, PRIMARY KEY (run_id, chunk_id)){with_transactions}",
                self.ledger
            ),
        ]
    }

    /// Who has the run, and whether its script has run. Parameter: run. Others wait until the transaction ends.
    pub(super) fn holder(&self) -> String {
        format!("SELECT epoch, owner, prepared FROM {} WHERE run_id = ? {}", self.run, self.dialect.exclusive)
    }

    /// The run's first process. Parameters: run, owner.
    pub(super) fn enter(&self, epoch: u32) -> String {
        format!(
            "INSERT INTO {} (run_id, epoch, owner, state, prepared, changed_at) \
             VALUES (?, {epoch}, ?, 'running', 0, CURRENT_TIMESTAMP)",
            self.run
        )
    }

    /// A later process. Parameters: owner, run.
    pub(super) fn take(&self, epoch: u32) -> String {
        format!(
            "UPDATE {} SET epoch = {epoch}, owner = ?, state = 'running', changed_at = CURRENT_TIMESTAMP WHERE run_id = ?",
            self.run
        )
    }

    /// The script has run. Parameter: run.
    pub(super) fn prepared(&self) -> String {
        format!("UPDATE {} SET prepared = 1, changed_at = CURRENT_TIMESTAMP WHERE run_id = ?", self.run)
    }

    /// The row of a chunk, if the run is still this process's: the row that says so is kept until the transaction ends, so
    /// that nobody takes the run over in between. Parameters: run, owner.
    pub(super) fn commit(&self, epoch: u32, entry: &Entry) -> String {
        let Entry { chunk, attempt, rows, bytes, digest } = entry;
        format!(
            "INSERT INTO {} (run_id, chunk_id, epoch, attempt, row_count, byte_count, digest, committed_at) \
             SELECT run_id, {}, {}, {}, {rows}, {bytes}, '{digest}', CURRENT_TIMESTAMP FROM {} \
             WHERE run_id = ? AND epoch = {epoch} AND owner = ? {}",
            self.ledger, chunk.0, attempt.epoch, attempt.number, self.run, self.dialect.shared
        )
    }

    /// All chunks are there. Parameters: run, owner.
    pub(super) fn finish(&self, epoch: u32) -> String {
        format!(
            "UPDATE {} SET state = 'succeeded', changed_at = CURRENT_TIMESTAMP \
             WHERE run_id = ? AND epoch = {epoch} AND owner = ?",
            self.run
        )
    }

    /// The ledger's row of a chunk. Parameter: run.
    pub(super) fn entry(&self, chunk: ChunkId) -> String {
        format!("{} AND chunk_id = {}", self.entries(), chunk.0)
    }

    /// All of the ledger's rows. Parameter: run.
    pub(super) fn entries(&self) -> String {
        format!("SELECT {} FROM {} WHERE run_id = ?", ENTRY.join(", "), self.ledger)
    }
}

/// The INSERT of so many rows.
pub(super) fn insert(table: &str, columns: &[String], markers: &[&str], values: usize) -> String {
    let row = format!("({})", markers.join(", "));
    format!("INSERT INTO {table} ({}) VALUES {}", columns.join(", "), vec![row; values].join(", "))
}
