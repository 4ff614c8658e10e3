//! Rows that go through a table of their own: one for every attempt, from which one batch takes the rows of a chunk to
//! where they belong.
//!
//! It is how upserts and stored procedures work, and how the chunks of a table with indexes are loaded side by side: the
//! target is locked for one statement instead of for as long as the source takes to send a chunk.

use mssql_tds::datatypes::sqltypes::SqlType;
use ropeway_engine::{
    Result,
    chunk::{Attempt, ChunkId, RunId},
};

use super::{
    super::wire::{Query, Session, text},
    call::{self, STAGE},
    clashes::{Keys, free_name},
    encode::Column,
    into_table::IntoTable,
    procedure::Procedure,
    statements::{SESSION, STAGES},
    table::TableColumn,
};
use crate::sql::quote_ident;

/// Stages, and how rows get out of them.
#[derive(Clone, Debug)]
pub(crate) struct Staging {
    /// Quoted, each with its declaration: `[id] int NOT NULL`.
    declarations: Vec<String>,
    /// Quoted.
    columns: String,
    way: Way,
    /// The keys of the target, where rows are left out whose keys are taken.
    keys: Option<Keys>,
}

/// Where stages are, and where their rows go.
#[derive(Clone, Debug)]
enum Way {
    /// Heaps of a schema, which is as it is, and into a table.
    Table { schema: String, into: IntoTable },
    /// A table of the session's own, and to a procedure. `number` is a column that counts the rows, quoted.
    Call { procedure: Procedure, number: Option<String> },
}

/// Whether every one of the columns can be staged: a CLR type has no declaration of its own.
pub(crate) fn is_possible(columns: &[(Column, TableColumn)]) -> bool {
    columns.iter().all(|(_, to)| to.declaration != "udt")
}

impl Staging {
    /// Stages in a schema, for these columns of a table.
    ///
    /// # Errors
    /// For names that SQL Server cannot have.
    pub(crate) fn into_table(schema: &str, into: IntoTable, columns: &[(Column, TableColumn)]) -> Result<Self> {
        Self::of(columns, Way::Table { schema: schema.to_owned(), into })
    }

    /// The same with rows that are marked, so that those are found whose keys are taken.
    pub(crate) fn minding(mut self, keys: Option<Keys>) -> Self {
        self.declarations.extend(keys.iter().flat_map(Keys::declarations));
        Self { keys, ..self }
    }

    /// The keys that are minded.
    pub(crate) fn keys(&self) -> Option<&Keys> {
        self.keys.as_ref()
    }

    /// Stages for these columns of the table type that a procedure takes.
    ///
    /// # Errors
    /// For names that SQL Server cannot have.
    pub(crate) fn for_calls(procedure: Procedure, columns: &[(Column, TableColumn)]) -> Result<Self> {
        // Rows are numbered only where they go out in portions: the number is a key, and a key is sorted by.
        let number = procedure.batch.map(|_| quote_ident(&free_name("ropeway_row", columns))).transpose()?;
        let mut staging = Self::of(columns, Way::Call { procedure, number: number.clone() })?;
        staging.declarations.extend(number.map(|name| format!("{name} bigint IDENTITY(1, 1) NOT NULL PRIMARY KEY")));
        Ok(staging)
    }

    fn of(columns: &[(Column, TableColumn)], way: Way) -> Result<Self> {
        let (names, declarations) = (names(columns)?, declarations(columns)?);
        Ok(Self { declarations, columns: names.join(", "), way, keys: None })
    }

    /// The stage of an attempt, quoted. No other attempt has it.
    pub(crate) fn stage(&self, run: &RunId, chunk: ChunkId, attempt: Attempt) -> Result<String> {
        let Way::Table { schema, .. } = &self.way else { return Ok(STAGE.to_owned()) };
        let name = format!("{}{}_{}_{}", prefix(run), chunk.0, attempt.epoch, attempt.number);
        Ok(format!("{}.{}", quote_ident(schema)?, quote_ident(&name)?))
    }

    /// Makes a stage.
    pub(crate) fn create(&self, stage: &str) -> String {
        format!("CREATE TABLE {stage} ({})", self.declarations.join(", "))
    }

    /// Takes the rows of a stage to where they belong, all of them or none.
    pub(crate) fn take(&self, stage: &str, rows: u64) -> String {
        match &self.way {
            Way::Table { into, .. } => into.take(stage, &self.columns, rows),
            Way::Call { .. } if rows == 0 => String::new(),
            Way::Call { procedure, number } => call::calls(procedure, &self.columns, number.as_deref(), rows),
        }
    }

    /// The parameters of the batch with [`Self::take`].
    pub(crate) fn values(&self) -> Vec<(String, SqlType)> {
        match &self.way {
            Way::Table { .. } => Vec::new(),
            Way::Call { procedure, .. } => procedure.values.clone(),
        }
    }

    /// Drops the stages that attempts of a run left behind, as far as nobody holds them: those of epochs before this one,
    /// or all.
    pub(crate) async fn tidy(&self, session: &mut Session, run: &RunId, before: Option<u32>) -> Result<()> {
        // A session's own table ends with it.
        let Way::Table { schema, .. } = &self.way else { return Ok(()) };
        let prefix = text(&format!("{}%", prefix(run).replace('_', "[_]")));
        let found = session.rows(Query::new(STAGES, [("@schema", text(schema)), ("@prefix", prefix)])).await?;
        for row in &found {
            let name = row.required("name")?;
            let epoch = name.rsplit('_').nth(1).and_then(|epoch| epoch.parse::<u32>().ok());
            if epoch.is_none() || before.is_some_and(|before| epoch >= Some(before)) {
                continue;
            }
            let stage = format!("{}.{}", quote_ident(schema)?, quote_ident(name)?);
            // Somebody may still be loading into it, who will not get any further.
            let drop = format!("SET LOCK_TIMEOUT 1000; DROP TABLE IF EXISTS {stage}; {SESSION}");
            if let Err(error) = session.run(&drop).await {
                tracing::warn!(%error, stage, "a staging table is left behind; drop it");
            }
        }
        Ok(())
    }
}

/// The columns of a stage, quoted.
pub(crate) fn names(columns: &[(Column, TableColumn)]) -> Result<Vec<String>> {
    columns.iter().map(|(_, to)| quote_ident(to.name())).collect()
}

/// The same with their types.
pub(crate) fn declarations(columns: &[(Column, TableColumn)]) -> Result<Vec<String>> {
    columns.iter().map(|(_, to)| declared(to)).collect()
}

/// How the names of a run's stages begin.
fn prefix(run: &RunId) -> String {
    format!("stage_{}_", run.short())
}

fn declared(to: &TableColumn) -> Result<String> {
    Ok(format!("{} {}{}", quote_ident(to.name())?, to.declaration, to.collated()))
}
