//! Columns of a table that is made for a copy, whose texts nobody declared a length of: they are as long as the texts that
//! come, and become longer when longer ones do. A column that only became longer has lost nothing.

use arrow::array::{Array as _, ArrayRef, AsArray as _};
use mssql_tds::datatypes::sqldatatypes::TdsDataType;
use ropeway_engine::{Error, ErrorKind, Result, retry::RetryClass};

use super::{super::errors::number, encode::Frame, table::TableColumn};
use crate::sql::quote_ident;

/// Units of UTF-16 that such a column may have, before it is `nvarchar(max)`. Nobody else chooses them, so that a column of
/// another length is somebody's own, and stays as it is.
const LENGTHS: [u32; 5] = [17, 65, 257, 1_025, 3_999];

/// How often the columns of a run become as long as they have to be. From then on they become as long as they may: a
/// chunk is copied again whenever one grows that has rows already.
const MEASURED: u32 = 8;

/// The type of such a column before a text was seen.
pub(crate) const FIRST: &str = "nvarchar(17)";

/// The bytes that a column has room for, if it is one of these and can become longer.
pub(crate) fn room(column: &TableColumn) -> Option<usize> {
    let is_one = column.metadata.data_type == TdsDataType::NVarChar && column.frame() == Frame::Short;
    let bytes = column.most_bytes();
    (is_one && LENGTHS.iter().any(|units| 2 * *units as usize == bytes)).then_some(bytes)
}

/// A column that is too short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outgrown {
    /// Its position among those that are written.
    pub(crate) column: usize,
    /// Units of the longest text.
    pub(crate) units: u32,
}

/// The units of the longest text, if it has more bytes of UTF-16 than there is room for.
pub(crate) fn outgrown(texts: &ArrayRef, room: usize) -> Option<u32> {
    let texts = texts.as_string_opt::<i32>()?;
    // A unit takes a byte of UTF-8 at least.
    let may_be_long = |row: &usize| 2 * texts.value_length(*row) as usize > room && texts.is_valid(*row);
    let units = |row: usize| texts.value(row).encode_utf16().count();
    let longest = (0..texts.len()).filter(may_be_long).map(units).max()?;
    (2 * longest > room).then_some(u32::try_from(longest).unwrap_or(u32::MAX))
}

/// The statements that make columns of these tables longer. The table that counts comes last: if the others are longer
/// already, nothing is lost.
///
/// # Errors
/// A name that SQL Server cannot have.
pub(crate) fn statements(
    tables: &[&str],
    columns: &[TableColumn],
    outgrown: &[Outgrown],
    times: u32,
) -> Result<Vec<String>> {
    let mut statements = Vec::new();
    for table in tables {
        for Outgrown { column, units } in outgrown {
            let of = declaration(*units, times);
            statements.push(longer(table, &columns[*column], &of)?);
        }
    }
    Ok(statements)
}

fn declaration(units: u32, times: u32) -> String {
    let lengths = if times < MEASURED { &LENGTHS[..] } else { &LENGTHS[LENGTHS.len() - 1..] };
    let length = lengths.iter().find(|length| units <= **length);
    length.map_or_else(|| "nvarchar(max)".to_owned(), |length| format!("nvarchar({length})"))
}

/// What is not said of a column that is altered is what the database has by default.
fn longer(table: &str, column: &TableColumn, of: &str) -> Result<String> {
    let (name, rest) = (quote_ident(column.name())?, column.collated());
    Ok(format!("ALTER TABLE {table} ALTER COLUMN {name} {of}{rest}"))
}

/// Why a column did not become longer.
pub(crate) fn refused(error: Error) -> Error {
    if error.is_transient() {
        return error;
    }
    // 1088 and 4902: the table cannot be seen, which is what a login without ALTER is told.
    let rights = matches!(number(&error), Some(1088 | 4902 | 229));
    Error::new(
        if rights { ErrorKind::Auth } else { ErrorKind::Data },
        if rights {
            "a text is longer than its column, and the login may not make the column longer; GRANT ALTER on the table, or \
             widen the column"
        } else {
            "a text is longer than its column, and the server does not make the column longer; widen the column"
        },
    )
    .caused_by(error)
}

/// Whether a bulk load is refused in this way that was announced for columns as they were before one became longer.
/// 4891 is «Insert bulk failed due to a schema change of the target table», 4815 and 4816 are about lengths and types.
pub(crate) fn is_of_other_columns(number: u32) -> bool {
    matches!(number, 4815 | 4816 | 4891)
}

/// Why an attempt at a chunk ends whose rows went to a column that was too short.
pub(crate) fn begin_again() -> Error {
    Error::new(ErrorKind::Unavailable, "a column became longer, and the chunk is copied again")
        .class(RetryClass::Conflict)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::StringArray;

    use super::*;

    #[test]
    fn texts_are_measured_in_units_of_utf_16() {
        for (texts, room, expected) in [
            (vec![Some("abcd"), None], 8, None),
            (vec![Some("abcde"), None], 8, Some(5)),
            // Three bytes of UTF-8, one unit.
            (vec![Some("€€€€")], 8, None),
            (vec![Some("€€€€€"), Some("😀😀😀")], 8, Some(6)),
            (vec![Some("😀😀")], 8, None),
            (vec![None, Some("")], 0, None),
        ] {
            let array: ArrayRef = Arc::new(StringArray::from(texts.clone()));
            assert_eq!(outgrown(&array, room), expected, "{texts:?}");
            assert_eq!(outgrown(&array.slice(texts.len() - 1, 1), 100), None);
        }
    }

    #[test]
    fn a_column_grows_in_large_steps_and_in_the_end_at_once() {
        for (units, times, expected) in [
            (1, 0, "nvarchar(17)"),
            (18, 0, "nvarchar(65)"),
            (258, 7, "nvarchar(1025)"),
            (3_999, 0, "nvarchar(3999)"),
            (4_000, 0, "nvarchar(max)"),
            (18, 8, "nvarchar(3999)"),
        ] {
            assert_eq!(declaration(units, times), expected);
        }
    }
}
