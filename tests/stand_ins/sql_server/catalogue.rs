//! The catalogue: which tables there are and of what columns. It is kept in SQLite beside the rows, so that it is as
//! transactional as they are, and shown to T-SQL as the views of `sys`.

mod alter;
mod describe;
mod partitions;
mod rows;
mod schemas;
mod views;

pub(super) use alter::{add_column, drop_column, widen_column};
pub(super) use describe::{Shape, system_type_id};
pub(super) use partitions::{
    PartitionFunction, create_partition_function, create_partition_scheme, partition_function,
};
pub(super) use rows::partition_rows;
pub(super) use schemas::{create_schema, drop_schema, has_schema, no_schema};

pub(super) use self::schemas::schema_id;
use super::SqlError;
use super::bind::{Binder, Context};
use super::parser::{parse, parse_condition};
use super::sql_type::SqlType;
use super::syntax::{ColumnDefinition, DatabaseOption, IndexDefinition, Name, Statement, TableDefinition};
use super::undo::{self, PLACE};
use rusqlite::{Connection, OptionalExtension, params};

/// A table or system view as the catalogue knows it.
#[derive(Clone, Debug)]
pub(super) struct TableEntry {
    pub(super) object_id: i64,
    pub(super) database: String,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) columns: Vec<ColumnDefinition>,
    /// `ON scheme(column)`.
    pub(super) partition: Option<(String, String)>,
    /// Name and condition of each CHECK.
    pub(super) checks: Vec<(String, String)>,
}

impl TableEntry {
    /// The SQLite table behind it, quoted.
    pub(super) fn physical(&self) -> String {
        // By its id, so that a table can be renamed, or dropped and come back, without touching its rows.
        if self.schema == "sys" {
            return physical(&self.database, &self.schema, &self.name);
        }
        quoted(&format!("t.{}", self.object_id))
    }

    /// What locks know it by.
    pub(super) fn resource(&self) -> String {
        resource(&self.database, &self.schema, &self.name)
    }

    /// The SQLite index behind one of its indexes.
    pub(super) fn index(&self, name: &str) -> String {
        format!("index.{}.{name}", self.object_id).to_lowercase()
    }

    pub(super) fn column(&self, name: &str) -> Option<&ColumnDefinition> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }
}

/// A quoted SQLite name.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(super) fn physical(database: &str, schema: &str, name: &str) -> String {
    quoted(&format!("{database}.{schema}.{name}").to_lowercase())
}

/// What locks know an object by.
pub(super) fn resource(database: &str, schema: &str, name: &str) -> String {
    format!("{database}.{schema}.{name}").to_lowercase()
}

/// Makes the tables in which the catalogue itself is kept.
pub(super) fn create_storage(sqlite: &Connection) -> Result<(), SqlError> {
    sqlite.execute_batch(
        "CREATE TABLE ropeway_databases (name TEXT COLLATE NOCASE PRIMARY KEY, id INTEGER,
             allows_snapshots INTEGER NOT NULL DEFAULT 0, is_read_only INTEGER NOT NULL DEFAULT 0);
         CREATE TABLE ropeway_tables (database TEXT COLLATE NOCASE, schema TEXT COLLATE NOCASE, name TEXT COLLATE NOCASE,
             object_id INTEGER, definition TEXT, PRIMARY KEY (database, schema, name));
         CREATE TABLE ropeway_counter (name TEXT PRIMARY KEY, value INTEGER);
         CREATE TABLE ropeway_partition_function (database TEXT COLLATE NOCASE, name TEXT COLLATE NOCASE, id INTEGER,
             type TEXT, is_right INTEGER, boundary INTEGER, value);",
    )?;
    undo::create_storage(sqlite)?;
    super::rights::create_storage(sqlite)?;
    super::modules::create_storage(sqlite)?;
    let columns = |names: &str| names.split(' ').map(quoted).collect::<Vec<_>>();
    undo::watch_catalogue(sqlite, "ropeway_tables", &columns("database schema name object_id definition"))?;
    let function = columns("database name id type is_right boundary value");
    undo::watch_catalogue(sqlite, "ropeway_partition_function", &function)?;
    Ok(())
}

/// The next number of a named counter.
pub(super) fn next_number(sqlite: &Connection, counter: &str, first: i64) -> Result<i64, SqlError> {
    let number = sqlite.query_row(
        "INSERT INTO ropeway_counter VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
        params![counter, first],
        |row| row.get(0),
    )?;
    Ok(number)
}

