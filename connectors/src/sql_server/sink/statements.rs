//! Every statement of the sink's own.
//!
//! What belongs to a transaction that the session holds open is one batch without parameters: `sp_executesql` may not end
//! a transaction that it did not begin (error 266). Its values are literals of [`literal`].

use ropeway_engine::chunk::{ChunkId, RunId};

use crate::ledger::Entry;

/// The numbers of errors of our own. Another process took the run over.
const FENCED: u32 = 51_001;
/// There is no transaction to commit.
const GONE: u32 = 51_002;
/// Keys of an upsert are not unique.
pub(crate) const SAME_KEY: u32 = 51_003;
/// A table did not take every row.
pub(crate) const NOT_TAKEN: u32 = 51_004;
/// A stored procedure swallowed an error, or ended a transaction that it had not begun; nothing of the chunk is kept.
pub(crate) const SPOILT: u32 = 51_005;
/// It committed that transaction.
pub(crate) const COMMITTED: u32 = 51_006;

/// Rows of the ledger that are asked for at once.
pub(crate) const PAGE: usize = 10_000;

/// What the catalogue keeps a table by. Parameter: `@table`.
pub(crate) const OBJECT: &str = "SELECT OBJECT_ID(@table) AS object_id";

/// What the server knows of each column of a table, or of a table type, beside what a result tells. Parameter: `@object`.
pub(crate) const TABLE_COLUMNS: &str = "\
SELECT c.name AS column_name, c.is_identity AS is_identity, c.is_computed AS is_computed, \
c.collation_name AS collation_name, c.default_object_id AS default_object_id \
FROM sys.columns AS c WHERE c.object_id = @object ORDER BY c.column_id";

/// What the rows of a table are kept in. Parameter: `@object`.
pub(crate) const TABLE_INDEXES: &str = "\
SELECT i.type AS index_type, i.ignore_dup_key AS ignore_dup_key \
FROM sys.indexes AS i WHERE i.object_id = @object AND i.is_disabled = 0";

/// The columns of a table's unique keys, in order. Parameter: `@object`.
pub(crate) const TABLE_KEYS: &str = "\
SELECT i.index_id AS index_id, i.is_primary_key AS is_primary_key, i.has_filter AS has_filter, c.name AS column_name \
FROM sys.indexes AS i \
JOIN sys.index_columns AS ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id \
JOIN sys.columns AS c ON c.object_id = ic.object_id AND c.column_id = ic.column_id \
WHERE i.object_id = @object AND i.is_unique = 1 AND i.is_disabled = 0 AND ic.key_ordinal > 0 \
ORDER BY i.index_id, ic.key_ordinal";

/// A procedure, and its parameters in order; those of table types with the type. Parameter: `@procedure`.
pub(crate) const PROCEDURE: &str = "\
SELECT o.type AS object_type, s.name AS schema_name, o.name AS object_name, p.name AS parameter_name, \
t.name AS type_name, ts.name AS type_schema, t.type_table_object_id AS type_table_object_id \
FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id \
LEFT JOIN sys.parameters AS p ON p.object_id = o.object_id AND p.parameter_id > 0 \
LEFT JOIN sys.table_types AS t ON t.user_type_id = p.user_type_id \
LEFT JOIN sys.schemas AS ts ON ts.schema_id = t.schema_id \
WHERE o.object_id = OBJECT_ID(@procedure) ORDER BY p.parameter_id";

/// The tables of a schema whose names begin in a way. Parameters: `@schema`, and `@prefix` in the form of LIKE.
pub(crate) const STAGES: &str = "\
SELECT t.name AS name FROM sys.tables AS t JOIN sys.schemas AS s ON s.schema_id = t.schema_id \
WHERE s.name = @schema AND t.name LIKE @prefix";

/// Whether a ledger can be kept: its tables are there, or may be made.
pub(crate) const LEDGER_RIGHTS: &str = "\
SELECT CASE WHEN OBJECT_ID(N'[_cpy].[run]') IS NOT NULL AND OBJECT_ID(N'[_cpy].[ledger]') IS NOT NULL THEN 1 ELSE 0 END AS is_there, \
HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CREATE TABLE') AS may_create, \
CASE WHEN SCHEMA_ID(N'_cpy') IS NOT NULL THEN 1 ELSE HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CREATE SCHEMA') END AS has_schema";

