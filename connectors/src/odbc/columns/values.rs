//! Single values of the current row, read by `SQLGetData`.

use odbc_api::{
    Error, Nullable,
    buffers::Indicator,
    handles::{CDataMut, Statement, StatementRef},
    parameter::{CElement, VarCell, VarKind},
};

/// What the first part of a value of unknown length may be long; a part that is told is read whole.
const PART: usize = 2_048;

/// Reads a value of variable length whole into `value`. False for NULL.
pub(in crate::odbc) fn variable<K>(
    statement: &mut StatementRef<'_>,
    column: u16,
    value: &mut Vec<K::Element>,
) -> Result<bool, Error>
where
    K: VarKind,
    K::Element: Copy,
    for<'a> VarCell<&'a mut [K::Element], K>: CDataMut,
{
    value.clear();
    let mut room = PART;
    loop {
        let read = value.len();
        value.resize(read + room, K::ZERO);
        let mut part = VarCell::<&mut [K::Element], K>::from_buffer(&mut value[read..], Indicator::Null);
        let more =
            statement.get_data(column, &mut part).on_success(|| true).on_no_data(|| false).into_result(statement)?;
        let indicator = part.indicator();
        let fits = room - K::TERMINATING_ZEROES;
        if !more {
            value.truncate(read);
            return Ok(true);
        }
        match indicator {
            Indicator::Null => {
                value.clear();
                return Ok(false);
            }
            Indicator::Length(bytes) if bytes <= fits * size_of::<K::Element>() => {
                value.truncate(read + bytes / size_of::<K::Element>());
                return Ok(true);
            }
            Indicator::Length(bytes) => {
                value.truncate(read + fits);
                room = bytes / size_of::<K::Element>() - fits + K::TERMINATING_ZEROES;
            }
            Indicator::NoTotal => {
                value.truncate(read + fits);
                room = value.len();
            }
        }
    }
}

/// Reads a value of fixed length. `None` for NULL.
pub(in crate::odbc) fn fixed<T>(statement: &mut StatementRef<'_>, column: u16) -> Result<Option<T>, Error>
where
    T: Default,
    Nullable<T>: CElement + CDataMut,
{
    let mut value = Nullable::<T>::null();
    statement.get_data(column, &mut value).into_result(statement)?;
    Ok(value.into_opt())
}
