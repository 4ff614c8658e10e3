//! How databases are written to: what is particular in their SQL, and how many rows they take at once.

/// One database, or the standard for all that are not listed.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// Statements that begin a session that writes: strict, and patient only for a while.
    pub(crate) session: &'static [&'static str],
    /// Where a chunk begins: its transaction may wait for rows.
    pub(crate) patient: Option<&'static str>,
    /// In a transaction that has locked the row of its run: who takes the run over waits for its end, so the server ends
    /// it within seconds if its process stands still.
    pub(crate) hasty: Option<&'static str>,
    /// The type of the ledger's texts: compared byte by byte, 80 of them at most.
    pub(crate) key: &'static str,
    /// The type of a moment.
    pub(crate) moment: &'static str,
    /// What makes a table one with transactions.
    pub(crate) with_transactions: &'static str,
    /// Behind a SELECT: nobody changes these rows until the transaction ends.
    pub(crate) shared: &'static str,
    /// Behind a SELECT: nobody else locks these rows either.
    pub(crate) exclusive: &'static str,
    /// Statements such as TRUNCATE or CREATE TABLE commit what stands before them.
    pub(crate) ddl_commits: bool,
    /// One transaction writes at a time.
    pub(crate) one_writer: bool,
    /// Rows of one INSERT, as a list of VALUES.
    pub(crate) values: usize,
    /// An INSERT is executed for many rows at once.
    pub(crate) arrays: bool,
    /// Asks for name, declared type, whether it takes no null, whether the database makes its values, and whether it
    /// has a default, of every column. Parameters: schema, table.
    pub(crate) columns: Option<&'static str>,
    /// Asks whether the table takes part in transactions: 1 or 0. Parameters: schema, table.
    pub(crate) is_transactional: Option<&'static str>,
    /// Asks whether tables may be created: 1 or 0. Parameter: schema.
    pub(crate) may_create: Option<&'static str>,
}

/// What the SQL standard and ODBC promise.
pub(crate) static STANDARD: Dialect = Dialect {
    session: &[],
    patient: None,
    hasty: None,
    key: "varchar(80)",
    moment: "timestamp",
    with_transactions: "",
    shared: "",
    exclusive: "",
    ddl_commits: true,
    one_writer: false,
    values: 1,
    arrays: false,
    columns: None,
    is_transactional: None,
    may_create: None,
};

/// Its driver writes an array as one text of many INSERTs; lists of VALUES in them make it three times as fast.
pub(crate) static POSTGRESQL: Dialect = Dialect {
    session: &[
        "SET lock_timeout = '30s'",
        // A process that is stopped in the middle of a chunk holds its locks no longer than that.
        "SET idle_in_transaction_session_timeout = '10min'",
        "SET tcp_keepalives_idle = 60",
        "SET standard_conforming_strings = on",
    ],
    hasty: Some("SET LOCAL idle_in_transaction_session_timeout = '10s'"),
    moment: "timestamptz",
    shared: "FOR SHARE",
    exclusive: "FOR UPDATE",
    ddl_commits: false,
    values: 50,
    arrays: true,
    columns: Some(
        "SELECT a.attname, CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod) \
         ELSE format_type(a.atttypid, a.atttypmod) END, CASE WHEN a.attnotnull OR t.typnotnull THEN 1 ELSE 0 END, \
         CASE WHEN a.attgenerated <> '' OR a.attidentity = 'a' THEN 1 ELSE 0 END, \
         CASE WHEN a.atthasdef OR a.attidentity <> '' THEN 1 ELSE 0 END \
         FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_type t ON t.oid = a.atttypid WHERE a.attnum > 0 AND NOT a.attisdropped \
         AND COALESCE(n.nspname = NULLIF(CAST(? AS text), ''), pg_table_is_visible(c.oid)) AND c.relname = ? \
         ORDER BY a.attnum",
    ),
    may_create: Some(
        "SELECT CASE WHEN has_schema_privilege(COALESCE(NULLIF(CAST(? AS text), ''), current_schema()), 'CREATE') \
         THEN 1 ELSE 0 END",
    ),
    ..STANDARD
};

/// Its driver sends an array as one packet.
pub(crate) static MARIADB: Dialect = Dialect {
    session: &[
        // Otherwise it cuts off what is too long, and counts on where 0 is to be written to an AUTO_INCREMENT.
        "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO')",
        "SET SESSION innodb_lock_wait_timeout = 30",
    ],
    // MySQL has no such variable, and reads a comment.
    patient: Some("SET SESSION innodb_lock_wait_timeout = 30 /*M!100300 , SESSION idle_transaction_timeout = 600 */"),
    hasty: Some("SET SESSION innodb_lock_wait_timeout = 30 /*M!100300 , SESSION idle_transaction_timeout = 10 */"),
    key: "varchar(80) CHARACTER SET ascii COLLATE ascii_bin",
    moment: "datetime(3)",
    with_transactions: " ENGINE=InnoDB",
    shared: "LOCK IN SHARE MODE",
    exclusive: "FOR UPDATE",
    arrays: true,
    columns: Some(
        "SELECT column_name, column_type, CASE is_nullable WHEN 'NO' THEN 1 ELSE 0 END, \
         CASE is_generated WHEN 'ALWAYS' THEN 1 ELSE 0 END, \
         CASE WHEN column_default IS NOT NULL OR extra LIKE '%auto_increment%' THEN 1 ELSE 0 END \
         FROM information_schema.columns WHERE table_schema = COALESCE(NULLIF(?, ''), DATABASE()) AND table_name = ? \
         ORDER BY ordinal_position",
    ),
    is_transactional: Some(
        "SELECT CASE e.transactions WHEN 'YES' THEN 1 ELSE 0 END FROM information_schema.tables t \
         JOIN information_schema.engines e ON e.engine = t.engine \
         WHERE t.table_schema = COALESCE(NULLIF(?, ''), DATABASE()) AND t.table_name = ?",
    ),
    ..STANDARD
};

/// Its driver executes an array row by row, and fills in no status. A list of VALUES is faster.
pub(crate) static SQLITE: Dialect = Dialect {
    key: "varchar(80)",
    moment: "text",
    ddl_commits: false,
    one_writer: true,
    values: 50,
    columns: Some(
        "SELECT name, type, CASE WHEN \"notnull\" <> 0 OR pk <> 0 THEN 1 ELSE 0 END, \
         CASE WHEN hidden IN (2, 3) THEN 1 ELSE 0 END, CASE WHEN dflt_value IS NOT NULL OR pk <> 0 THEN 1 ELSE 0 END \
         FROM pragma_table_xinfo WHERE schema = COALESCE(NULLIF(?, ''), 'main') AND arg = ?",
    ),
    ..STANDARD
};

/// Its `timestamp` counts changes.
pub(crate) static SQL_SERVER: Dialect =
    Dialect { moment: "datetime2(3)", key: "varchar(80) COLLATE Latin1_General_BIN2", ddl_commits: false, ..STANDARD };
