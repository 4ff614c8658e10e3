//! Every statement that Ropeway sends on its own account. Names are quoted by `sql::quote_ident`
//! before they get here; values are parameters of `sp_executesql`.

/// The parameter that names a table, quoted: `N'[dbo].[orders]'`.
pub(crate) const TABLE: &str = "@table";
/// The lower end of a range, exclusive.
pub(crate) const AFTER: &str = "@ropeway_after";
/// The upper end of a range, inclusive.
pub(crate) const UPTO: &str = "@ropeway_upto";
/// The number of a physical partition.
pub(crate) const PARTITION: &str = "@ropeway_partition";
/// The number of a share, from 0.
pub(crate) const SHARE: &str = "@ropeway_share";
/// How many shares there are.
pub(crate) const SHARES: &str = "@ropeway_shares";

/// The columns of a query's first result. Parameters: `@query nvarchar(max)`, the query, and
/// `@params nvarchar(max)`, the declarations of its parameters or null.
pub(crate) const DESCRIBE: &str = "EXEC sys.sp_describe_first_result_set @tsql = @query, @params = @params";

/// The leading columns of the indexes that may cut a table: the clustered one first, then unique ones.
/// Parameter: `@table`.
pub(crate) const KEYS: &str = "\
SELECT i.index_id AS index_id, i.type AS index_type, i.is_unique AS is_unique, c.name AS column_name, \
c.is_nullable AS is_nullable, t.name AS type_name, c.max_length AS max_length, c.[precision] AS [precision], \
c.scale AS scale, c.collation_name AS collation_name \
FROM sys.indexes AS i \
JOIN sys.index_columns AS ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id AND ic.key_ordinal = 1 \
JOIN sys.columns AS c ON c.object_id = ic.object_id AND c.column_id = ic.column_id \
JOIN sys.types AS t ON t.user_type_id = c.system_type_id \
WHERE i.object_id = OBJECT_ID(@table) AND i.is_disabled = 0 AND i.is_hypothetical = 0 AND i.has_filter = 0 \
AND (i.type = 1 OR (i.type = 2 AND i.is_unique = 1)) \
ORDER BY i.type, i.is_primary_key DESC, i.index_id";

/// One column of a table, in the shape of [`KEYS`]. Parameters: `@table`, `@column`.
pub(crate) const COLUMN: &str = "\
SELECT c.name AS column_name, c.is_nullable AS is_nullable, t.name AS type_name, c.max_length AS max_length, \
c.[precision] AS [precision], c.scale AS scale, c.collation_name AS collation_name \
FROM sys.columns AS c \
JOIN sys.types AS t ON t.user_type_id = c.system_type_id \
WHERE c.object_id = OBJECT_ID(@table) AND c.name = @column";

/// The columns of a table, and of nothing else, that a checksum of its rows is made of: those that are stored, and of types
/// that BINARY_CHECKSUM compares. A computed column may have another value at every look, and what is large is only looked at
/// in part. Parameter: `@table`.
pub(crate) const CHECKED: &str = "\
SELECT c.name AS column_name \
FROM sys.columns AS c \
JOIN sys.types AS t ON t.user_type_id = c.system_type_id \
WHERE c.object_id = OBJECT_ID(@table, N'U') AND c.is_computed = 0 AND c.is_hidden = 0 AND c.encryption_type IS NULL \
AND c.max_length <> -1 AND t.name IN (N'bit', N'tinyint', N'smallint', N'int', N'bigint', N'decimal', N'numeric', N'money', \
N'smallmoney', N'float', N'real', N'date', N'time', N'datetime', N'smalldatetime', N'datetime2', N'datetimeoffset', N'char', \
N'varchar', N'nchar', N'nvarchar', N'binary', N'varbinary', N'uniqueidentifier', N'timestamp') \
ORDER BY c.column_id";

/// Rows and pages of a table; needs VIEW DATABASE STATE. Parameter: `@table`.
pub(crate) const SIZE: &str = "\
SELECT SUM(s.row_count) AS row_count, SUM(s.used_page_count) AS used_pages \
FROM sys.dm_db_partition_stats AS s WHERE s.object_id = OBJECT_ID(@table) AND s.index_id IN (0, 1)";

