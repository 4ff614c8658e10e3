//! The ODBC calls that `odbc-api` has no safe form of.
#![expect(unsafe_code, reason = "odbc-api hides the diagnostics of a fetch, SQLSetPos and the text of SQLColAttribute")]

pub(super) mod insert;

use std::ptr::{null, null_mut};

use odbc_api::{
    Error, RowSetBuffer,
    buffers::ColumnarDynBuffer,
    handles::{AsStatementRef, DiagnosticStream, SqlResult, SqlText, Statement, StatementRef},
    sys::{Desc, HStmt, Lock, Operation, SQLColAttributeW, SQLSetPos, SqlReturn},
};

// `odbc-sys` links the driver manager, and declares all of its functions that are used but this one.
unsafe extern "system" {
    fn SQLStatisticsW(
        statement: HStmt,
        catalog: *const u16,
        catalog_units: i16,
        schema: *const u16,
        schema_units: i16,
        table: *const u16,
        table_units: i16,
        unique: u16,
        reserved: u16,
    ) -> SqlReturn;
}

/// What a fetch brought.
pub(super) enum Fetched {
    /// So many rows.
    Rows(usize),
    /// The result set is complete.
    End,
    /// Rows whose values the driver could not convert, and under which SQLSTATE.
    Unusable(String),
}

/// Runs a statement without parameters that has a result, which is then open.
pub(super) fn execute(statement: &mut StatementRef<'_>, sql: &str) -> Result<(), Error> {
    statement.reset_parameters().into_result(statement)?;
    // SAFETY: no parameter is bound any more, so that the driver reads nothing but the text.
    unsafe { statement.exec_direct(&SqlText::new(sql)) }.into_result(statement)
}

/// Closes the open result.
pub(super) fn close(statement: &mut StatementRef<'_>) -> Result<(), Error> {
    statement.close_cursor().into_result(statement)
}

/// Goes on to the next result of a statement that has several. False behind the last one.
pub(super) fn more_results(statement: &mut StatementRef<'_>) -> Result<bool, Error> {
    // SAFETY: no buffer is bound to statements that are executed here, so that nothing is written.
    let result = unsafe { statement.more_results() };
    result.on_success(|| true).on_no_data(|| false).into_result(statement)
}

/// Fetches the next rows into the buffer. Nothing is bound before or afterwards.
pub(super) fn fetch(statement: &mut StatementRef<'_>, buffer: &mut ColumnarDynBuffer) -> Result<Fetched, Error> {
    let size = buffer.row_array_size();
    // SAFETY: the buffer is borrowed for the whole function and everything that points into it is
    // unbound before the function returns, whatever happened in between. The driver writes at most
    // `row_array_size` values; a driver that chose a larger one is refused before it writes.
    let (fetched, unbound) = unsafe {
        let bound = bind(statement, buffer, size);
        let fetched = bound.and_then(|()| {
            let result = statement.fetch();
            if let SqlResult::SuccessWithInfo(()) = result
                && let Some(state) = unusable(statement)
            {
                return Ok(Fetched::Unusable(state));
            }
            let more = result.on_success(|| true).on_no_data(|| false).into_result(statement)?;
            Ok(if more { Fetched::Rows(0) } else { Fetched::End })
        });
        let unbound = statement.unbind_cols().into_result(statement);
        (fetched, unbound.and(statement.unset_num_rows_fetched().into_result(statement)))
    };
    match fetched? {
        Fetched::Rows(_) => unbound.map(|()| Fetched::Rows(buffer.num_rows().min(size))),
        other => Ok(other),
    }
}

/// Moves to the next row, whose values are then read one after the other. False at the end.
pub(super) fn fetch_row(statement: &mut StatementRef<'_>) -> Result<bool, Error> {
    // SAFETY: nothing is bound to a statement that is read by rows, so that nothing is written.
    let result = unsafe { statement.fetch() };
    result.on_success(|| true).on_no_data(|| false).into_result(statement)
}

