//! An INSERT for many rows: its parameters are bound as arrays, and no row of them is lost unseen.

use std::{ops::Range, ptr::null_mut};

use odbc_api::{
    Error,
    handles::{Statement, StatementRef},
    sys::{
        CDataType, NULL_DATA, ParamType, SQLBindParameter, SQLSetStmtAttr, SqlDataType, SqlReturn, StatementAttribute,
    },
};

/// SQL_PARAM_SUCCESS, and SQL_PARAM_SUCCESS_WITH_INFO.
const STORED: [u16; 2] = [0, 6];
/// SQL_PARAM_DIAG_UNAVAILABLE: what a row became is not known apart from the others.
const NOT_TOLD: u16 = 1;

/// As what values are handed over.
#[derive(Clone, Copy, Debug)]
pub(in crate::odbc) struct Passed {
    pub(in crate::odbc) c_type: CDataType,
    pub(in crate::odbc) sql_type: SqlDataType,
    pub(in crate::odbc) digits: i16,
    /// The column's size, where the values do not decide it.
    pub(in crate::odbc) size: Option<usize>,
}

/// The values of one column.
pub(in crate::odbc) struct Parameter {
    passed: Passed,
    /// Bytes that each value has room for.
    width: usize,
    bytes: Vec<u8>,
    lengths: Vec<isize>,
}

impl Parameter {
    /// So many nulls, with room for values of so many bytes.
    pub(in crate::odbc) fn nulls(passed: Passed, rows: usize, width: usize) -> Self {
        let width = width.max(1);
        Self { passed, width, bytes: vec![0; rows * width], lengths: vec![NULL_DATA; rows] }
    }

    /// Sets a value, which must not be longer than there is room.
    pub(in crate::odbc) fn set(&mut self, row: usize, value: &[u8]) {
        let start = row * self.width;
        self.bytes[start..start + self.width][..value.len()].copy_from_slice(value);
        self.lengths[row] = value.len() as isize;
    }
}

/// Rows that are inserted.
pub(in crate::odbc) struct Block {
    pub(in crate::odbc) rows: usize,
    /// One per column.
    pub(in crate::odbc) parameters: Vec<Parameter>,
    /// Of the values.
    pub(in crate::odbc) bytes: u64,
}

/// Why rows are not stored.
#[derive(Debug)]
pub(in crate::odbc) enum Refused {
    Error(Error),
    /// The driver reports success, and this row of the array, from 0, is not stored.
    Row(usize),
    /// The driver reports success, and under this SQLSTATE that a value is another one.
    Changed(String),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Executes a prepared INSERT of `values` rows for all of these rows, which are a multiple of it.
pub(in crate::odbc) fn insert(
    statement: &mut StatementRef<'_>,
    block: &Block,
    rows: Range<usize>,
    values: usize,
) -> Result<(), Refused> {
    let sets = rows.len() / values.max(1);
    let mut statuses = vec![NOT_TOLD; sets];
    let mut processed = sets;
    // SAFETY: everything that is bound lives until the end of the block below, which unbinds it again whatever happened.
    // The rows are within the block, because a slice of its lengths by them is taken first; every value is as long as
    // its indicator says, because `Parameter::set` is the only one to write them. `statuses` has a place for each set.
    unsafe {
        let bound = bind(statement, block, &rows, sets);
        let executed = bound.and_then(|()| {
            if sets > 1 {
                set(statement, StatementAttribute::ParamStatusPtr, statuses.as_mut_ptr().cast())?;
                set(statement, StatementAttribute::ParamsProcessedPtr, (&raw mut processed).cast())?;
            }
            statement.set_paramset_size(sets).into_result(statement)?;
            let result = statement.execute();
            let changed =
                matches!(result, odbc_api::handles::SqlResult::SuccessWithInfo(())).then(|| super::unusable(statement));
            result.on_success(|| ()).on_no_data(|| ()).into_result(statement)?;
            // A statement of several results has been executed as a whole only at its last one.
            while super::more_results(statement)? {}
            Ok(changed.flatten())
        });
        let unbound = unbind(statement, sets);
        if let Some(state) = executed? {
            return Err(Refused::Changed(state));
        }
        unbound?;
    }
    let broken = statuses.iter().position(|status| !STORED.contains(status) && *status != NOT_TOLD);
    match broken {
        Some(set) => Err(Refused::Row(rows.start + set)),
        None if processed < sets => Err(Refused::Row(rows.start + processed)),
        None => Ok(()),
    }
}

/// Row `q` of the VALUES of set `s` is row `q * sets + s` of these.
///
/// # Safety
/// The block must outlive what is bound.
unsafe fn bind(statement: &mut StatementRef<'_>, block: &Block, rows: &Range<usize>, sets: usize) -> Result<(), Error> {
    let mut number = 0;
    for first in rows.clone().step_by(sets.max(1)) {
        for parameter in &block.parameters {
            number += 1;
            let Parameter { passed, width, bytes, lengths } = parameter;
            let (bytes, lengths) = (&bytes[first * width..], &lengths[first..]);
            // SAFETY: the pointers are to `sets` values and lengths of the block, which the caller keeps. Input
            // parameters are only read.
            let returned = unsafe {
                SQLBindParameter(
                    statement.as_sys(),
                    number,
                    ParamType::Input,
                    passed.c_type,
                    passed.sql_type,
                    passed.size.unwrap_or(*width),
                    passed.digits,
                    bytes.as_ptr().cast_mut().cast(),
                    *width as isize,
                    lengths.as_ptr().cast_mut(),
                )
            };
            said(statement, returned, "SQLBindParameter")?;
        }
    }
    Ok(())
}

fn unbind(statement: &mut StatementRef<'_>, sets: usize) -> Result<(), Error> {
    if sets > 1 {
        // SAFETY: null means that nothing is written any more.
        unsafe {
            set(statement, StatementAttribute::ParamStatusPtr, null_mut())?;
            set(statement, StatementAttribute::ParamsProcessedPtr, null_mut())?;
        }
    }
    statement.reset_parameters().into_result(statement)
}

/// # Safety
/// What the value points to must be what the attribute wants, and outlive the next execution.
unsafe fn set(
    statement: &StatementRef<'_>,
    attribute: StatementAttribute,
    value: *mut std::ffi::c_void,
) -> Result<(), Error> {
    // SAFETY: the handle is alive, the value is the caller's.
    let returned = unsafe { SQLSetStmtAttr(statement.as_sys(), attribute, value, 0) };
    said(statement, returned, "SQLSetStmtAttr")
}

fn said(statement: &StatementRef<'_>, returned: SqlReturn, function: &'static str) -> Result<(), Error> {
    use odbc_api::handles::SqlResult;
    let result = match returned {
        SqlReturn::SUCCESS => SqlResult::Success(()),
        SqlReturn::SUCCESS_WITH_INFO => SqlResult::SuccessWithInfo(()),
        _ => SqlResult::Error { function },
    };
    result.into_result(statement)
}