/// The schema, where there is none.
pub(crate) const CREATE_SCHEMA: &str = "IF SCHEMA_ID(N'_cpy') IS NULL EXEC(N'CREATE SCHEMA [_cpy]')";

/// The table of runs. A comparison of run ids minds case, whatever the database does.
pub(crate) const CREATE_RUN: &str = "\
IF OBJECT_ID(N'[_cpy].[run]') IS NULL \
CREATE TABLE [_cpy].[run] (\
run_id varchar(80) COLLATE Latin1_General_BIN2 NOT NULL PRIMARY KEY, \
epoch int NOT NULL, \
owner varchar(36) NOT NULL, \
session_id int NOT NULL, \
state varchar(10) NOT NULL, \
prepared_at datetime2(3) NULL, \
changed_at datetime2(3) NOT NULL)";

/// The table of chunks that are committed.
pub(crate) const CREATE_LEDGER: &str = "\
IF OBJECT_ID(N'[_cpy].[ledger]') IS NULL \
CREATE TABLE [_cpy].[ledger] (\
run_id varchar(80) COLLATE Latin1_General_BIN2 NOT NULL, \
chunk_id int NOT NULL, \
epoch int NOT NULL, \
attempt int NOT NULL, \
row_count bigint NOT NULL, \
byte_count bigint NOT NULL, \
digest char(32) NOT NULL, \
committed_at datetime2(3) NOT NULL, \
PRIMARY KEY (run_id, chunk_id))";

/// A session of the sink's: an error rolls back, and nobody is waited for without end.
pub(crate) const SESSION: &str = "SET XACT_ABORT ON; SET LOCK_TIMEOUT 30000";

/// Opens the transaction of a chunk.
pub(crate) const BEGIN: &str = "BEGIN TRANSACTION";

/// Ends the batch unless there is one transaction: the row of a chunk would stand in the ledger without the chunk's rows.
fn in_transaction() -> String {
    format!("IF @@TRANCOUNT <> 1 THROW {GONE}, N'the transaction of the chunk is gone', 1; ")
}

/// Ends the transaction of a chunk where there is no ledger.
pub(crate) fn commit_alone() -> String {
    format!("{}COMMIT TRANSACTION", in_transaction())
}

/// A script as a statement of a batch.
pub(crate) fn run_script(script: &str) -> String {
    format!("EXEC({}); ", literal(script))
}

/// A script in a transaction of its own.
pub(crate) fn alone(script: &str) -> String {
    format!("BEGIN TRANSACTION; {}COMMIT TRANSACTION", run_script(script))
}

/// A text as T-SQL writes it.
pub(crate) fn literal(text: &str) -> String {
    format!("N'{}'", text.replace('\'', "''"))
}

/// A run as one process of it names it.
#[derive(Clone, Debug)]
pub(crate) struct Owned {
    pub(crate) run: RunId,
    pub(crate) epoch: u32,
    /// The process: two that have the same epoch are not one.
    pub(crate) owner: String,
}

impl Owned {
    fn run(&self) -> String {
        literal(self.run.as_str())
    }

    /// Ends the batch unless the run is still this process's. The lock on the row lasts until the transaction ends,
    /// so nobody takes the run over in between.
    fn fence(&self) -> String {
        format!(
            "IF NOT EXISTS (SELECT 1 FROM [_cpy].[run] WITH (UPDLOCK, ROWLOCK) WHERE run_id = {} AND epoch = {} AND owner = {}) \
             THROW {FENCED}, N'another process took the run over', 1; ",
            self.run(),
            self.epoch,
            literal(&self.owner),
        )
    }

