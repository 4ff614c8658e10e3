//! What a definition asks for, checked.

use ropeway_engine::{Error, ErrorKind, Result};

use super::super::{
    input,
    spec::{CopySink, Dataset},
};

/// What a sink does.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The table, quoted: `[dbo].[orders]`.
    pub(crate) table: String,
    /// Runs once per run, before the first row.
    pub(crate) script: Option<String>,
    /// Whether a table that is missing is made.
    pub(crate) auto_create: bool,
    pub(crate) table_lock: bool,
    /// Whether a column may lose something.
    pub(crate) lossy: bool,
}

impl Settings {
    /// # Errors
    /// [`ErrorKind::Spec`] for what is missing, unknown or not supported yet; the property is named.
    pub(crate) fn of(dataset: &Dataset, sink: CopySink, lossy: bool) -> Result<Self> {
        only_inserts(sink.write_behavior.as_deref())?;
        Ok(Self {
            table: input::table(dataset, "give «schema» and «table» in the sink's dataset")?,
            script: sink.pre_copy_script.filter(|script| !script.trim().is_empty()),
            auto_create: auto_create(sink.table_option.as_deref())?,
            table_lock: sink.sql_writer_use_table_lock.unwrap_or(false),
            lossy,
        })
    }
}

fn only_inserts(behavior: Option<&str>) -> Result<()> {
    match behavior.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "insert") => Ok(()),
        Some(other) => Err(Error::new(
            ErrorKind::Spec,
            "Ropeway only inserts into tables of SQL Server yet; set «writeBehavior» to insert, or run this copy in Data \
             Factory",
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
        for sink in [json!({"writeBehavior": "Upsert"}), json!({"tableOption": "skip"})] {
            let error = settings(sink.clone()).unwrap_err();
            let name = sink.as_object().unwrap().keys().next().unwrap().as_str();
            assert!(error.kind() == ErrorKind::Spec && error.to_string().contains(name), "{error}");
        }
        let settings =
            settings(json!({"writeBehavior": "Insert", "tableOption": "autoCreate", "preCopyScript": " "})).unwrap();
        assert!(settings.auto_create && settings.script.is_none() && !settings.table_lock);
        assert_eq!(settings.table, "[dbo].[t]");
    }
}
