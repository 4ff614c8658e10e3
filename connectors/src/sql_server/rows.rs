//! Rows of the wire as Arrow batches.
//!
//! The session layer calls [`RowBatch`] once per value. What a column takes and how it is converted
//! is decided once, when the columns are known; per value there is one comparison, and then bytes go
//! to the end of a buffer. A value of a kind that the column does not take is a `sql_variant`'s, or
//! an answer that breaks the protocol.

mod column;
pub(crate) mod json;
mod offsets;
mod text;
pub(crate) mod time;
pub(crate) mod variant;

use std::{borrow::Cow, sync::Arc};

use arrow::{
    array::{ArrayRef, RecordBatch},
    datatypes::SchemaRef,
    error::ArrowError,
};
use mssql_tds::datatypes::{
    column_values::{
        ColumnValues, SqlDate, SqlDateTime, SqlDateTime2, SqlDateTimeOffset, SqlMoney, SqlSmallDateTime, SqlSmallMoney,
        SqlTime, SqlXml,
    },
    decoder::DecimalParts,
    row_writer::RowWriter,
    sql_json::SqlJson,
    sql_string::{EncodingType, SqlString},
    sql_vector::SqlVector,
};
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::BatchLimit,
    progress::Count,
    skipping::{
        Portion,
        misfits::{self, Misfit},
    },
};
use uuid::Uuid;

use self::{
    column::{Builder, Takes},
    offsets::Offsets,
};
use super::{settings::TypeSettings, types::Kind};

/// Rows per batch at most, however large the limit is: wide enough for every writer downstream.
const MOST_ROWS: usize = 65_536;
/// The part of a batch, an eighth, that is left for its last row and for bitmaps: what is larger than that
/// is cut off behind (see `reading`).
const ROOM_FOR_LAST_ROW: usize = 8;
/// Bytes of room per row for the texts of the first batch; later ones know better.
const TEXT_ROOM: usize = 16;

/// One batch in the making.
pub(crate) struct RowBatch {
    schema: SchemaRef,
    columns: Vec<Builder>,
    /// Of the columns whose offsets stand apart, in order.
    offsets: Vec<Offsets>,
    rows: usize,
    most_rows: usize,
    /// Bytes of variable length in this batch.
    bytes: usize,
    most_bytes: usize,
    /// Bytes of a row's fixed part.
    row_width: usize,
    /// The largest value that a batch may hold.
    largest_value: usize,
    /// The first failure: the trait has no way to return one.
    failure: Option<Error>,
    /// True if a row with a value that does not fit is left out.
    skips: bool,
    misfits: Vec<Misfit>,
    /// Rows that arrived, for whoever watches.
    arrived: Arc<Count>,
}

impl RowBatch {
    /// An empty batch for these columns, as the schema has them.
    pub(crate) fn new(schema: SchemaRef, kinds: &[Kind], settings: TypeSettings, limit: BatchLimit) -> Self {
        let row_width = kinds.iter().map(|kind| Builder::width_of(*kind, settings)).sum::<usize>().max(1);
        // Offsets are 32 bits wide, and UTF-8 may be half as long again as UTF-16.
        let most_bytes = usize::try_from(limit.bytes).unwrap_or(usize::MAX).min(i32::MAX as usize / 4);
        let most_rows = (limit.rows.get() as usize).min(MOST_ROWS).min((most_bytes / row_width).max(1));
        let text_room = TEXT_ROOM.min(most_bytes / (kinds.len().max(1) * most_rows));
        let mut fields = schema.fields().iter();
        let (mut columns, mut offsets) = (Vec::with_capacity(kinds.len()), Vec::new());
        for (position, kind) in kinds.iter().enumerate() {
            let Some(field) = fields.next() else { break };
            columns.push(Builder::new(*kind, settings, Arc::clone(field), [most_rows, most_rows * text_room]));
            if kind.has_offsets(settings) {
                offsets.push(Offsets::new(position));
                fields.next();
            }
        }
        Self {
            schema,
            columns,
            offsets,
            rows: 0,
            most_rows,
            bytes: 0,
            most_bytes,
            row_width,
            largest_value: most_bytes,
            failure: None,
            skips: false,
            misfits: Vec::new(),
            arrived: Arc::default(),
        }
    }

    /// The same, leaving rows out if `skips` is true.
    pub(crate) fn skipping(self, skips: bool) -> Self {
        Self { skips, ..self }
    }

    /// The same, adding every row to this count as it arrives.
    pub(crate) fn counting(self, arrived: Arc<Count>) -> Self {
        Self { arrived, ..self }
    }

