//! The views of `sys` that Ropeway and its clients read, as tables with the real names, columns and types.

use super::super::SqlError;
use super::super::sql_type::{Argument, SqlType};
use super::super::syntax::IndexDefinition;
use super::super::undo;
use super::{
    PartitionFunction, Shape, TableEntry, next_number, parsed_table, physical, physical_column, quoted, system_type_id,
};
use rusqlite::{Connection, OptionalExtension, params};

/// Each view as the CREATE TABLE that would make it.
const VIEWS: &[&str] = &[
    "CREATE TABLE schemas (name sysname NOT NULL, schema_id int NOT NULL, principal_id int NULL)",
    "CREATE TABLE objects (name sysname NOT NULL, object_id int NOT NULL, principal_id int NULL, schema_id int NOT NULL,
        parent_object_id int NOT NULL, type char(2) NULL, type_desc nvarchar(60) NULL, create_date datetime NOT NULL,
        modify_date datetime NOT NULL, is_ms_shipped bit NOT NULL, is_published bit NOT NULL, is_schema_published bit NOT NULL)",
    "CREATE TABLE types (name sysname NOT NULL, system_type_id tinyint NOT NULL, user_type_id int NOT NULL, schema_id int NOT NULL,
        principal_id int NULL, max_length smallint NOT NULL, precision tinyint NOT NULL, scale tinyint NOT NULL,
        collation_name sysname NULL, is_nullable bit NULL, is_user_defined bit NOT NULL, is_assembly_type bit NOT NULL,
        default_object_id int NOT NULL, rule_object_id int NOT NULL, is_table_type bit NOT NULL)",
    "CREATE TABLE columns (object_id int NOT NULL, name sysname NULL, column_id int NOT NULL, system_type_id tinyint NOT NULL,
        user_type_id int NOT NULL, max_length smallint NOT NULL, precision tinyint NOT NULL, scale tinyint NOT NULL,
        collation_name sysname NULL, is_nullable bit NULL, is_ansi_padded bit NOT NULL, is_rowguidcol bit NOT NULL,
        is_identity bit NOT NULL, is_computed bit NOT NULL, is_filestream bit NOT NULL, is_sparse bit NULL,
        is_column_set bit NULL, generated_always_type tinyint NULL, is_hidden bit NOT NULL, is_masked bit NOT NULL,
        graph_type int NULL, encryption_type int NULL, default_object_id int NOT NULL)",
    "CREATE TABLE computed_columns (object_id int NOT NULL, name sysname NULL, column_id int NOT NULL, system_type_id tinyint NOT NULL,
        user_type_id int NOT NULL, max_length smallint NOT NULL, precision tinyint NOT NULL, scale tinyint NOT NULL,
        collation_name sysname NULL, is_nullable bit NULL, is_ansi_padded bit NOT NULL, is_rowguidcol bit NOT NULL,
        is_identity bit NOT NULL, is_filestream bit NOT NULL, is_sparse bit NULL, is_computed bit NOT NULL,
        definition nvarchar(max) NULL, uses_database_collation bit NOT NULL, is_persisted bit NOT NULL)",
    "CREATE TABLE table_types (name sysname NOT NULL, system_type_id tinyint NOT NULL, user_type_id int NOT NULL, schema_id int NOT NULL,
        principal_id int NULL, max_length smallint NOT NULL, precision tinyint NOT NULL, scale tinyint NOT NULL,
        collation_name sysname NULL, is_nullable bit NULL, is_user_defined bit NOT NULL, is_assembly_type bit NOT NULL,
        default_object_id int NOT NULL, rule_object_id int NOT NULL, is_table_type bit NOT NULL, type_table_object_id int NOT NULL,
        is_memory_optimized bit NULL)",
    "CREATE TABLE parameters (object_id int NOT NULL, name sysname NULL, parameter_id int NOT NULL, system_type_id tinyint NOT NULL,
        user_type_id int NOT NULL, max_length smallint NOT NULL, precision tinyint NOT NULL, scale tinyint NOT NULL,
        is_output bit NOT NULL, is_cursor_ref bit NOT NULL, has_default_value bit NOT NULL, is_xml_document bit NOT NULL,
        default_value sql_variant NULL, xml_collection_id int NOT NULL, is_readonly bit NOT NULL, is_nullable bit NULL)",
    "CREATE TABLE indexes (object_id int NOT NULL, name sysname NULL, index_id int NOT NULL, type tinyint NOT NULL,
        type_desc nvarchar(60) NULL, is_unique bit NULL, data_space_id int NOT NULL, ignore_dup_key bit NULL, is_primary_key bit NULL,
        is_unique_constraint bit NULL, fill_factor tinyint NOT NULL, is_padded bit NULL, is_disabled bit NULL,
        is_hypothetical bit NULL, has_filter bit NULL, filter_definition nvarchar(max) NULL)",
    "CREATE TABLE index_columns (object_id int NOT NULL, index_id int NOT NULL, index_column_id int NOT NULL, column_id int NOT NULL,
        key_ordinal tinyint NOT NULL, partition_ordinal tinyint NOT NULL, is_descending_key bit NULL, is_included_column bit NULL)",
    "CREATE TABLE stats (object_id int NOT NULL, name nvarchar(128) NULL, stats_id int NOT NULL, auto_created bit NULL,
        user_created bit NULL, no_recompute bit NULL, has_filter bit NULL, filter_definition nvarchar(max) NULL, is_temporary bit NULL,
        is_incremental bit NULL)",
    "CREATE TABLE stats_columns (object_id int NOT NULL, stats_id int NOT NULL, stats_column_id int NULL, column_id int NULL)",
    "CREATE TABLE dm_db_stats_histogram (object_id int NOT NULL, stats_id int NOT NULL, step_number int NOT NULL,
        range_high_key sql_variant NULL, range_rows real NOT NULL, equal_rows real NOT NULL, distinct_range_rows bigint NOT NULL,
        average_range_rows real NOT NULL)",
    "CREATE TABLE partition_functions (name sysname NOT NULL, function_id int NOT NULL, type char(2) NOT NULL, type_desc nvarchar(60) NULL,
        fanout int NOT NULL, boundary_value_on_right bit NOT NULL, is_system bit NOT NULL)",
    "CREATE TABLE partition_schemes (name sysname NOT NULL, data_space_id int NOT NULL, type char(2) NOT NULL, type_desc nvarchar(60) NULL,
        is_default bit NULL, is_system bit NULL, function_id int NOT NULL)",
    "CREATE TABLE partition_range_values (function_id int NOT NULL, boundary_id int NOT NULL, parameter_id int NOT NULL,
        value sql_variant NULL)",
    "CREATE TABLE partitions (partition_id bigint NOT NULL, object_id int NOT NULL, index_id int NOT NULL, partition_number int NOT NULL,
        hobt_id bigint NOT NULL, rows bigint NULL, filestream_filegroup_id smallint NOT NULL, data_compression tinyint NOT NULL,
        data_compression_desc nvarchar(60) NULL)",
    "CREATE TABLE dm_db_partition_stats (partition_id bigint NULL, object_id int NOT NULL, index_id int NOT NULL,
        partition_number int NOT NULL, in_row_data_page_count bigint NULL, in_row_used_page_count bigint NULL,
        in_row_reserved_page_count bigint NULL, lob_used_page_count bigint NULL, lob_reserved_page_count bigint NULL,
        row_overflow_used_page_count bigint NULL, row_overflow_reserved_page_count bigint NULL, used_page_count bigint NULL,
        reserved_page_count bigint NULL, row_count bigint NULL)",
];