/// Whether there is a database of this name.
pub(super) fn has_database(sqlite: &Connection, name: &str) -> Result<Option<String>, SqlError> {
    Ok(sqlite.query_row("SELECT name FROM ropeway_databases WHERE name = ?1", [name], |row| row.get(0)).optional()?)
}

/// Makes a database with its system views.
pub(super) fn create_database(sqlite: &Connection, name: &str) -> Result<(), SqlError> {
    let id = next_number(sqlite, "database", 1)?;
    sqlite.execute("INSERT INTO ropeway_databases (name, id) VALUES (?1, ?2)", params![name, id])?;
    views::create(sqlite, name)
}

/// ALTER DATABASE.
pub(super) fn switch(sqlite: &Connection, database: &str, option: DatabaseOption, on: bool) -> Result<(), SqlError> {
    let column = column_of(option);
    let changed = sqlite
        .execute(&format!("UPDATE ropeway_databases SET {column} = ?2 WHERE name = ?1"), params![database, on])?;
    if changed == 0 {
        let message = format!(
            "User does not have permission to alter database '{database}', the database does not exist, or the database is not in a state that allows access checks."
        );
        return Err(SqlError::new(5011, 14, message).state(9));
    }
    Ok(())
}

/// Whether a database has an option on.
pub(super) fn is_on(sqlite: &Connection, database: &str, option: DatabaseOption) -> Result<bool, SqlError> {
    let query = format!("SELECT {} FROM ropeway_databases WHERE name = ?1", column_of(option));
    Ok(sqlite.query_row(&query, [database], |row| row.get(0)).optional()?.unwrap_or(false))
}

fn column_of(option: DatabaseOption) -> &'static str {
    match option {
        DatabaseOption::AllowSnapshots => "allows_snapshots",
        DatabaseOption::ReadOnly => "is_read_only",
    }
}

/// Database, schema and object of a name, with what is left out filled in.
pub(super) fn resolve(name: &Name, database: &str) -> Result<(String, String, String), SqlError> {
    let part = |index: usize, default: &str| {
        name.len()
            .checked_sub(index)
            .and_then(|at| name.get(at))
            .filter(|part| !part.is_empty())
            .map_or(default.to_owned(), String::clone)
    };
    if name.len() == 4 && !name[0].is_empty() {
        return Err(SqlError::new(7202, 11, format!("Could not find server '{}' in sys.servers. Verify that the correct server name was specified. If necessary, execute the stored procedure sp_addlinkedserver to add the server to sys.servers.", name[0])).state(2));
    }
    let object = part(1, "");
    if object.starts_with('#') {
        return Ok(("tempdb".to_owned(), "dbo".to_owned(), object));
    }
    Ok((part(3, database), part(2, "dbo"), object))
}

/// The table of this name, or error 208.
pub(super) fn table(sqlite: &Connection, name: &Name, database: &str) -> Result<TableEntry, SqlError> {
    find(sqlite, name, database)?.ok_or_else(|| SqlError::invalid_object(&name.join(".")))
}

/// The table of this name, if there is one.
pub(super) fn find(sqlite: &Connection, name: &Name, database: &str) -> Result<Option<TableEntry>, SqlError> {
    let (database, schema, object) = resolve(name, database)?;
    let found: Option<(String, String, String, i64, String)> = sqlite
        .query_row(
            "SELECT database, schema, name, object_id, definition FROM ropeway_tables WHERE database = ?1 AND schema = ?2 AND name = ?3",
            [&database, &schema, &object],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)),
        )
        .optional()?;
    let Some((database, schema, name, object_id, definition)) = found else { return Ok(None) };
    let definition = parsed_table(&definition)?;
    Ok(Some(TableEntry {
        object_id,
        database,
        schema,
        name,
        columns: definition.columns,
        partition: definition.partition,
        checks: definition.checks,
    }))
}

fn parsed_table(definition: &str) -> Result<TableDefinition, SqlError> {
    match parse(definition)?.pop() {
        Some((_, Statement::CreateTable(table))) => Ok(table),
        _ => Err(SqlError::not_taught("a catalogue entry that is no CREATE TABLE")),
    }
}

/// Name of the object with this id.
pub(super) fn object_name(sqlite: &Connection, database: &str, object_id: i64) -> Result<Option<String>, SqlError> {
    let statement = "SELECT name FROM ropeway_tables WHERE database = ?1 AND object_id = ?2";
    Ok(sqlite.query_row(statement, params![database, object_id], |row| row.get(0)).optional()?)
}