    /// True if the batch should be taken before another row is read.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.rows >= self.most_rows
            || self.bytes + self.rows * self.row_width >= self.most_bytes - self.most_bytes / ROOM_FOR_LAST_ROW
            || self.failure.is_some()
    }

    /// True if no row was written since the last batch.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0 && self.failure.is_none()
    }

    /// The rows written since the last batch.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] for a value that cannot be kept exactly, unless its row is left out; the column is named.
    pub(crate) fn take(&mut self) -> Result<Portion> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let most_rows = self.most_rows;
        let mut arrays = Vec::with_capacity(self.schema.fields().len());
        let mut columns = Vec::with_capacity(self.columns.len());
        let mut offsets = self.offsets.iter_mut().peekable();
        for (position, column) in self.columns.iter_mut().enumerate() {
            let array = column.finish(rows, most_rows)?;
            let beside = offsets.next_if(|it| it.of == position).map(|it| it.finish(&array));
            columns.push((column.name(), ArrayRef::clone(&array)));
            arrays.push(array);
            arrays.extend(beside);
        }
        let (arrays, skipped) = misfits::part(arrays, &columns, std::mem::take(&mut self.misfits))?;
        let fitting = rows - skipped.len();
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(fitting));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options);
        let read = rows as u64;
        Ok(Portion { read, rows: batch.map_err(|error| odd_rows(&error))?, skipped, left_out: Vec::new() })
    }

    /// A value that its column cannot hold exactly.
    #[cold]
    fn misfit(&mut self, col: usize, why: &'static str, text: impl FnOnce() -> String) {
        let Some(column) = self.columns.get_mut(col) else { return self.fail(broken("more values than columns")) };
        // What no server means to send is not for a row to answer for.
        if !self.skips || why == time::BAD_DATE {
            let error = bad_value(column.name(), why);
            return self.fail(error);
        }
        column.spoil(self.rows);
        let text = text();
        let misfit = Misfit { row: self.rows, column: col, reason: why, text };
        self.bytes += misfit.bytes(self.columns.len());
        self.misfits.push(misfit);
    }

    fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }

    /// A value whose kind the column does not take by itself.
    #[cold]
    fn other(&mut self, col: usize, value: &ColumnValues) {
        let Some(column) = self.columns.get_mut(col) else {
            return self.fail(broken("more values than columns"));
        };
        if column.kind != Kind::Variant {
            let error = broken("a value is not of its column's type").with("column", column.name());
            return self.fail(error);
        }
        match variant::text_of(value) {
            Ok(Some(text)) => self.bytes += column.push_text(&text),
            Ok(None) => column.push_null(self.rows),
            Err(why) => self.misfit(col, why, || shown(value)),
        }
    }

    fn too_large(&mut self, col: usize, length: usize) {
        let name = self.columns.get(col).map_or_else(String::new, |column| column.name().to_owned());
        let limit = self.largest_value;
        self.fail(
            Error::new(
                ErrorKind::Data,
                "a value is larger than a batch may be; give Ropeway more memory (--memory) or leave the column out",
            )
            .with("column", name)
            .with("bytes", length)
            .with("limit", limit),
        );
    }
}

/// The value for the log of skipped rows.
fn shown(value: &ColumnValues) -> String {
    variant::text_of(value).ok().flatten().unwrap_or_else(|| "?".to_owned())
}

/// A value that the column's Arrow type cannot hold exactly.
fn bad_value(column: &str, why: &'static str) -> Error {
    Error::new(ErrorKind::Data, why).with("column", column.escape_debug())
}

fn broken(what: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, what).class(ropeway_engine::retry::RetryClass::Reconnect).with("protocol", "TDS")
}

fn odd_rows(error: &ArrowError) -> Error {
    let text = error.to_string();
    if text.contains("non-nullable") {
        return Error::new(
            ErrorKind::Data,
            "a column that had no nulls when the copy was planned has some now; run the copy again",
        )
        .with("arrow", text);
    }
    Error::new(ErrorKind::Bug, "the columns of a batch do not fit together; please report it").with("arrow", text)
}

/// Defines the methods whose values go to the end of a fixed-width buffer as they are.
macro_rules! fixed {
    ($($method:ident, $type:ty, $takes:ident, $variant:ident;)*) => {$(
        #[inline]
        fn $method(&mut self, col: usize, val: $type) {
            match self.columns.get_mut(col) {
                Some(column) if column.takes == Takes::$takes => column.values.push(val),
                _ => self.other(col, &ColumnValues::$variant(val)),
            }
        }
    )*};
}

/// Defines the methods whose values a function of `time` converts first.
macro_rules! converted {
    ($($method:ident, $type:ty, $takes:ident, $variant:ident, $convert:path;)*) => {$(
        #[inline]
        fn $method(&mut self, col: usize, val: $type) {
            match self.columns.get_mut(col) {
                Some(column) if column.takes == Takes::$takes => match $convert(&val, column.fine) {
                    Ok(value) => column.values.push(value),
                    Err(why) => self.misfit(col, why, || shown(&ColumnValues::$variant(val))),
                },
                _ => self.other(col, &ColumnValues::$variant(val)),
            }
        }
    )*};
}