/// `tables` is `objects` of type U, with these columns more.
const TABLES: &str = "CREATE TABLE tables (name sysname NOT NULL, object_id int NOT NULL, principal_id int NULL, schema_id int NOT NULL,
    parent_object_id int NOT NULL, type char(2) NULL, type_desc nvarchar(60) NULL, create_date datetime NOT NULL,
    modify_date datetime NOT NULL, is_ms_shipped bit NOT NULL, is_published bit NOT NULL, is_schema_published bit NOT NULL,
    is_memory_optimized bit NULL, temporal_type tinyint NULL, is_external bit NOT NULL)";

pub(super) fn create(sqlite: &Connection, database: &str) -> Result<(), SqlError> {
    for (ordinal, view) in VIEWS.iter().chain([&TABLES]).enumerate() {
        let definition = parsed_table(view)?;
        let name = &definition.name[0];
        sqlite.execute(
            "INSERT INTO ropeway_tables VALUES (?1, 'sys', ?2, ?3, ?4)",
            params![database, name, -100 - ordinal as i64, view],
        )?;
        if *view == TABLES {
            sqlite.execute_batch(&format!(
                "CREATE VIEW {} AS SELECT *, 0 AS is_memory_optimized, 0 AS temporal_type, 0 AS is_external FROM {} WHERE type = 'U '",
                physical(database, "sys", name),
                physical(database, "sys", "objects"),
            ))?;
        } else {
            let columns: Vec<String> = definition.columns.iter().map(physical_column).collect();
            let table = physical(database, "sys", name);
            sqlite.execute_batch(&format!("CREATE TABLE {table} ({})", columns.join(", ")))?;
            let names: Vec<String> = definition.columns.iter().map(|column| quoted(&column.name)).collect();
            undo::watch_catalogue(sqlite, &table, &names)?;
        }
    }
    // Only user tables have columns here, so `all_columns` is `columns`.
    let columns = VIEWS.iter().find(|view| view.starts_with("CREATE TABLE columns ")).copied().unwrap_or_default();
    sqlite.execute(
        "INSERT INTO ropeway_tables VALUES (?1, 'sys', 'all_columns', -99, ?2)",
        params![database, columns.replacen("columns", "all_columns", 1)],
    )?;
    sqlite.execute_batch(&format!(
        "CREATE VIEW {} AS SELECT * FROM {}",
        physical(database, "sys", "all_columns"),
        physical(database, "sys", "columns")
    ))?;
    for (name, id) in [("dbo", 1), ("guest", 2), ("INFORMATION_SCHEMA", 3), ("sys", 4)] {
        add_schema(sqlite, database, name, id)?;
    }
    add_types(sqlite, database)
}

