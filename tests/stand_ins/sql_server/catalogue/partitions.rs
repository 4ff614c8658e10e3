//! Partition functions and schemes.

use super::super::SqlError;
use super::super::sql_type::SqlType;
use super::{next_number, quoted, views};
use rusqlite::{Connection, params};

/// CREATE PARTITION SCHEME.
pub(in super::super) fn create_partition_scheme(
    sqlite: &Connection,
    database: &str,
    name: &str,
    function: &str,
) -> Result<(), SqlError> {
    let known = partition_function(sqlite, database, function)?;
    let known = known.ok_or_else(|| {
        SqlError::new(7707, 16, format!("The associated partition function '{function}' does not exist."))
    })?;
    views::add_partition_scheme(sqlite, database, name, known.id)
}

/// A partition function.
#[derive(Clone, Debug)]
pub(in super::super) struct PartitionFunction {
    pub(in super::super) id: i64,
    pub(in super::super) of: SqlType,
    pub(in super::super) right: bool,
    /// In order, canonical.
    pub(in super::super) boundaries: Vec<rusqlite::types::Value>,
}

impl PartitionFunction {
    /// SQLite text for the partition of a value of the function's type.
    pub(in super::super) fn number_of(&self, value: &str) -> String {
        let sign = if self.right { ">=" } else { ">" };
        let collation = self.of.collation().map(|of| format!(" COLLATE {}", quoted(of.name))).unwrap_or_default();
        let terms: Vec<String> = self
            .boundaries
            .iter()
            .map(|boundary| {
                format!(" + coalesce(({value}) {sign} ({}){collation}, 0)", super::super::bind::literal_sql(boundary))
            })
            .collect();
        format!("(1{})", terms.concat())
    }
}

/// CREATE PARTITION FUNCTION.
pub(in super::super) fn create_partition_function(
    sqlite: &Connection,
    database: &str,
    name: &str,
    function: &PartitionFunction,
) -> Result<(), SqlError> {
    if partition_function(sqlite, database, name)?.is_some() {
        return Err(SqlError::new(7705, 16, format!("There is already an object named '{name}' in the database.")));
    }
    let id = next_number(sqlite, "partition function", 65_536)?;
    for (boundary, value) in std::iter::once(&rusqlite::types::Value::Null).chain(&function.boundaries).enumerate() {
        sqlite.execute(
            "INSERT INTO ropeway_partition_function VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![database, name, id, function.of.to_string(), function.right, boundary as i64, value],
        )?;
    }
    views::add_partition_function(sqlite, database, name, id, function)
}

/// The partition function of this name.
pub(in super::super) fn partition_function(
    sqlite: &Connection,
    database: &str,
    name: &str,
) -> Result<Option<PartitionFunction>, SqlError> {
    let mut statement = sqlite.prepare("SELECT id, type, is_right, value FROM ropeway_partition_function WHERE database = ?1 AND name = ?2 ORDER BY boundary")?;
    let mut rows = statement.query([database, name])?;
    let mut function: Option<PartitionFunction> = None;
    while let Some(row) = rows.next()? {
        match &mut function {
            // The first row only declares the function.
            None => {
                let (_, of, _) =
                    super::super::parser::parse_parameters(&format!("@boundary {}", row.get::<_, String>(1)?))?
                        .remove(0);
                function = Some(PartitionFunction { id: row.get(0)?, of, right: row.get(2)?, boundaries: Vec::new() });
            }
            Some(function) => function.boundaries.push(row.get(3)?),
        }
    }
    Ok(function)
}
