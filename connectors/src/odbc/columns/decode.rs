//! From the driver's buffers to Arrow arrays, one decoder per column.

mod native;
mod parsed;
mod text;

use std::ops::Range;

use arrow::{
    array::ArrayRef,
    datatypes::{
        Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
        Time64MicrosecondType, Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampNanosecondType,
        UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
};
use odbc_api::{
    buffers::AnyColumnBufferSlice,
    handles::StatementRef,
    parameter::{Binary, Text},
};

use self::{
    native::native,
    parsed::{Truths, parsed},
    text::{Binaries, Texts, Wide},
};
use super::{
    Binding, Column, Kind,
    misfits::Misfits,
    parse::{self, Reason},
    values,
};

/// A value that was longer than its buffer.
pub(crate) struct Long {
    /// Its row in the buffer.
    pub(crate) row: usize,
    /// The whole of it.
    pub(crate) value: Vec<u8>,
}

/// Why a value could not be taken.
pub(crate) enum Fault {
    /// The driver failed.
    Driver(odbc_api::Error),
    /// The value does not fit the column.
    Value(Reason),
    /// The buffer is not the one the column was bound to.
    Buffer,
}

impl From<odbc_api::Error> for Fault {
    fn from(error: odbc_api::Error) -> Self {
        Self::Driver(error)
    }
}

impl From<Reason> for Fault {
    fn from(reason: Reason) -> Self {
        Self::Value(reason)
    }
}

/// Values of one column in a buffer.
pub(crate) struct Cells<'a> {
    pub(crate) buffer: AnyColumnBufferSlice<'a>,
    pub(crate) rows: Range<usize>,
    /// The values that did not fit into the buffer, by ascending row.
    pub(crate) long: &'a [Long],
}

/// Takes the values of one column and makes Arrow arrays of them.
pub(crate) trait Decoder: Send {
    /// Takes rows of a buffer.
    fn append(&mut self, cells: Cells<'_>, misfits: &mut Misfits) -> Result<(), Fault>;
    /// Takes the value of the current row, whose columns are read in their order. For misfits it is row 0.
    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16, misfits: &mut Misfits) -> Result<(), Fault>;
    /// Bytes taken since the last array.
    fn bytes(&self) -> usize;
    /// The array of all values taken since the last one.
    fn finish(&mut self) -> ArrayRef;
}

/// The decoder of a column.
pub(crate) fn decoder(column: &Column) -> Box<dyn Decoder> {
    let raw = match column.binding {
        Binding::Native => return native(column.kind),
        Binding::Wide(_) => return Box::new(Wide::default()),
        Binding::Narrow(_) => Raw::Narrow,
        Binding::Bytes(_) => Raw::Bytes,
    };
    match column.kind {
        Kind::Boolean => Box::new(Truths::new(raw)),
        Kind::Int8 => parsed::<Int8Type>(raw, column, parse::whole),
        Kind::UInt8 => parsed::<UInt8Type>(raw, column, parse::whole),
        Kind::Int16 => parsed::<Int16Type>(raw, column, parse::whole),
        Kind::UInt16 => parsed::<UInt16Type>(raw, column, parse::whole),
        Kind::Int32 => parsed::<Int32Type>(raw, column, parse::whole),
        Kind::UInt32 => parsed::<UInt32Type>(raw, column, parse::whole),
        Kind::Int64 => parsed::<Int64Type>(raw, column, parse::whole),
        Kind::UInt64 => parsed::<UInt64Type>(raw, column, parse::whole),
        Kind::Float32 => parsed::<Float32Type>(raw, column, parse::whole),
        Kind::Float64 => parsed::<Float64Type>(raw, column, parse::double),
        Kind::Decimal { precision, scale } => {
            parsed::<Decimal128Type>(raw, column, move |text| parse::decimal(text, precision, scale))
        }
        Kind::Date => parsed::<Date32Type>(raw, column, parse::date),
        Kind::Time(TimeUnit::Nanosecond) => {
            parsed::<Time64NanosecondType>(raw, column, |text| parse::time(text, TimeUnit::Nanosecond))
        }
        Kind::Time(unit) => parsed::<Time64MicrosecondType>(raw, column, move |text| parse::time(text, unit)),
        Kind::Timestamp { unit: unit @ TimeUnit::Nanosecond, utc } => {
            parsed::<TimestampNanosecondType>(raw, column, move |text| parse::timestamp(text, unit, utc))
        }
        Kind::Timestamp { unit, utc } => {
            parsed::<TimestampMicrosecondType>(raw, column, move |text| parse::timestamp(text, unit, utc))
        }
        Kind::Text => Box::new(Texts::new(raw)),
        Kind::Binary => Box::new(Binaries::new(raw)),
    }
}

/// How text or bytes arrive.
#[derive(Clone, Copy)]
enum Raw {
    Narrow,
    Bytes,
}

impl Raw {
    /// Calls `take` with each value of the rows, and with none in the place of one that does not fit.
    fn each(
        self,
        cells: Cells<'_>,
        misfits: &mut Misfits,
        mut take: impl FnMut(Option<&[u8]>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let Cells { buffer, rows, long } = cells;
        let mut long = long.iter().filter(|long| rows.contains(&long.row)).peekable();
        let mut whole = |row: usize, bound: Option<&[u8]>| {
            let value = long.next_if(|long| long.row == row).map_or(bound, |long| Some(&long.value));
            match misfits.took(take(value), row, || lossy(value))? {
                false => Ok(()),
                true => take(None),
            }
        };
        match self {
            Self::Narrow => {
                let cells = buffer.as_text().ok_or(Fault::Buffer)?;
                rows.clone().try_for_each(|row| whole(row, cells.get(row)))
            }
            Self::Bytes => {
                let cells = buffer.as_binary().ok_or(Fault::Buffer)?;
                rows.clone().try_for_each(|row| whole(row, cells.get(row)))
            }
        }
    }

    /// The value of the current row, in `value`. False for NULL.
    fn read(self, statement: &mut StatementRef<'_>, column: u16, value: &mut Vec<u8>) -> Result<bool, Fault> {
        Ok(match self {
            Self::Narrow => values::variable::<Text>(statement, column, value)?,
            Self::Bytes => values::variable::<Binary>(statement, column, value)?,
        })
    }
}

/// A value for people.
fn lossy(value: Option<&[u8]>) -> String {
    String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
}