fn add_types(sqlite: &Connection, database: &str) -> Result<(), SqlError> {
    const NAMES: [&str; 34] = [
        "image",
        "text",
        "uniqueidentifier",
        "date",
        "time",
        "datetime2",
        "datetimeoffset",
        "tinyint",
        "smallint",
        "int",
        "smalldatetime",
        "real",
        "money",
        "datetime",
        "float",
        "sql_variant",
        "ntext",
        "bit",
        "decimal",
        "numeric",
        "smallmoney",
        "bigint",
        "hierarchyid",
        "geometry",
        "geography",
        "varbinary",
        "varchar",
        "binary",
        "char",
        "timestamp",
        "nvarchar",
        "nchar",
        "xml",
        "sysname",
    ];
    let insert = format!(
        "INSERT INTO {} VALUES (?1, ?2, ?3, 4, NULL, ?4, ?5, ?6, ?7, ?8, 0, ?9, 0, 0, 0)",
        physical(database, "sys", "types")
    );
    for name in NAMES {
        let widest: &[Argument] = match name {
            "decimal" | "numeric" => &[Argument::Number(38), Argument::Number(38)],
            "varbinary" | "varchar" | "binary" | "char" => &[Argument::Number(8000)],
            "nvarchar" | "nchar" => &[Argument::Number(4000)],
            _ => &[],
        };
        let of = SqlType::named(name, widest, false)?;
        let (system, user) = system_type_id(of);
        let user = if name == "sysname" { 256 } else { user };
        let shape = Shape::of(of);
        sqlite.execute(
            &insert,
            params![
                name,
                system,
                user,
                shape.max_length,
                shape.precision,
                shape.scale,
                of.collation().map(|of| of.name),
                name != "sysname" && name != "timestamp",
                matches!(of, SqlType::Udt(_)),
            ],
        )?;
    }
    Ok(())
}