/// # Safety
/// The buffer must outlive what is bound.
unsafe fn bind(statement: &mut StatementRef<'_>, buffer: &mut ColumnarDynBuffer, size: usize) -> Result<(), Error> {
    // SAFETY: columnar binding (type 0) with the buffer's own capacity; the caller keeps the buffer.
    unsafe {
        statement.set_row_bind_type(0).into_result(statement)?;
        statement.set_row_array_size(size).into_result(statement)?;
        if size > 1 && statement.row_array_size().into_result(statement)? > size {
            return Err(Error::NoDiagnostics { function: "SQLSetStmtAttr(SQL_ATTR_ROW_ARRAY_SIZE)" });
        }
        statement.set_num_rows_fetched(buffer.mut_num_fetch_rows()).into_result(statement)?;
        buffer.bind_colmuns_to_cursor(statement.as_stmt_ref())
    }
}

/// The first SQLSTATE that says that values in the buffer are not those of the rows. That a text was
/// cut (01004) is seen, and mended, by its length.
fn unusable(statement: &StatementRef<'_>) -> Option<String> {
    let mut diagnostics = DiagnosticStream::new(statement);
    while let Some(record) = diagnostics.next() {
        let state = record.state.as_str();
        if matches!(state, "01S01" | "01S07") || state.starts_with("22") {
            return Some(state.to_owned());
        }
    }
    None
}

/// Makes `row` of the current row set, from 1, the one that `SQLGetData` reads.
pub(super) fn position(statement: &StatementRef<'_>, row: usize) -> SqlResult<()> {
    // SAFETY: the handle is alive as long as the reference. Positioning writes no bound buffer, and
    // none is bound: `fetch.rs` unbinds them before it reads long values.
    let returned = unsafe { SQLSetPos(statement.as_sys(), row as _, Operation::POSITION, Lock::NO_CHANGE) };
    if returned == SqlReturn::SUCCESS || returned == SqlReturn::SUCCESS_WITH_INFO {
        SqlResult::Success(())
    } else {
        SqlResult::Error { function: "SQLSetPos" }
    }
}

/// Asks for the unique indexes of a table: the statement then has a result set of `SQLStatistics`.
pub(super) fn statistics(
    statement: &mut StatementRef<'_>,
    catalog: Option<&str>,
    schema: Option<&str>,
    table: &str,
) -> Result<(), Error> {
    const INDEX_UNIQUE: u16 = 0;
    const QUICK: u16 = 0;
    let failed = Error::NoDiagnostics { function: "SQLStatistics" };
    let names = [catalog, schema, Some(table)].map(|name| name.map(|name| name.encode_utf16().collect::<Vec<_>>()));
    if names.iter().flatten().any(|name| i16::try_from(name.len()).is_err()) {
        return Err(failed);
    }
    let [catalog, schema, table] = names.each_ref().map(|name| match name {
        Some(name) => (name.as_ptr(), name.len() as i16),
        None => (null(), 0),
    });
    // SAFETY: the handle is alive, and the names are as long as they are said to be, which fits, and
    // live until the function returns. Nothing is bound to a new statement.
    let returned = unsafe {
        SQLStatisticsW(
            statement.as_sys(),
            catalog.0,
            catalog.1,
            schema.0,
            schema.1,
            table.0,
            table.1,
            INDEX_UNIQUE,
            QUICK,
        )
    };
    if returned == SqlReturn::SUCCESS || returned == SqlReturn::SUCCESS_WITH_INFO { Ok(()) } else { Err(failed) }
}

/// The database's own name of a column's type, empty if the driver does not say.
pub(super) fn type_name(statement: &StatementRef<'_>, column: u16) -> String {
    let mut buffer = [0_u16; 256];
    let mut bytes: i16 = 0;
    // SAFETY: the handle is alive, the buffer is as long as it is said to be, in bytes and with room
    // for the terminating zero, and `bytes` outlives the call. A text attribute writes no number.
    let returned = unsafe {
        SQLColAttributeW(
            statement.as_sys(),
            column,
            Desc::TypeName,
            buffer.as_mut_ptr().cast(),
            (buffer.len() * 2) as i16,
            &raw mut bytes,
            null_mut(),
        )
    };
    if returned != SqlReturn::SUCCESS && returned != SqlReturn::SUCCESS_WITH_INFO {
        return String::new();
    }
    let length = (usize::try_from(bytes).unwrap_or(0) / 2).min(buffer.len() - 1);
    let text = &buffer[..length];
    let text = text.split(|&unit| unit == 0).next().unwrap_or_default();
    String::from_utf16_lossy(text).chars().filter(|c| !c.is_control()).collect()
}