/// CREATE TABLE.
pub(super) fn create_table(sqlite: &Connection, database: &str, definition: &TableDefinition) -> Result<(), SqlError> {
    let (database, schema, name) = resolve(&definition.name, database)?;
    if find(sqlite, &definition.name, &database)?.is_some() {
        return Err(
            SqlError::new(2714, 16, format!("There is already an object named '{name}' in the database.")).state(6)
        );
    }
    let schema_id = schema_id(sqlite, &database, &schema)?;
    check_columns(definition, &name)?;
    let entry = TableEntry {
        object_id: next_number(sqlite, "object", 581_577_110)?,
        database,
        schema,
        name,
        columns: definition.columns.clone(),
        partition: definition.partition.clone(),
        checks: definition.checks.clone(),
    };
    let mut entry = entry;
    let mut columns = Vec::new();
    for index in 0..entry.columns.len() {
        columns.push(match entry.columns[index].computed {
            Some(_) => computed_column(sqlite, &mut entry, index)?,
            None => physical_column(&entry.columns[index]),
        });
    }
    columns.extend(super::constraint::checks_sql(sqlite, &entry)?);
    columns.insert(0, format!("{PLACE} INTEGER PRIMARY KEY AUTOINCREMENT"));
    sqlite.execute_batch(&format!("CREATE TABLE {} ({})", entry.physical(), columns.join(", ")))?;
    // A table variable keeps its rows whatever becomes of the transaction.
    if !entry.name.starts_with('@') {
        sqlite.execute_batch(&undo::watch_rows(&entry))?;
    }
    undo::keep(sqlite, &format!("DROP TABLE {}", entry.physical()))?;
    save(sqlite, &entry, true)?;
    views::add_object(sqlite, &entry, schema_id)?;
    views::replace_columns(sqlite, &entry)?;
    if let Some((scheme, column)) = &entry.partition {
        let known = views::scheme_function(sqlite, &entry.database, scheme)?;
        if known.is_none() {
            return Err(SqlError::new(1921, 16, format!("Invalid partition scheme '{scheme}' specified.")));
        }
        if entry.column(column).is_none() {
            return Err(SqlError::new(
                1911,
                16,
                format!("Column name '{column}' does not exist in the target table or view."),
            ));
        }
    }
    views::add_heap(sqlite, &entry)?;
    for index in &definition.indexes {
        create_index(sqlite, &entry, index)?;
    }
    Ok(())
}

fn check_columns(definition: &TableDefinition, table: &str) -> Result<(), SqlError> {
    for (index, column) in definition.columns.iter().enumerate() {
        if definition.columns[..index].iter().any(|other| other.name.eq_ignore_ascii_case(&column.name)) {
            return Err(SqlError::new(2705, 16, format!("Column names in each table must be unique. Column name '{}' in table '{table}' is specified more than once.", column.name)).state(3));
        }
    }
    if definition.columns.iter().filter(|column| column.of == SqlType::RowVersion).count() > 1 {
        return Err(SqlError::new(2738, 16, format!("A table can only have one timestamp column. Because table '{table}' already has one, the column cannot be added.")).state(2));
    }
    if definition.columns.len() > 1024 {
        return Err(SqlError::new(
            1702,
            16,
            format!(
                "CREATE TABLE failed because column '{}' in table '{table}' exceeds the maximum of 1024 columns.",
                definition.columns[1024].name
            ),
        ));
    }
    Ok(())
}

/// A column for SQLite: no affinity, so that values stay as they are, and the order of its collation.
fn physical_column(column: &ColumnDefinition) -> String {
    let collation = column.of.collation().map(|of| format!(" COLLATE {}", quoted(of.name))).unwrap_or_default();
    format!("{} BLOB{collation}{}", quoted(&column.name), if column.nullable { "" } else { " NOT NULL" })
}