pub(super) fn add_schema(sqlite: &Connection, database: &str, name: &str, id: i64) -> Result<(), SqlError> {
    sqlite.execute(
        &format!("INSERT INTO {} VALUES (?1, ?2, 1)", physical(database, "sys", "schemas")),
        params![name, id],
    )?;
    Ok(())
}

pub(super) fn remove_schema(sqlite: &Connection, database: &str, id: i64) -> Result<(), SqlError> {
    sqlite.execute(&format!("DELETE FROM {} WHERE schema_id = ?1", physical(database, "sys", "schemas")), [id])?;
    Ok(())
}

pub(super) fn add_object(sqlite: &Connection, entry: &TableEntry, schema_id: i64) -> Result<(), SqlError> {
    // 2024-01-02 in steps of 1/300 s since 1900.
    const CREATED: i64 = 45_292 * 25_920_000;
    let insert = format!(
        "INSERT INTO {} VALUES (?1, ?2, NULL, ?3, 0, 'U ', 'USER_TABLE', ?4, ?4, 0, 0, 0)",
        entry.view("objects")
    );
    sqlite.execute(&insert, params![entry.name, entry.object_id, schema_id, CREATED])?;
    Ok(())
}

pub(super) fn replace_columns(sqlite: &Connection, entry: &TableEntry) -> Result<(), SqlError> {
    for view in ["columns", "computed_columns"] {
        sqlite.execute(&format!("DELETE FROM {} WHERE object_id = ?1", entry.view(view)), [entry.object_id])?;
    }
    let insert = format!(
        "INSERT INTO {} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1, 0, ?11, ?12, 0, 0, 0, 0, 0, 0, NULL, NULL, ?13)",
        entry.view("columns")
    );
    for (index, column) in entry.columns.iter().enumerate() {
        let ((system, user), shape) = (system_type_id(column.of), Shape::of(column.of));
        sqlite.execute(
            &insert,
            params![
                entry.object_id,
                column.name,
                index as i64 + 1,
                system,
                user,
                shape.max_length,
                shape.precision,
                shape.scale,
                column.of.collation().map(|of| of.name),
                column.nullable,
                column.identity.is_some(),
                column.computed.is_some(),
                // The constraint itself is no object here.
                if column.default.is_some() { entry.object_id * 1_000 + index as i64 + 1 } else { 0 },
            ],
        )?;
        if let Some((text, persisted)) = &column.computed {
            let insert = format!(
                "INSERT INTO {} SELECT object_id, name, column_id, system_type_id, user_type_id, max_length, precision, scale,
                    collation_name, is_nullable, is_ansi_padded, 0, 0, 0, 0, 1, ?3, 1, ?4 FROM {} WHERE object_id = ?1 AND column_id = ?2",
                entry.view("computed_columns"),
                entry.view("columns")
            );
            sqlite.execute(&insert, params![entry.object_id, index as i64 + 1, format!("({text})"), persisted])?;
        }
    }
    Ok(())
}

/// A new table is a heap: index 0.
pub(super) fn add_heap(sqlite: &Connection, entry: &TableEntry) -> Result<(), SqlError> {
    let insert = format!(
        "INSERT INTO {} VALUES (?1, NULL, 0, 0, 'HEAP', 0, ?2, 0, 0, 0, 0, 0, 0, 0, 0, NULL)",
        entry.view("indexes")
    );
    sqlite.execute(&insert, params![entry.object_id, entry.data_space(sqlite)?])?;
    if let Some((_, column)) = &entry.partition {
        entry.add_partition_column(sqlite, 0, column)?;
    }
    Ok(())
}

