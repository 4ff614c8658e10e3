//! `sink.commit=wholeRun`: readers see all rows of a run or none. Chunks are committed, each with its row of the ledger, to
//! a table of the run's own, and one batch takes all of it to the target in the end.
//!
//! Chunks get into that table through stages of their own: a process that is stopped in the middle of a load holds locks
//! on its stage alone, and the last batch waits for nobody.

use std::time::Duration;

use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{Receipt, RunId},
    registry::Setting,
};

use super::{
    encode::Column,
    into_table::IntoTable,
    settings::OWN_SCHEMA,
    staging::{self, Staging},
    statements::{Owned, literal, run_script},
    table::TableColumn,
};
use crate::sql::quote_ident;

/// When rows appear: with their chunks, or all at once.
pub(crate) const COMMIT: Setting = Setting { name: "commit", values: &["perChunk", "wholeRun"] };

/// How long the transaction of all rows may take. The server says nothing meanwhile.
pub(crate) const PUBLICATION: Duration = Duration::from_secs(24 * 60 * 60);

/// What is promised about rows.
pub(crate) const GUARANTEE: &str =
    "every row exactly once; all rows appear at once, in one transaction, when the copy is complete";

/// The table of one run, and the way out of it.
#[derive(Clone, Debug)]
pub(crate) struct WholeRun {
    /// Quoted.
    table: String,
    declarations: String,
    columns: String,
    into: IntoTable,
    script: Option<String>,
}

impl WholeRun {
    /// # Errors
    /// [`ErrorKind::Spec`] for columns of which no table can be made.
    pub(crate) fn of(
        run: &RunId,
        columns: &[(Column, TableColumn)],
        into: IntoTable,
        script: Option<String>,
    ) -> Result<Self> {
        if !staging::is_possible(columns) {
            return Err(Error::new(
                ErrorKind::Spec,
                "with --set sink.commit=wholeRun rows go through a table, and Ropeway makes none with columns of CLR types \
                 such as geography; leave them out of the source's query",
            ));
        }
        let (names, declarations) = (staging::names(columns)?, staging::declarations(columns)?);
        let table = format!("{}.{}", quote_ident(OWN_SCHEMA)?, quote_ident(&format!("whole_{}", run.short()))?);
        Ok(Self { table, declarations: declarations.join(", "), columns: names.join(", "), into, script })
    }

    /// The table, quoted.
    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// Stages out of which chunks get into the table.
    pub(crate) fn staging(&self, columns: &[(Column, TableColumn)]) -> Result<Staging> {
        Staging::into_table(OWN_SCHEMA, IntoTable::heap(&self.table), columns)
    }

    /// The batch that makes the table, unless its rows are published. Without it the chunks that were in it are gone.
    pub(crate) fn begin(&self, owned: &Owned) -> String {
        let Self { table, declarations, .. } = self;
        owned.unless_succeeded(
            &format!("IF OBJECT_ID({}) IS NULL BEGIN ", literal(table)),
            &format!("{}; CREATE TABLE {table} ({declarations}); END; ", owned.forget_chunks()),
        )
    }

    /// The batch that publishes all rows: once, however often it is run.
    pub(crate) fn publish(&self, owned: &Owned, receipts: &[Receipt]) -> String {
        let Self { table, columns, into, script, .. } = self;
        let rows = receipts.iter().map(|receipt| receipt.rows).sum();
        let script = script.as_deref().map(run_script).unwrap_or_default();
        let take = into.take(table, columns, rows);
        owned.unless_succeeded(&script, &format!("{take}DROP TABLE {table}; {}", owned.succeed()))
    }
}
