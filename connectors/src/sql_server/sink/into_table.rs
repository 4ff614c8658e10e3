//! The statements that take the rows of a stage into a table: an insert, or an upsert.

use ropeway_engine::{Error, ErrorKind, Result};

use super::{
    encode::Column,
    statements::{NOT_TAKEN, SAME_KEY},
    table::TableColumn,
};
use crate::sql::quote_ident;

/// How rows get into a table.
#[derive(Clone, Debug)]
pub(crate) struct IntoTable {
    /// The table, quoted.
    target: String,
    table_lock: bool,
    /// The columns that an upsert finds rows by, quoted; none for an insert.
    keys: Vec<String>,
    /// Those that an upsert changes.
    changed: Vec<String>,
    gives_identity: bool,
}

impl IntoTable {
    /// Rows of these columns, found by `keys`; without keys they are added.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for a key that the source does not have.
    pub(crate) fn new(target: &str, columns: &[(Column, TableColumn)], keys: &[String]) -> Result<Self> {
        let is_key = |to: &TableColumn| keys.iter().any(|key| key.eq_ignore_ascii_case(to.name()));
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
        let of = |wanted: &dyn Fn(&TableColumn) -> bool| {
            columns
                .iter()
                .filter(|(_, to)| wanted(to))
                .map(|(_, to)| quote_ident(to.name()))
                .collect::<Result<Vec<_>>>()
        };
        Ok(Self {
            target: target.to_owned(),
            table_lock: false,
            keys: of(&is_key)?,
            changed: of(&|to| !is_key(to) && !to.is_identity)?,
            gives_identity: columns.iter().any(|(_, to)| to.is_identity),
        })
    }

    /// A table that is made of the same columns, with nothing else to it.
    pub(crate) fn heap(target: &str) -> Self {
        let (keys, changed) = (Vec::new(), Vec::new());
        Self { target: target.to_owned(), table_lock: false, keys, changed, gives_identity: false }
    }

    /// Whether an insert locks the whole target.
    pub(crate) fn locking_the_table(self, table_lock: bool) -> Self {
        Self { table_lock, ..self }
    }

    /// Takes these columns of a stage.
    pub(crate) fn take(&self, stage: &str, columns: &str, rows: u64) -> String {
        if self.keys.is_empty() { self.insert(stage, columns, rows) } else { self.upsert(stage, columns) }
    }

    fn insert(&self, stage: &str, columns: &str, rows: u64) -> String {
        let lock = if self.table_lock { " WITH (TABLOCK)" } else { "" };
        let insert = format!(
            "INSERT INTO {}{lock} ({columns}) SELECT {columns} FROM {stage}; \
             IF @@ROWCOUNT <> {rows} THROW {NOT_TAKEN}, N'the table did not take every row', 1; ",
            self.target
        );
        self.with_identity(&insert)
    }

    fn upsert(&self, stage: &str, columns: &str) -> String {
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
        // No column of the target is meant: it stands in the inner query alone.
        let insert = format!(
            "INSERT INTO {target} ({columns}) SELECT {columns} FROM {stage} AS s \
             WHERE NOT EXISTS (SELECT 1 FROM {target} AS t WITH (UPDLOCK, HOLDLOCK) WHERE {same}); "
        );
        format!(
            "IF EXISTS (SELECT 1 FROM {stage} GROUP BY {} HAVING COUNT(*) > 1) \
             THROW {SAME_KEY}, N'rows of the source have the same key', 1; {update}{}",
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
}