/// Returns the id of the index, which is also that of its statistics.
pub(super) fn add_index(sqlite: &Connection, entry: &TableEntry, index: &IndexDefinition) -> Result<i64, SqlError> {
    let indexes = entry.view("indexes");
    let id: i64 = if index.clustered {
        let had: i64 = sqlite.query_row(
            &format!("SELECT count(*) FROM {indexes} WHERE object_id = ?1 AND index_id = 1"),
            [entry.object_id],
            |row| row.get(0),
        )?;
        if had > 0 {
            return Err(SqlError::new(1902, 16, format!("Cannot create more than one clustered index on table '{}.{}'. Drop the existing clustered index before creating another.", entry.schema, entry.name)).state(3));
        }
        sqlite.execute(&format!("DELETE FROM {indexes} WHERE object_id = ?1 AND index_id = 0"), [entry.object_id])?;
        sqlite.execute(
            &format!("DELETE FROM {} WHERE object_id = ?1 AND index_id = 0", entry.view("index_columns")),
            [entry.object_id],
        )?;
        1
    } else {
        entry.next_stats_id(sqlite)?
    };
    let (kind, words) = if index.clustered { (1, "CLUSTERED") } else { (2, "NONCLUSTERED") };
    let insert = format!("INSERT INTO {indexes} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9, 0, 0, 0, 0, 0, NULL)");
    let is_unique_constraint = index.constraint && !index.primary;
    sqlite.execute(
        &insert,
        params![
            entry.object_id,
            index.name,
            id,
            kind,
            words,
            index.unique,
            entry.data_space(sqlite)?,
            index.primary,
            is_unique_constraint
        ],
    )?;
    let insert = format!("INSERT INTO {} VALUES (?1, ?2, ?3, ?4, ?3, 0, ?5, 0)", entry.view("index_columns"));
    for (ordinal, (name, descending)) in index.columns.iter().enumerate() {
        sqlite.execute(&insert, params![entry.object_id, id, ordinal as i64 + 1, entry.column_id(name), descending])?;
    }
    if let Some((_, column)) = &entry.partition {
        entry.add_partition_column(sqlite, id, column)?;
    }
    let names: Vec<String> = index.columns.iter().map(|(name, _)| name.clone()).collect();
    entry.insert_stats(sqlite, id, &index.name, &names)?;
    Ok(id)
}

pub(super) fn add_statistics(
    sqlite: &Connection,
    entry: &TableEntry,
    name: &str,
    columns: &[String],
) -> Result<i64, SqlError> {
    let id = entry.next_stats_id(sqlite)?;
    entry.insert_stats(sqlite, id, name, columns)?;
    Ok(id)
}