/// Rows of a table as the catalogue knows them, for logins without VIEW DATABASE STATE.
/// Parameter: `@table`.
pub(crate) const CATALOGUE_SIZE: &str = "\
SELECT SUM(p.rows) AS row_count, CAST(NULL AS bigint) AS used_pages \
FROM sys.partitions AS p WHERE p.object_id = OBJECT_ID(@table) AND p.index_id IN (0, 1)";

/// The partition scheme's function and column of a table, and its partitions; no row if the table is
/// not partitioned. Parameter: `@table`.
pub(crate) const PARTITIONS: &str = "\
SELECT f.name AS function_name, c.name AS column_name, p.partition_number AS partition_number, p.rows AS row_count \
FROM sys.indexes AS i \
JOIN sys.partition_schemes AS s ON s.data_space_id = i.data_space_id \
JOIN sys.partition_functions AS f ON f.function_id = s.function_id \
JOIN sys.index_columns AS ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id AND ic.partition_ordinal = 1 \
JOIN sys.columns AS c ON c.object_id = ic.object_id AND c.column_id = ic.column_id \
JOIN sys.partitions AS p ON p.object_id = i.object_id AND p.index_id = i.index_id \
WHERE i.object_id = OBJECT_ID(@table) AND i.index_id IN (0, 1) \
ORDER BY p.partition_number";

/// What a connection test shows of the server, and whether the login may read the database.
pub(crate) const SERVER: &str = "\
SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS product_version, \
CAST(SERVERPROPERTY('EngineEdition') AS int) AS engine_edition, DB_NAME() AS database_name, \
HAS_PERMS_BY_NAME(NULL, 'DATABASE', 'SELECT') AS may_read, \
(SELECT COUNT(*) FROM sys.tables) AS visible_tables";

/// Whether a name is that of a table, and whether its database is one that is written to: on a secondary replica lock
/// hints mean nothing. Parameter: `@table`.
pub(crate) const LOCKABLE: &str = "\
SELECT CASE WHEN OBJECT_ID(@table, N'U') IS NULL THEN 0 ELSE 1 END AS is_table, \
CAST(DATABASEPROPERTYEX(ISNULL(PARSENAME(@table, 3), DB_NAME()), N'Updateability') AS nvarchar(128)) AS updateability";

/// Begins a transaction that will show one state. An attention, which ends a chunk that nobody wants any more, shall not
/// end the transaction.
pub(crate) const BEGIN_SNAPSHOT: &str = "\
SET NOCOUNT ON; SET XACT_ABORT OFF; SET LOCK_TIMEOUT 5000; SET TRANSACTION ISOLATION LEVEL SNAPSHOT; \
BEGIN TRANSACTION";

/// Begins the transaction that holds a table still.
pub(crate) const BEGIN_FREEZE: &str = "\
SET NOCOUNT ON; SET LOCK_TIMEOUT 5000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED; BEGIN TRANSACTION";

/// Nobody changes the table until the transaction ends. Who did has committed.
pub(crate) fn freeze(table: &str) -> String {
    format!("SELECT TOP (1) 1 AS [frozen] FROM {table} WITH (TABLOCK, HOLDLOCK)")
}

/// Ends [`freeze`]. It fails if the lock was not held until now.
pub(crate) const END_FREEZE: &str = "COMMIT TRANSACTION";

/// The first look at data: from here on a snapshot transaction sees the state of this moment.
pub(crate) fn look(table: &str) -> String {
    format!("SELECT TOP (1) 1 AS [seen] FROM {table}; SET LOCK_TIMEOUT -1")
}

/// An error if the session's transaction is gone: what it reads now would be another state.
pub(crate) const IN_SNAPSHOT: &str = "IF XACT_STATE() <> 1 THROW 51007, N'the snapshot of the session is gone', 1";

/// The steps of an index's histogram in the order of the key, as the server compares it. `key_type`
/// is a declaration such as `decimal(18,4)`, `collate` is empty or ` COLLATE name`.
/// Parameters: `@table`, `@index int`.
pub(crate) fn histogram(key_type: &str, collate: &str) -> String {
    format!(
        "SELECT h.range_high_key AS boundary, h.range_rows AS range_rows, h.equal_rows AS equal_rows \
         FROM sys.dm_db_stats_histogram(OBJECT_ID(@table), @index) AS h \
         WHERE h.range_high_key IS NOT NULL \
         ORDER BY CONVERT({key_type}, h.range_high_key){collate}, h.step_number"
    )
}

