//! What a definition asks for, checked.

use ropeway_engine::{Error, ErrorKind, Result};

use super::{
    super::{
        input,
        settings::is_second,
        spec::{CopySink, Dataset, Ropeway},
        time_span,
    },
    encode::Column,
    fit::Liberty,
    into_table::IntoTable,
    procedure::Named,
    staging::{self, Staging},
    table::{Shape, Table, TableColumn},
    target::Target,
    whole_run::COMMIT,
};

/// The schema of Ropeway's own tables.
pub(crate) const OWN_SCHEMA: &str = "_cpy";

/// What a sink does.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The table, or the procedure that takes the rows, quoted: `[dbo].[orders]`.
    pub(crate) target: String,
    pub(crate) behavior: Behavior,
    /// Runs once per run, before the first row.
    pub(crate) script: Option<String>,
    /// Whether a table that is missing is made.
    pub(crate) auto_create: bool,
    pub(crate) table_lock: bool,
    /// Whether a column may lose something.
    pub(crate) lossy: bool,
    /// Whether all rows appear at once.
    pub(crate) whole_run: bool,
    /// Seconds that the server has for the rows of a chunk; `None` for any time.
    pub(crate) batch_timeout: Option<u32>,
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
    /// A stored procedure takes them.
    Call(Named),
}

impl Settings {
    /// # Errors
    /// [`ErrorKind::Spec`] for what is missing, unknown, contradictory or not supported yet; the property is named.
    pub(crate) fn of(dataset: &Dataset, sink: CopySink, ropeway: &Ropeway) -> Result<Self> {
        let behavior = behavior(&sink)?;
        let auto_create = auto_create(sink.table_option.as_deref())?;
        let whole_run = is_second(&COMMIT, ropeway.commit.as_deref())?;
        if whole_run && matches!(behavior, Behavior::Call(_)) {
            return Err(Error::new(
                ErrorKind::Spec,
                "a stored procedure is given chunk by chunk; leave out --set sink.commit=wholeRun",
            ));
        }
        let target = match &behavior {
            Behavior::Call(_) if auto_create => {
                return Err(Error::new(
                    ErrorKind::Spec,
                    "no table is made for a stored procedure; remove «tableOption», and create what the procedure writes to",
                ));
            }
            Behavior::Call(procedure) => procedure.name().to_owned(),
            Behavior::Insert | Behavior::Upsert { .. } => {
                input::table(dataset, "give «schema» and «table» in the sink's dataset")?
            }
        };
        Ok(Self {
            target,
            behavior,
            script: sink.pre_copy_script.filter(|script| !script.trim().is_empty()),
            auto_create,
            table_lock: sink.sql_writer_use_table_lock.unwrap_or(false),
            lossy: ropeway.lossy.unwrap_or(false),
            whole_run,
            batch_timeout: sink
                .write_batch_timeout
                .as_deref()
                .map(|text| time_span::seconds("writeBatchTimeout", text))
                .transpose()?,
        })
    }

    /// What may happen to values and columns.
    pub(crate) fn liberty(&self) -> Liberty {
        Liberty { lossy: self.lossy, grows: self.auto_create }
    }

    /// Whether rows of several chunks at once, of an upsert or of a procedure go through tables of their own.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for an upsert without keys, and for columns that cannot be staged.
    pub(crate) fn staging(
        &self,
        target: &Target,
        columns: &[(Column, TableColumn)],
        is_wanted: bool,
    ) -> Result<Option<Staging>> {
        let table = &target.table;
        let is_possible = staging::is_possible(columns);
        if !is_possible && !matches!(self.behavior, Behavior::Insert) {
            return Err(Error::new(
                ErrorKind::Spec,
                "an upsert or a stored procedure is given its rows by a table, and Ropeway makes none with columns of \
                 CLR types such as geography; leave them out of the source's query",
            )
            .with("table", &table.name));
        }
        if let Some(procedure) = &target.procedure {
            return Staging::for_calls(procedure.clone(), columns).map(Some);
        }
        let schema = match &self.behavior {
            Behavior::Insert if table.shape == Shape::Indexed && is_wanted && is_possible => OWN_SCHEMA,
            Behavior::Insert | Behavior::Call(_) => return Ok(None),
            Behavior::Upsert { schema, .. } => schema.as_str(),
        };
        Staging::into_table(schema, self.way_out(table, columns)?, columns).map(Some)
    }

