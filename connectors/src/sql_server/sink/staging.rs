//! Rows that go through a table of their own: a heap for every attempt, from which one statement takes the rows of a chunk
//! into the target.
//!
//! It is how upserts work, and how the chunks of a table with indexes are loaded side by side: the target is locked for one
//! statement instead of for as long as the source takes to send a chunk.

use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{Attempt, ChunkId, RunId},
};

use super::{
    super::wire::{Query, Session, text},
    encode::Column,
    statements::{SESSION, STAGES},
    table::TableColumn,
};
use crate::sql::quote_ident;

/// How rows get from their stage into the table.
#[derive(Clone, Debug)]
pub(crate) struct Staging {
    /// The schema of the stages, as it is.
    schema: String,
    /// The table, quoted.
    target: String,
    table_lock: bool,
    /// The columns that an upsert finds rows by, quoted; none for an insert.
    keys: Vec<String>,
    /// Quoted, each with its declaration: `[id] int NOT NULL`.
    declarations: Vec<String>,
    columns: Vec<String>,
    /// Those that an upsert changes.
    changed: Vec<String>,
    gives_identity: bool,
}

/// Whether every one of the columns can be staged: a CLR type has no declaration of its own.
pub(crate) fn is_possible(columns: &[(Column, TableColumn)]) -> bool {
    columns.iter().all(|(_, to)| to.declaration != "udt")
}

impl Staging {
    /// Stages for these columns of a table.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for a key that the source does not have.
    pub(crate) fn new(schema: &str, target: &str, columns: &[(Column, TableColumn)], keys: &[String]) -> Result<Self> {
        let is_key = |to: &TableColumn| keys.iter().any(|key| key.eq_ignore_ascii_case(to.name()));
        let quoted = |to: &TableColumn| quote_ident(to.name());
        let of = |wanted: &dyn Fn(&TableColumn) -> bool| {
            columns.iter().filter(|(_, to)| wanted(to)).map(|(_, to)| quoted(to)).collect::<Result<Vec<_>>>()
        };
        let found = of(&is_key)?;
        if let Some(missing) =
            keys.iter().find(|key| !columns.iter().any(|(_, to)| key.eq_ignore_ascii_case(to.name())))
        {
            return Err(Error::new(
                ErrorKind::Spec,
                "a key of the upsert is no column that is copied; name columns of source and table in «keys» of \
                 «upsertSettings»",
            )
            .with("key", missing.escape_debug())
            .with("table", target));
        }
        Ok(Self {
            schema: schema.to_owned(),
            target: target.to_owned(),
            table_lock: false,
            keys: found,
            declarations: columns.iter().map(|(_, to)| declared(to)).collect::<Result<_>>()?,
            columns: of(&|_| true)?,
            changed: of(&|to| !is_key(to) && !to.is_identity)?,
            gives_identity: columns.iter().any(|(_, to)| to.is_identity),
        })
    }

    /// Whether an insert locks the whole target.
    pub(crate) fn locking_the_table(self, table_lock: bool) -> Self {
        Self { table_lock, ..self }
    }

    /// The stage of an attempt, quoted. No other attempt has it.
    pub(crate) fn stage(&self, run: &RunId, chunk: ChunkId, attempt: Attempt) -> Result<String> {
        let name = format!("{}{}_{}_{}", prefix(run), chunk.0, attempt.epoch, attempt.number);
        Ok(format!("{}.{}", quote_ident(&self.schema)?, quote_ident(&name)?))
    }

    /// Makes a stage.
    pub(crate) fn create(&self, stage: &str) -> String {
        format!("CREATE TABLE {stage} ({})", self.declarations.join(", "))
    }

    /// Takes the rows of a stage into the table, all of them or none.
    pub(crate) fn take(&self, stage: &str, rows: u64) -> String {
        if self.keys.is_empty() { self.insert(stage, rows) } else { self.upsert(stage) }
    }