    /// Takes the run: the epoch of every process before is fenced off. `script` runs once per run, in the same
    /// transaction. One batch: while it holds the row, no answer of ours is waited for.
    pub(crate) fn claim(&self, script: Option<&str>) -> String {
        let (run, owner, epoch) = (self.run(), literal(&self.owner), self.epoch);
        let script = script.map(run_script).unwrap_or_default();
        format!(
            "BEGIN TRANSACTION; \
             IF EXISTS (SELECT 1 FROM [_cpy].[run] WITH (UPDLOCK, HOLDLOCK) WHERE run_id = {run} \
             AND (epoch > {epoch} OR (epoch = {epoch} AND owner <> {owner}))) \
             THROW {FENCED}, N'another process took the run over', 1; \
             IF NOT EXISTS (SELECT 1 FROM [_cpy].[run] WITH (UPDLOCK, HOLDLOCK) WHERE run_id = {run}) \
             INSERT INTO [_cpy].[run] (run_id, epoch, owner, session_id, state, prepared_at, changed_at) \
             VALUES ({run}, {epoch}, {owner}, @@SPID, N'running', NULL, SYSUTCDATETIME()) \
             ELSE UPDATE [_cpy].[run] SET epoch = {epoch}, owner = {owner}, session_id = @@SPID, \
             changed_at = SYSUTCDATETIME() WHERE run_id = {run}; \
             IF EXISTS (SELECT 1 FROM [_cpy].[run] WHERE run_id = {run} AND prepared_at IS NULL) \
             BEGIN {script}UPDATE [_cpy].[run] SET prepared_at = SYSUTCDATETIME() WHERE run_id = {run}; END; \
             COMMIT TRANSACTION"
        )
    }

    /// Commits a chunk whose rows are in this session's transaction: fence, ledger, commit, in one batch.
    pub(crate) fn commit(&self, entry: &Entry) -> String {
        format!(
            "{}{}\
             INSERT INTO [_cpy].[ledger] (run_id, chunk_id, epoch, attempt, row_count, byte_count, digest, committed_at) \
             VALUES ({}, {}, {}, {}, {}, {}, {}, SYSUTCDATETIME()); \
             COMMIT TRANSACTION",
            in_transaction(),
            self.fence(),
            self.run(),
            entry.chunk.0,
            entry.attempt.epoch,
            entry.attempt.number,
            entry.rows,
            entry.bytes,
            literal(&entry.digest.to_string()),
        )
    }

    /// Says in the table of runs that all chunks are there.
    pub(crate) fn finish(&self) -> String {
        format!("BEGIN TRANSACTION; {}{}COMMIT TRANSACTION", self.fence(), self.succeed())
    }

    /// The statement that says so.
    pub(crate) fn succeed(&self) -> String {
        format!(
            "UPDATE [_cpy].[run] SET state = N'succeeded', changed_at = SYSUTCDATETIME() WHERE run_id = {}; ",
            self.run()
        )
    }

    /// The statement after which no chunk of the run is committed.
    pub(crate) fn forget_chunks(&self) -> String {
        format!("DELETE FROM [_cpy].[ledger] WHERE run_id = {}", self.run())
    }

    /// A transaction of these statements, if the run has not succeeded before; the fence comes last, since the statements
    /// may take long.
    pub(crate) fn unless_succeeded(&self, first: &str, then: &str) -> String {
        format!(
            "BEGIN TRANSACTION; \
             IF NOT EXISTS (SELECT 1 FROM [_cpy].[run] WHERE run_id = {} AND state = N'succeeded') BEGIN {first}{then}END; \
             {}COMMIT TRANSACTION",
            self.run(),
            self.fence(),
        )
    }

    /// The ledger's row of a chunk. It waits for a commit that is on its way.
    pub(crate) fn entry(&self, chunk: ChunkId) -> String {
        format!("{} AND chunk_id = {}", self.entries("READCOMMITTEDLOCK", ""), chunk.0)
    }

    /// The ledger's rows behind a chunk, in order, a page of them.
    pub(crate) fn page(&self, after: Option<ChunkId>) -> String {
        let after = after.map_or_else(String::new, |chunk| format!(" AND chunk_id > {}", chunk.0));
        format!("{}{after} ORDER BY chunk_id", self.entries("READCOMMITTEDLOCK", &format!("TOP ({PAGE}) ")))
    }

    fn entries(&self, hint: &str, top: &str) -> String {
        format!(
            "SELECT {top}chunk_id, epoch, attempt, row_count, byte_count, digest FROM [_cpy].[ledger] WITH ({hint}) \
             WHERE run_id = {}",
            self.run()
        )
    }
}