/// The least and the greatest value of a column. `from` is a table or a derived table.
pub(crate) fn bounds(column: &str, from: &str) -> String {
    format!("SELECT MIN({column}) AS lowest, MAX({column}) AS greatest, COUNT_BIG(*) AS row_count FROM {from}")
}

/// The rows of a table or a derived table; `condition` is empty or a predicate.
pub(crate) fn select(columns: &str, from: &str, condition: &str) -> String {
    match condition {
        "" => format!("SELECT {columns} FROM {from}"),
        condition => format!("SELECT {columns} FROM {from} WHERE {condition}"),
    }
}

/// The same in the order of a column.
pub(crate) fn in_order(select: &str, column: &str) -> String {
    format!("{select} ORDER BY {column}")
}

/// The greatest value of a column among some rows of a table.
pub(crate) fn greatest(column: &str, table: &str, condition: &str) -> String {
    format!("SELECT MAX({column}) AS greatest FROM {table} WHERE {condition}")
}

/// A user's query as a table: `(query) AS [ropeway_input]`.
pub(crate) fn derived(query: &str) -> String {
    // The line break ends a comment that the query may end with.
    format!("({}\n) AS [ropeway_input]", query.trim_end().trim_end_matches(';'))
}

/// Prepares a session. `largest` bounds the bytes of one value: the server cuts off what is longer,
/// which then shows as a value of more than `largest` bytes. `isolation` is one of SQL Server's own
/// names.
pub(crate) fn session(largest: Option<u64>, isolation: Option<&str>) -> String {
    // Two more than the limit, and an even number: nvarchar is cut between its units.
    let text_size = largest.map_or(i32::MAX as u64, |bytes| ((bytes + 3) & !1).min(i32::MAX as u64 - 1));
    let isolation = isolation.map(|level| format!(" SET TRANSACTION ISOLATION LEVEL {level};")).unwrap_or_default();
    format!("SET NOCOUNT ON; SET TEXTSIZE {text_size};{isolation}")
}

/// The rows of one physical partition. Parameter: [`PARTITION`].
pub(crate) fn in_partition(function: &str, column: &str) -> String {
    format!("$PARTITION.{function}({column}) = {PARTITION}")
}

/// The rows of one share of a table. Parameters: [`SHARE`], [`SHARES`], so that all shares are one statement with one plan:
/// the server may leave a column out of the checksum that it knows to be null.
///
/// The checksum may be negative, and so would be the remainder; the mask takes the sign away (ABS of the least `int`
/// overflows). A null checksum would be in no share. The lowest bits are those of the last column alone, often a flag: the
/// factor, which is the golden ratio's, spreads all bits over those from 30 on, which the division leaves.
pub(crate) fn in_share(columns: &str) -> String {
    format!(
        "CAST(ISNULL(BINARY_CHECKSUM({columns}), 0) & 2147483647 AS bigint) * 1640531527 / 1073741824 % {SHARES} = {SHARE}"
    )
}

/// Whether the server takes a condition, asked of one row.
pub(crate) fn probe(table: &str, condition: &str) -> String {
    format!("SELECT TOP (1) CASE WHEN {condition} THEN 1 ELSE 0 END AS [probed] FROM {table}")
}

/// The rows of one half-open range; an end that is `None` is open. `upto` and `after` are the
/// expressions of the two parameters.
pub(crate) fn in_range(column: &str, after: Option<&str>, upto: Option<&str>) -> String {
    match (after, upto) {
        (None, None) => format!("{column} IS NOT NULL"),
        (Some(after), None) => format!("({column} > {after})"),
        (None, Some(upto)) => format!("({column} <= {upto})"),
        (Some(after), Some(upto)) => format!("({column} > {after} AND {column} <= {upto})"),
    }
}

/// The rows that no range holds.
pub(crate) fn is_null(column: &str) -> String {
    format!("{column} IS NULL")
}