/// A computed column for SQLite. From here on its text says its type.
fn computed_column(sqlite: &Connection, entry: &mut TableEntry, index: usize) -> Result<String, SqlError> {
    let Some((text, persisted)) = entry.columns[index].computed.clone() else {
        return Ok(physical_column(&entry.columns[index]));
    };
    let variables = std::collections::HashMap::new();
    let context = Context { sqlite, database: &entry.database, user: "dbo", variables: &variables, turn: None };
    let mut others = entry.clone();
    others.columns.retain(|column| column.computed.is_none());
    let mut binder = Binder::new(&context);
    binder.see_table(&others);
    let bound = binder.value(&parse_condition(&text)?)?;
    // SQLite takes no qualified names here.
    let sql = bound.sql.replace(&format!("{}.", entry.physical()), "");
    let column = &mut entry.columns[index];
    column.of = bound.of;
    column.computed = Some((format!("CAST({text} AS {})", bound.of), persisted));
    let collation = bound.of.collation().map(|of| format!(" COLLATE {}", quoted(of.name))).unwrap_or_default();
    let kind = if persisted { "STORED" } else { "VIRTUAL" };
    Ok(format!("{} BLOB{collation} GENERATED ALWAYS AS ({sql}) {kind}", quoted(&column.name)))
}

fn save(sqlite: &Connection, entry: &TableEntry, is_new: bool) -> Result<(), SqlError> {
    let mut columns: Vec<String> = entry.columns.iter().map(column_text).collect();
    columns.extend(
        entry.checks.iter().map(|(name, condition)| format!("CONSTRAINT {} CHECK ({condition})", bracketed(name))),
    );
    let placed =
        entry.partition.as_ref().map(|(scheme, column)| format!(" ON {}({})", bracketed(scheme), bracketed(column)));
    let definition = format!("CREATE TABLE t ({}){}", columns.join(", "), placed.unwrap_or_default());
    let statement = if is_new {
        "INSERT INTO ropeway_tables VALUES (?1, ?2, ?3, ?4, ?5)"
    } else {
        "UPDATE ropeway_tables SET definition = ?5 WHERE database = ?1 AND schema = ?2 AND name = ?3 AND object_id = ?4"
    };
    sqlite.execute(statement, params![entry.database, entry.schema, entry.name, entry.object_id, definition])?;
    Ok(())
}

/// `[name]`.
pub(super) fn bracketed(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

fn column_text(column: &ColumnDefinition) -> String {
    if let Some((text, persisted)) = &column.computed {
        let kept = match (persisted, column.nullable) {
            (true, false) => " PERSISTED NOT NULL",
            (true, true) => " PERSISTED",
            (false, _) => "",
        };
        return format!("{} AS ({text}){kept}", bracketed(&column.name));
    }
    let collation = column.of.collation().map(|of| format!(" COLLATE {}", of.name)).unwrap_or_default();
    let nullable = if column.nullable { "NULL" } else { "NOT NULL" };
    let identity = column.identity.map(|(seed, step)| format!(" IDENTITY({seed},{step})")).unwrap_or_default();
    let default = column.default.as_ref().map(|text| format!(" DEFAULT ({text})")).unwrap_or_default();
    format!("{} {}{collation} {nullable}{identity}{default}", bracketed(&column.name), column.of)
}

/// CREATE INDEX, and the keys of CREATE TABLE.
pub(super) fn create_index(sqlite: &Connection, entry: &TableEntry, index: &IndexDefinition) -> Result<(), SqlError> {
    let nullable = |name: &str| entry.column(name).is_some_and(|column| column.nullable);
    if index.primary && index.columns.iter().any(|(name, _)| nullable(name)) {
        let message = format!("Cannot define PRIMARY KEY constraint on nullable column in table '{}'.", entry.name);
        return Err(SqlError::new(8111, 16, message));
    }
    let mut keys = Vec::new();
    for (name, descending) in &index.columns {
        let column = entry.column(name).ok_or_else(|| {
            SqlError::new(1911, 16, format!("Column name '{name}' does not exist in the target table or view."))
        })?;
        if !column.of.is_comparable() {
            return Err(SqlError::new(
                1919,
                16,
                format!(
                    "Column '{name}' in table '{}' is of a type that is invalid for use as a key column in an index.",
                    entry.name
                ),
            ));
        }
        keys.push((column, *descending));
    }
    let physical_name = quoted(&entry.index(&index.name));
    let unique = if index.unique { "UNIQUE " } else { "" };
    let terms: Vec<String> =
        keys.iter().flat_map(|(column, descending)| key_terms(column, *descending, index.unique)).collect();
    let statement = format!("CREATE {unique}INDEX {physical_name} ON {} ({})", entry.physical(), terms.join(", "));
    sqlite.execute_batch(&statement).map_err(|error| index_error(&error, entry, index))?;
    undo::keep(sqlite, &format!("DROP INDEX {physical_name}"))?;
    let stats_id = views::add_index(sqlite, entry, index)?;
    rows::update_histogram(sqlite, entry, stats_id, &index.columns[0].0)
}

/// A key column for SQLite, which lets any number of NULLs into a unique index where SQL Server takes one: there, a nullable
/// column is kept as a value that is never NULL and whether it is.
fn key_terms(column: &ColumnDefinition, descending: bool, unique: bool) -> Vec<String> {
    let name = quoted(&column.name);
    let sign = if descending { " DESC" } else { "" };
    let key =
        if matches!(column.of, SqlType::DateTimeOffset(_)) { format!("substr({name}, 1, 8)") } else { name.clone() };
    if !unique || !column.nullable {
        return vec![format!("{key}{sign}")];
    }
    let collation = column.of.collation().map(|of| format!(" COLLATE {}", quoted(of.name))).unwrap_or_default();
    vec![format!("coalesce({key}, 0){collation}{sign}"), format!("({name} IS NULL)")]
}

fn index_error(error: &rusqlite::Error, entry: &TableEntry, index: &IndexDefinition) -> SqlError {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) {
        return SqlError::new(
            1505,
            16,
            format!(
                "The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for the object name '{}.{}' and the index name '{}'.",
                entry.schema, entry.name, index.name
            ),
        );
    }
    SqlError::new(
        1913,
        16,
        format!(
            "The operation failed because an index or statistics with name '{}' already exists on table '{}.{}'.",
            index.name, entry.schema, entry.name
        ),
    )
}

