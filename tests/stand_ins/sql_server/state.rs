//! What one session has: database, options, transaction, variables.

use super::bind::Variable;
use super::bulk::Announced;
use super::catalogue::TableEntry;
use super::flow::Catching;
use super::sql_type::SqlType;
use super::storage::Storage;
use super::versions::Versions;
use super::{Shared, SqlError};
use rusqlite::types::Value;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub(super) struct State {
    pub(super) shared: Arc<Shared>,
    pub(super) storage: Storage,
    /// Who this session is to the locks; never used twice.
    pub(super) owner: i64,
    pub(super) database: String,
    pub(super) user: String,
    pub(super) spid: u16,
    pub(super) options: SessionOptions,
    /// `@@TRANCOUNT`.
    pub(super) transactions: u32,
    /// Save points of the transaction: name in lower case, and how far its undo statements went.
    pub(super) saved: Vec<(String, i64)>,
    /// Tables that were dropped and go when the transaction commits.
    pub(super) dropped: RefCell<Vec<i64>>,
    /// Descriptor of the open transaction, 0 without.
    pub(super) descriptor: u64,
    /// Isolation level under which the open transaction began.
    pub(super) began_under: u8,
    /// Tables that the statement reads.
    pub(super) looked_at: RefCell<Vec<TableEntry>>,
    /// What a SNAPSHOT transaction sees, from its first look at data on.
    pub(super) versions: OnceCell<Versions>,
    /// The open transaction can only be rolled back: `XACT_STATE()` is -1.
    pub(super) doomed: bool,
    pub(super) catching: Catching,
    /// What the procedure that ran last has returned.
    pub(super) status: i32,
    pub(super) rows: i64,
    pub(super) last_error: i32,
    /// Statements of sp_prepare by handle.
    pub(super) prepared: HashMap<i32, (String, String)>,
    pub(super) next_handle: i32,
    /// Announced by INSERT BULK: the next message must be its data.
    pub(super) bulk: Option<Announced>,
    /// Faults of the statement that runs now.
    pub(super) due: Due,
}

/// Faults that happen while a statement runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Due {
    /// After so many rows.
    pub(super) error: Option<(usize, SqlError)>,
    pub(super) pause: Option<Duration>,
    pub(super) break_after: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct SessionOptions {
    pub(super) no_count: bool,
    pub(super) abort_transaction: bool,
    pub(super) format_only: bool,
    pub(super) row_count: i64,
    pub(super) lock_timeout: i64,
    pub(super) isolation: u8,
    /// The table whose identity values are given by INSERT.
    pub(super) identity_insert: Option<i64>,
}

impl State {
    pub(super) fn new(shared: Arc<Shared>, storage: Storage, database: &str, user: &str, spid: u16) -> State {
        State {
            owner: shared.next_owner.fetch_add(1, Ordering::SeqCst),
            shared,
            storage,
            database: database.to_owned(),
            user: user.to_owned(),
            spid,
            options: SessionOptions { isolation: 2, lock_timeout: -1, ..SessionOptions::default() },
            transactions: 0,
            saved: Vec::new(),
            dropped: RefCell::default(),
            descriptor: 0,
            began_under: 0,
            looked_at: RefCell::default(),
            versions: OnceCell::new(),
            doomed: false,
            catching: Catching::default(),
            status: 0,
            rows: 0,
            last_error: 0,
            prepared: HashMap::new(),
            next_handle: 1,
            bulk: None,
            due: Due::default(),
        }
    }

    /// RESETCONNECTION: as a new session, in the same database. Isolation stays, as documented.
    pub(super) fn reset(&mut self, keep_transaction: bool) -> Result<(), SqlError> {
        if !keep_transaction && self.transactions > 0 {
            self.take_back()?;
        }
        self.options =
            SessionOptions { isolation: self.options.isolation, lock_timeout: -1, ..SessionOptions::default() };
        self.prepared.clear();
        self.shared.locks.end_transaction(self.session_owner());
        self.drop_temporary_but(&[])?;
        self.end_bulk();
        Ok(())
    }

    /// The `@@` globals, as variables; and, under names that no batch can write, what functions say of the session.
    pub(super) fn globals(&self) -> HashMap<String, Variable> {
        let int = |n: i64| Variable { of: SqlType::Int, value: Value::Integer(n) };
        let text = |text: &str| Variable { of: SqlType::nvarchar(300), value: Value::Text(text.to_owned()) };
        let globals = [
            ("@@trancount", int(i64::from(self.transactions))),
            ("@@rowcount", int(self.rows)),
            ("@@error", int(i64::from(self.last_error))),
            ("@@spid", Variable { of: SqlType::SmallInt, value: Value::Integer(i64::from(self.spid)) }),
            ("@@lock_timeout", int(self.options.lock_timeout)),
            ("@@textsize", int(2_147_483_647)),
            ("@@max_precision", Variable { of: SqlType::TinyInt, value: Value::Integer(38) }),
            ("@@options", int(5432)),
            ("@@datefirst", Variable { of: SqlType::TinyInt, value: Value::Integer(7) }),
            ("@@version", text("Microsoft SQL Server 2022 (RTM-CU13) - 16.0.4135.4 (X64) (a stand-in for tests)")),
            ("@@servername", text(super::response::SERVER_NAME)),
            ("@@language", text("us_english")),
            ("@@microsoftversion", int(0x1000_1027)),
        ];
        let state = if self.doomed { -1 } else { i64::from(self.transactions > 0) };
        let caught = self.catching.caught();
        let number = |of: fn(&(SqlError, u32)) -> i64| Variable {
            of: SqlType::Int,
            value: caught.map_or(Value::Null, |caught| Value::Integer(of(caught))),
        };
        let message = caught.map_or(Value::Null, |(error, _)| Value::Text(error.message.clone()));
        let of_functions = [
            ("@@transaction id", Variable { of: SqlType::BigInt, value: Value::Integer(self.transaction_id()) }),
            ("@@xact state", Variable { of: SqlType::SmallInt, value: Value::Integer(state) }),
            ("@@error number", number(|(error, _)| i64::from(error.number))),
            ("@@error severity", number(|(error, _)| i64::from(error.class))),
            ("@@error state", number(|(error, _)| i64::from(error.state))),
            ("@@error line", number(|(_, line)| i64::from(*line))),
            ("@@error message", Variable { of: SqlType::nvarchar(4000), value: message }),
        ];
        globals.into_iter().chain(of_functions).map(|(name, variable)| (name.to_owned(), variable)).collect()
    }
}

impl Drop for State {
    /// A session that ends takes its transaction back and lets go of its locks.
    fn drop(&mut self) {
        self.storage.let_go();
        if self.transactions > 0 {
            // Its storage may be gone already, with the whole server.
            let _ = self.take_back();
        }
        if !self.shared.stopped.load(Ordering::SeqCst) {
            let _ = self.drop_temporary_but(&[]);
        }
        self.shared.locks.end_transaction(self.owner);
        self.shared.locks.end_transaction(self.session_owner());
    }
}
