//! A result that is open, and how its rows come: from the driver as it likes, or from a cursor that is declared
//! in SQL, a FETCH for every block.

use odbc_api::{
    CursorImpl, Error, ParameterCollectionRef, Preallocated,
    buffers::ColumnarDynBuffer,
    handles::{Statement, StatementRef},
};

use super::{
    connection::Session,
    drivers::Portions,
    raw::{self, Fetched},
};

/// A connection reads one chunk at a time.
const CURSOR: &str = "ropeway";

/// An open result. Its statement must not be used by others.
pub(super) struct OpenResult<'a> {
    statement: StatementRef<'a>,
    portions: Portions,
}

/// Runs the query. `None` if it has no result.
///
/// A declared cursor lives in a transaction, which [`finish`] ends; after an error the connection is closed.
pub(super) fn open<'a, S: Statement>(
    session: &Session,
    asking: &'a mut Preallocated<S>,
    (sql, parameters): (&str, impl ParameterCollectionRef),
    portions: Portions,
) -> Result<Option<CursorImpl<StatementRef<'a>>>, Error> {
    if portions != Portions::Declared {
        return asking.execute(sql, parameters);
    }
    session.connection.set_autocommit(false)?;
    let declared = asking.execute(&format!("DECLARE {CURSOR} NO SCROLL CURSOR FOR {sql}"), parameters)?;
    drop(declared);
    // It brings no row, only the columns.
    asking.execute(&format!("FETCH 0 FROM {CURSOR}"), ())
}

/// Ends what [`open`] began, so that the connection can be used for another chunk.
pub(super) fn finish(session: &Session, portions: Portions) -> Result<(), Error> {
    if portions != Portions::Declared {
        return Ok(());
    }
    // Not a rollback: that would also take back the time-out that the driver has set, and thinks it has set.
    session.connection.commit()?;
    session.connection.set_autocommit(true)
}

impl<'a> OpenResult<'a> {
    pub(super) fn new(statement: StatementRef<'a>, portions: Portions) -> Self {
        Self { statement, portions }
    }

    /// Fetches the next rows into the buffer.
    pub(super) fn block(&mut self, buffer: &mut ColumnarDynBuffer, rows: usize) -> Result<Fetched, Error> {
        self.ask(rows)?;
        raw::fetch(&mut self.statement, buffer)
    }

    /// Moves to the next row. False at the end.
    pub(super) fn row(&mut self) -> Result<bool, Error> {
        self.ask(1)?;
        raw::fetch_row(&mut self.statement)
    }

    /// The statement, for values of the rows that were fetched last.
    pub(super) fn statement(&mut self) -> &mut StatementRef<'a> {
        &mut self.statement
    }

    fn ask(&mut self, rows: usize) -> Result<(), Error> {
        if self.portions != Portions::Declared {
            return Ok(());
        }
        raw::close(&mut self.statement)?;
        raw::execute(&mut self.statement, &format!("FETCH {rows} FROM {CURSOR}"))
    }
}
