//! BINARY_CHECKSUM: every value turns the sum by four bits and is XORed into it. That is what the server's own does with
//! `int` and with nulls, `(1, 2)` is 18 and `(NULL, 100)` is -109; of other types only the manner is the same, byte by byte.

use super::datum::Datum;
use super::{SqlError, SqlType, wire};

/// What a null counts as.
const NULL: i32 = i32::MAX;

/// The sum with one value more.
pub(super) fn with(sum: i32, value: &Datum, of: SqlType) -> Result<i32, SqlError> {
    Ok(match (value, of) {
        (Datum::Null, _) => turned(sum) ^ NULL,
        (Datum::Int(n), SqlType::Bit | SqlType::TinyInt | SqlType::SmallInt | SqlType::Int) => turned(sum) ^ *n as i32,
        _ => wire::data(value, of)?.into_iter().fold(sum, |sum, byte| turned(sum) ^ i32::from(byte)),
    })
}

fn turned(sum: i32) -> i32 {
    sum.rotate_left(4)
}