impl RowWriter for RowBatch {
    fixed! {
        write_u8, u8, U8, TinyInt;
        write_i16, i16, I16, SmallInt;
        write_i32, i32, I32, Int;
        write_i64, i64, I64, BigInt;
        write_f32, f32, F32, Real;
        write_f64, f64, F64, Float;
    }

    converted! {
        write_date, SqlDate, Date, Date, time::date;
        write_time, SqlTime, Time, Time, time::time;
        write_datetime, SqlDateTime, DateTime, DateTime, time::datetime;
        write_smalldatetime, SqlSmallDateTime, SmallDateTime, SmallDateTime, time::smalldatetime;
        write_datetime2, SqlDateTime2, DateTime2, DateTime2, time::datetime2;
        write_decimal, DecimalParts, Decimal, Decimal, variant::unscaled;
        write_numeric, DecimalParts, Decimal, Numeric, variant::unscaled;
        write_money, SqlMoney, Money, Money, variant::money;
        write_smallmoney, SqlSmallMoney, SmallMoney, SmallMoney, variant::smallmoney;
    }

    #[inline]
    fn write_null(&mut self, col: usize) {
        let rows = self.rows;
        match self.columns.get_mut(col) {
            Some(column) => column.push_null(rows),
            None => self.fail(broken("more values than columns")),
        }
    }

    #[inline]
    fn write_bool(&mut self, col: usize, val: bool) {
        match self.columns.get_mut(col) {
            Some(column) if column.takes == Takes::Bool => column.values.push(u8::from(val)),
            _ => self.other(col, &ColumnValues::Bit(val)),
        }
    }

    #[inline]
    fn write_string(&mut self, col: usize, bytes: Cow<'_, [u8]>, encoding_type: EncodingType) {
        if bytes.len() > self.largest_value {
            return self.too_large(col, bytes.len());
        }
        match self.columns.get_mut(col) {
            Some(column) if column.takes == Takes::Text => {
                match text::append(&mut column.values, &bytes, encoding_type) {
                    Ok(()) => self.bytes += column.end_value(),
                    Err(why) => self.misfit(col, why, || text::lossy(&bytes, encoding_type)),
                }
            }
            _ => self.other(col, &ColumnValues::String(SqlString::new(bytes.into_owned(), encoding_type))),
        }
    }

    #[inline]
    fn write_bytes(&mut self, col: usize, bytes: Cow<'_, [u8]>) {
        if bytes.len() > self.largest_value {
            return self.too_large(col, bytes.len());
        }
        match self.columns.get_mut(col) {
            Some(column) if column.takes == Takes::Bytes => {
                column.values.extend_from_slice(&bytes);
                self.bytes += column.end_value();
            }
            _ => self.other(col, &ColumnValues::Bytes(bytes.into_owned())),
        }
    }

    fn write_datetimeoffset(&mut self, col: usize, val: SqlDateTimeOffset) {
        match self.columns.get_mut(col) {
            Some(column) if column.takes == Takes::DateTimeOffset => match time::datetimeoffset(&val) {
                Ok(text) => self.bytes += column.push_text(&text),
                Err(why) => self.misfit(col, why, || shown(&ColumnValues::DateTimeOffset(val))),
            },
            Some(column) if column.takes == Takes::Instant => match time::instant(&val, column.fine) {
                Ok(instant) => {
                    column.values.push(instant);
                    if let Some(offsets) = self.offsets.iter_mut().find(|it| it.of == col) {
                        offsets.push(self.rows, val.offset);
                    }
                }
                Err(why) => self.misfit(col, why, || shown(&ColumnValues::DateTimeOffset(val))),
            },
            _ => self.other(col, &ColumnValues::DateTimeOffset(val)),
        }
    }

    fn write_uuid(&mut self, col: usize, val: Uuid) {
        match self.columns.get_mut(col) {
            Some(column) if column.takes == Takes::Guid => {
                self.bytes += column.push_text(val.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
            }
            Some(column) if column.takes == Takes::GuidBytes => column.values.extend_from_slice(val.as_bytes()),
            _ => self.other(col, &ColumnValues::Uuid(val)),
        }
    }

    fn write_xml(&mut self, col: usize, val: SqlXml) {
        // A byte order mark is the encoding's, not the document's.
        let bytes = val.bytes.strip_prefix(&[0xFF, 0xFE]).unwrap_or(&val.bytes);
        self.write_string(col, Cow::Borrowed(bytes), EncodingType::Utf16);
    }

    fn write_json(&mut self, col: usize, val: SqlJson) {
        self.write_string(col, Cow::Owned(val.bytes), EncodingType::Utf8);
    }

    fn write_vector(&mut self, col: usize, val: SqlVector) {
        self.other(col, &ColumnValues::Vector(val));
    }

    #[inline]
    fn end_row(&mut self) {
        self.rows += 1;
        self.arrived.add(1);
    }
}

#[cfg(test)]
mod tests;