/// Whether a table is more than a heap.
pub(super) fn has_indexes(sqlite: &Connection, entry: &TableEntry) -> Result<bool, SqlError> {
    let query = format!("SELECT count(*) FROM {} WHERE object_id = ?1 AND index_id > 0", entry.view("indexes"));
    Ok(sqlite.query_row(&query, [entry.object_id], |row| row.get::<_, i64>(0))? > 0)
}

/// CREATE STATISTICS.
pub(super) fn create_statistics(
    sqlite: &Connection,
    entry: &TableEntry,
    name: &str,
    columns: &[String],
) -> Result<(), SqlError> {
    for column in columns {
        if entry.column(column).is_none() {
            return Err(SqlError::new(
                1911,
                16,
                format!("Column name '{column}' does not exist in the target table or view."),
            ));
        }
    }
    let stats_id = views::add_statistics(sqlite, entry, name, columns)?;
    rows::update_histogram(sqlite, entry, stats_id, &columns[0])
}

/// UPDATE STATISTICS.
pub(super) fn update_statistics(sqlite: &Connection, entry: &TableEntry) -> Result<(), SqlError> {
    for (stats_id, column) in views::statistics(sqlite, entry)? {
        rows::update_histogram(sqlite, entry, stats_id, &column)?;
    }
    Ok(())
}

/// DROP TABLE. Its rows stay until the transaction commits.
pub(super) fn drop_table(sqlite: &Connection, entry: &TableEntry) -> Result<(), SqlError> {
    sqlite.execute(
        "DELETE FROM ropeway_tables WHERE database = ?1 AND object_id = ?2",
        params![entry.database, entry.object_id],
    )?;
    views::remove_object(sqlite, entry)
}

/// Forgets the rows of a table that is in no catalogue any more.
pub(super) fn drop_rows(sqlite: &Connection, object_id: i64) -> Result<(), SqlError> {
    let query = "SELECT count(*) FROM ropeway_tables WHERE object_id = ?1";
    if sqlite.query_row(query, [object_id], |row| row.get::<_, i64>(0))? == 0 {
        sqlite.execute_batch(&format!("DROP TABLE {}", quoted(&format!("t.{object_id}"))))?;
    }
    Ok(())
}

/// Gives a table another name in its schema.
pub(super) fn rename_table(sqlite: &Connection, entry: &TableEntry, name: &str) -> Result<(), SqlError> {
    sqlite.execute(
        "UPDATE ropeway_tables SET name = ?1 WHERE database = ?2 AND object_id = ?3",
        params![name, entry.database, entry.object_id],
    )?;
    let objects = format!("UPDATE {} SET name = ?1 WHERE object_id = ?2", entry.view("objects"));
    sqlite.execute(&objects, params![name, entry.object_id])?;
    Ok(())
}