    fn insert(&self, stage: &str, rows: u64) -> String {
        let lock = if self.table_lock { " WITH (TABLOCK)" } else { "" };
        let columns = self.columns.join(", ");
        let insert = format!(
            "INSERT INTO {}{lock} ({columns}) SELECT {columns} FROM {stage}; \
             IF @@ROWCOUNT <> {rows} THROW 51004, N'the table did not take every row', 1; ",
            self.target
        );
        self.with_identity(&insert)
    }

    fn upsert(&self, stage: &str) -> String {
        let target = &self.target;
        let keys: Vec<String> = self.keys.iter().map(|key| format!("t.{key} = s.{key}")).collect();
        let same = keys.join(" AND ");
        let update = match self.changed.as_slice() {
            [] => String::new(),
            changed => {
                let set: Vec<String> = changed.iter().map(|column| format!("{column} = s.{column}")).collect();
                let set = set.join(", ");
                format!(
                    "UPDATE t SET {set} FROM {target} AS t WITH (UPDLOCK, HOLDLOCK) INNER JOIN {stage} AS s ON {same}; "
                )
            }
        };
        let columns = self.columns.join(", ");
        let values: Vec<String> = self.columns.iter().map(|column| format!("s.{column}")).collect();
        let insert = format!(
            "INSERT INTO {target} ({columns}) SELECT {} FROM {stage} AS s \
             WHERE NOT EXISTS (SELECT 1 FROM {target} AS t WITH (UPDLOCK, HOLDLOCK) WHERE {same}); ",
            values.join(", ")
        );
        format!(
            "IF EXISTS (SELECT 1 FROM {stage} GROUP BY {} HAVING COUNT(*) > 1) \
             THROW 51003, N'rows of the source have the same key', 1; {update}{}",
            self.keys.join(", "),
            self.with_identity(&insert)
        )
    }

    fn with_identity(&self, statement: &str) -> String {
        if !self.gives_identity {
            return statement.to_owned();
        }
        format!("SET IDENTITY_INSERT {0} ON; {statement}SET IDENTITY_INSERT {0} OFF; ", self.target)
    }

    /// Drops the stages that attempts of a run left behind, as far as nobody holds them: those of epochs before this one,
    /// or all.
    pub(crate) async fn tidy(&self, session: &mut Session, run: &RunId, before: Option<u32>) -> Result<()> {
        let found = session
            .rows(Query::new(
                STAGES,
                [("@schema", text(&self.schema)), ("@prefix", text(&format!("{}%", prefix(run).replace('_', "[_]"))))],
            ))
            .await?;
        for row in &found {
            let name = row.required("name")?;
            let epoch = name.rsplit('_').nth(1).and_then(|epoch| epoch.parse::<u32>().ok());
            if epoch.is_none() || before.is_some_and(|before| epoch >= Some(before)) {
                continue;
            }
            let stage = format!("{}.{}", quote_ident(&self.schema)?, quote_ident(name)?);
            // Somebody may still be loading into it, who will not get any further.
            let drop = format!("SET LOCK_TIMEOUT 1000; DROP TABLE IF EXISTS {stage}; {SESSION}");
            if let Err(error) = session.run(&drop).await {
                tracing::warn!(%error, stage, "a staging table is left behind; drop it");
            }
        }
        Ok(())
    }
}

/// How the names of a run's stages begin.
fn prefix(run: &RunId) -> String {
    format!("stage_{}_", run.short())
}

fn declared(to: &TableColumn) -> Result<String> {
    let collate = to
        .collation
        .as_deref()
        .filter(|_| to.has_collation())
        .map_or_else(String::new, |name| format!(" COLLATE {name}"));
    let null = if to.metadata.is_nullable() { "NULL" } else { "NOT NULL" };
    Ok(format!("{} {}{collate} {null}", quote_ident(to.name())?, to.declaration))
}
