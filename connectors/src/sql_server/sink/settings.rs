//! What a definition asks for, checked.

use ropeway_engine::{Error, ErrorKind, Result};

use super::{
    super::{
        input,
        spec::{CopySink, Dataset, UpsertSettings},
    },
    encode::Column,
    staging::{self, Staging},
    table::{Shape, Table, TableColumn},
};

/// The schema of Ropeway's own tables.
const OWN_SCHEMA: &str = "_cpy";

/// What a sink does.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The table, quoted: `[dbo].[orders]`.
    pub(crate) table: String,
    pub(crate) behavior: Behavior,
    /// Runs once per run, before the first row.
    pub(crate) script: Option<String>,
    /// Whether a table that is missing is made.
    pub(crate) auto_create: bool,
    pub(crate) table_lock: bool,
    /// Whether a column may lose something.
    pub(crate) lossy: bool,
}

/// What becomes of rows.
#[derive(Clone, Debug)]
pub(crate) enum Behavior {
    /// They are added.
    Insert,
    /// They take the place of rows with the same key, or are added.
    Upsert {
        /// Columns; none for those of the primary key.
        keys: Vec<String>,
        /// Where they are staged.
        schema: String,
    },
}

impl Settings {
    /// # Errors
    /// [`ErrorKind::Spec`] for what is missing, unknown or not supported yet; the property is named.
    pub(crate) fn of(dataset: &Dataset, sink: CopySink, lossy: bool) -> Result<Self> {
        Ok(Self {
            table: input::table(dataset, "give «schema» and «table» in the sink's dataset")?,
            behavior: behavior(sink.write_behavior.as_deref(), sink.upsert_settings.unwrap_or_default())?,
            script: sink.pre_copy_script.filter(|script| !script.trim().is_empty()),
            auto_create: auto_create(sink.table_option.as_deref())?,
            table_lock: sink.sql_writer_use_table_lock.unwrap_or(false),
            lossy,
        })
    }

    /// Whether rows of several chunks at once, or of an upsert, go through tables of their own.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for an upsert without keys, and for columns that cannot be staged.
    pub(crate) fn staging(
        &self,
        table: &Table,
        columns: &[(Column, TableColumn)],
        is_wanted: bool,
    ) -> Result<Option<Staging>> {
        let is_possible = staging::is_possible(columns);
        let (schema, keys) = match &self.behavior {
            Behavior::Insert if table.shape == Shape::Indexed && is_wanted && is_possible => (OWN_SCHEMA, &[][..]),
            Behavior::Insert => return Ok(None),
            Behavior::Upsert { .. } if !is_possible => {
                return Err(Error::new(
                    ErrorKind::Spec,
                    "an upsert cannot stage columns of CLR types such as geography; leave them out of the source's query",
                )
                .with("table", &table.name));
            }
            Behavior::Upsert { keys, schema } if keys.is_empty() => (schema.as_str(), table.key.as_slice()),
            Behavior::Upsert { keys, schema } => (schema.as_str(), keys.as_slice()),
        };
        if keys.is_empty() && matches!(self.behavior, Behavior::Upsert { .. }) {
            return Err(Error::new(
                ErrorKind::Spec,
                "the table has no primary key; name the columns that an upsert finds rows by in «keys» of «upsertSettings»",
            )
            .with("table", &table.name));
        }
        Staging::new(schema, &table.name, columns, keys).map(|staging| Some(staging.locking_the_table(self.table_lock)))
    }
}

fn behavior(name: Option<&str>, upsert: UpsertSettings) -> Result<Behavior> {
    match name.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "insert") => Ok(Behavior::Insert),
        Some("upsert") => Ok(Behavior::Upsert {
            keys: upsert.keys.unwrap_or_default(),
            // ADF's own tables in tempdb are as temporary as ours.
            schema: upsert
                .interim_schema_name
                .filter(|name| !name.is_empty() && upsert.use_temp_db == Some(false))
                .unwrap_or_else(|| OWN_SCHEMA.to_owned()),
        }),
        Some(other) => Err(Error::new(
            ErrorKind::Spec,
            "Ropeway inserts and upserts into tables of SQL Server; set «writeBehavior» to one of them, or run this copy in \
             Data Factory",
        )
        .with("writeBehavior", other.escape_debug())),
    }
}

fn auto_create(option: Option<&str>) -> Result<bool> {
    match option.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "none") => Ok(false),
        Some("autocreate") => Ok(true),
        Some(other) => Err(Error::new(ErrorKind::Spec, "«tableOption» is autoCreate or none")
            .with("tableOption", other.escape_debug())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn settings(sink: Value) -> Result<Settings> {
        let dataset = serde_json::from_value(json!({"schema": "dbo", "table": "t"})).unwrap();
        Settings::of(&dataset, serde_json::from_value(sink).unwrap(), false)
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for sink in [json!({"writeBehavior": "StoredProcedure"}), json!({"tableOption": "skip"})] {
            let error = settings(sink.clone()).unwrap_err();
            let name = sink.as_object().unwrap().keys().next().unwrap().as_str();
            assert!(error.kind() == ErrorKind::Spec && error.to_string().contains(name), "{error}");
        }
        let settings =
            settings(json!({"writeBehavior": "Insert", "tableOption": "autoCreate", "preCopyScript": " "})).unwrap();
        assert!(settings.auto_create && settings.script.is_none() && !settings.table_lock);
        assert_eq!(settings.table, "[dbo].[t]");
    }

    #[test]
    fn an_upsert_is_staged_where_the_definition_says() {
        let of = |upsert: Value| match settings(json!({"writeBehavior": "upsert", "upsertSettings": upsert})) {
            Ok(Settings { behavior: Behavior::Upsert { keys, schema }, .. }) => (keys, schema),
            other => panic!("{other:?}"),
        };
        assert_eq!(of(json!({"useTempDB": true, "interimSchemaName": "", "keys": ["a", "b"]})).0, ["a", "b"]);
        assert_eq!(of(json!({"useTempDB": false, "interimSchemaName": "stage"})), (vec![], "stage".to_owned()));
        assert_eq!(of(json!({"useTempDB": true, "interimSchemaName": "stage"})).1, "_cpy");
    }
}