/// Every statistics object of a table with its leading column.
pub(super) fn statistics(sqlite: &Connection, entry: &TableEntry) -> Result<Vec<(i64, String)>, SqlError> {
    let query = format!(
        "SELECT s.stats_id, c.name FROM {} s JOIN {} c ON c.object_id = s.object_id AND c.column_id = s.column_id
         WHERE s.object_id = ?1 AND s.stats_column_id = 1",
        entry.view("stats_columns"),
        entry.view("columns")
    );
    let mut statement = sqlite.prepare(&query)?;
    let found = statement.query_map([entry.object_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The columns of a table's indexes and constraints.
pub(super) fn indexed_columns(sqlite: &Connection, entry: &TableEntry) -> Result<Vec<String>, SqlError> {
    let query = format!(
        "SELECT c.name FROM {} AS i JOIN {} AS c ON c.object_id = i.object_id AND c.column_id = i.column_id WHERE i.object_id = ?1",
        entry.view("index_columns"),
        entry.view("columns")
    );
    let mut query = sqlite.prepare(&query)?;
    let names = query.query_map([entry.object_id], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

pub(super) fn remove_object(sqlite: &Connection, entry: &TableEntry) -> Result<(), SqlError> {
    for view in [
        "objects",
        "columns",
        "computed_columns",
        "indexes",
        "index_columns",
        "stats",
        "stats_columns",
        "dm_db_stats_histogram",
    ] {
        sqlite.execute(&format!("DELETE FROM {} WHERE object_id = ?1", entry.view(view)), [entry.object_id])?;
    }
    Ok(())
}

pub(super) fn add_partition_function(
    sqlite: &Connection,
    database: &str,
    name: &str,
    id: i64,
    function: &PartitionFunction,
) -> Result<(), SqlError> {
    let insert = format!(
        "INSERT INTO {} VALUES (?1, ?2, 'R ', 'RANGE', ?3, ?4, 0)",
        physical(database, "sys", "partition_functions")
    );
    sqlite.execute(&insert, params![name, id, function.boundaries.len() as i64 + 1, function.right])?;
    let insert = format!("INSERT INTO {} VALUES (?1, ?2, 1, ?3)", physical(database, "sys", "partition_range_values"));
    for (index, boundary) in function.boundaries.iter().enumerate() {
        let variant = super::super::convert::convert(boundary.into(), function.of, SqlType::SqlVariant)?;
        sqlite.execute(&insert, params![id, index as i64 + 1, variant])?;
    }
    Ok(())
}

pub(super) fn add_partition_scheme(
    sqlite: &Connection,
    database: &str,
    name: &str,
    function_id: i64,
) -> Result<(), SqlError> {
    let id = next_number(sqlite, "partition scheme", 65_601)?;
    let insert = format!(
        "INSERT INTO {} VALUES (?1, ?2, 'PS', 'PARTITION_SCHEME', 0, 0, ?3)",
        physical(database, "sys", "partition_schemes")
    );
    sqlite.execute(&insert, params![name, id, function_id])?;
    Ok(())
}

/// Id of the scheme, and the name of its function.
pub(super) fn scheme_function(
    sqlite: &Connection,
    database: &str,
    scheme: &str,
) -> Result<Option<(i64, String)>, SqlError> {
    let query = format!(
        "SELECT s.data_space_id, f.name FROM {} s JOIN {} f ON f.function_id = s.function_id WHERE s.name = ?1 COLLATE NOCASE",
        physical(database, "sys", "partition_schemes"),
        physical(database, "sys", "partition_functions")
    );
    Ok(sqlite.query_row(&query, [scheme], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

impl TableEntry {
    /// A view of `sys` in the table's database, quoted.
    pub(crate) fn view(&self, name: &str) -> String {
        physical(&self.database, "sys", name)
    }

    fn column_id(&self, name: &str) -> Option<i64> {
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name)).map(|index| index as i64 + 1)
    }

    /// 1 is the primary file group.
    fn data_space(&self, sqlite: &Connection) -> Result<i64, SqlError> {
        let Some((scheme, _)) = &self.partition else { return Ok(1) };
        Ok(scheme_function(sqlite, &self.database, scheme)?.map_or(1, |(id, _)| id))
    }

    /// A partitioning column that is no key column has a row of its own.
    fn add_partition_column(&self, sqlite: &Connection, index_id: i64, column: &str) -> Result<(), SqlError> {
        let view = self.view("index_columns");
        let id = self.column_id(column);
        let updated = sqlite.execute(
            &format!(
                "UPDATE {view} SET partition_ordinal = 1 WHERE object_id = ?1 AND index_id = ?2 AND column_id = ?3"
            ),
            params![self.object_id, index_id, id],
        )?;
        if updated == 0 {
            let insert = format!(
                "INSERT INTO {view} SELECT ?1, ?2, coalesce(max(index_column_id), 0) + 1, ?3, 0, 1, 0, 0 FROM {view} WHERE object_id = ?1 AND index_id = ?2"
            );
            sqlite.execute(&insert, params![self.object_id, index_id, id])?;
        }
        Ok(())
    }

    fn next_stats_id(&self, sqlite: &Connection) -> Result<i64, SqlError> {
        let query =
            format!("SELECT max(1, coalesce(max(stats_id), 1)) + 1 FROM {} WHERE object_id = ?1", self.view("stats"));
        Ok(sqlite.query_row(&query, [self.object_id], |row| row.get(0))?)
    }

    fn insert_stats(&self, sqlite: &Connection, id: i64, name: &str, columns: &[String]) -> Result<(), SqlError> {
        let insert = format!("INSERT INTO {} VALUES (?1, ?2, ?3, 0, 0, 0, 0, NULL, 0, 0)", self.view("stats"));
        sqlite.execute(&insert, params![self.object_id, name, id])?;
        let insert = format!("INSERT INTO {} VALUES (?1, ?2, ?3, ?4)", self.view("stats_columns"));
        for (ordinal, column) in columns.iter().enumerate() {
            sqlite.execute(&insert, params![self.object_id, id, ordinal as i64 + 1, self.column_id(column)])?;
        }
        Ok(())
    }
}