    /// How rows of these columns get from a stage into the table.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for an upsert without keys, or with keys that are no columns.
    pub(crate) fn way_out(&self, table: &Table, columns: &[(Column, TableColumn)]) -> Result<IntoTable> {
        let keys = match &self.behavior {
            Behavior::Insert | Behavior::Call(_) => &[][..],
            Behavior::Upsert { keys, .. } if keys.is_empty() => table.key.as_slice(),
            Behavior::Upsert { keys, .. } => keys.as_slice(),
        };
        if keys.is_empty() && matches!(self.behavior, Behavior::Upsert { .. }) {
            return Err(Error::new(
                ErrorKind::Spec,
                "the table has no primary key; name the columns that an upsert finds rows by in «keys» of «upsertSettings»",
            )
            .with("table", &table.name));
        }
        Ok(IntoTable::new(&table.name, columns, keys)?.locking_the_table(self.table_lock))
    }
}

fn behavior(sink: &CopySink) -> Result<Behavior> {
    let names_procedure = sink.sql_writer_stored_procedure_name.as_deref().is_some_and(|name| !name.trim().is_empty());
    let name = sink.write_behavior.as_deref().map(str::to_ascii_lowercase).unwrap_or_default();
    match name.as_str() {
        // Definitions from before there were behaviors only name the procedure.
        "" if names_procedure => Named::of(sink).map(Behavior::Call),
        "storedprocedure" => Named::of(sink).map(Behavior::Call),
        "insert" | "upsert" if names_procedure => Err(Error::new(
            ErrorKind::Spec,
            "«sqlWriterStoredProcedureName» names a procedure that «writeBehavior» does not call; set «writeBehavior» to \
             storedProcedure, or remove the name",
        )
        .with("writeBehavior", name)),
        "" | "insert" => Ok(Behavior::Insert),
        "upsert" => Ok(upsert(sink)),
        other => Err(Error::new(ErrorKind::Spec, "«writeBehavior» is insert, upsert or storedProcedure")
            .with("writeBehavior", other.escape_debug())),
    }
}

fn upsert(sink: &CopySink) -> Behavior {
    let settings = sink.upsert_settings.as_ref();
    let schema = settings
        // ADF's own tables in tempdb are as temporary as ours.
        .filter(|settings| settings.use_temp_db == Some(false))
        .and_then(|settings| settings.interim_schema_name.clone())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| OWN_SCHEMA.to_owned());
    Behavior::Upsert { keys: settings.and_then(|settings| settings.keys.clone()).unwrap_or_default(), schema }
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
        Settings::of(&dataset, serde_json::from_value(sink).unwrap(), &Ropeway::default())
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for sink in
            [json!({"writeBehavior": "merge"}), json!({"tableOption": "skip"}), json!({"writeBatchTimeout": "soon"})]
        {
            let error = settings(sink.clone()).unwrap_err();
            let name = sink.as_object().unwrap().keys().next().unwrap().as_str();
            assert!(error.kind() == ErrorKind::Spec && error.to_string().contains(name), "{error}");
        }
        let settings =
            settings(json!({"writeBehavior": "Insert", "tableOption": "autoCreate", "preCopyScript": " "})).unwrap();
        assert!(settings.auto_create && settings.script.is_none() && !settings.table_lock);
        assert_eq!((settings.target.as_str(), settings.batch_timeout), ("[dbo].[t]", None));
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

    #[test]
    fn a_procedure_is_called_where_it_is_named() {
        let named = json!({"sqlWriterStoredProcedureName": "put", "writeBatchTimeout": "00:30:00"});
        let behaviors = [Value::Null, json!("storedProcedure"), json!("StoredProcedure")];
        for behavior in behaviors {
            let mut sink = named.clone();
            sink["writeBehavior"] = behavior;
            let settings = settings(sink).unwrap();
            assert!(matches!(settings.behavior, Behavior::Call(_)));
            assert_eq!((settings.target.as_str(), settings.batch_timeout), ("[put]", Some(1_800)));
        }
        for (property, value) in
            [("writeBehavior", "insert"), ("writeBehavior", "Upsert"), ("tableOption", "autoCreate")]
        {
            let mut sink = named.clone();
            sink[property] = json!(value);
            let error = settings(sink).unwrap_err();
            assert!(error.kind() == ErrorKind::Spec && error.to_string().contains(property), "{error}");
        }
        let error = settings(json!({"writeBehavior": "storedProcedure"})).unwrap_err();
        assert!(error.to_string().contains("sqlWriterStoredProcedureName"), "{error}");
    }

    #[test]
    fn names_and_values_of_a_procedure_are_checked() {
        for (property, value) in [
            ("sqlWriterStoredProcedureName", json!("other.dbo.put")),
            ("sqlWriterTableType", json!("[open")),
            ("storedProcedureTableTypeParameterName", json!("rows; DROP TABLE t --")),
            ("storedProcedureParameters", json!({"n": {"value": "seven", "type": "Int"}})),
            ("storedProcedureParameters", json!({"n = 1; --": {"value": "1"}})),
        ] {
            let mut sink = json!({"sqlWriterStoredProcedureName": "put"});
            sink[property] = value;
            assert_eq!(settings(sink).unwrap_err().kind(), ErrorKind::Spec, "{property}");
        }
    }
}
