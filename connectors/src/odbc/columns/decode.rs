//! From the driver's buffers to Arrow arrays, one decoder per column.

use std::{ops::Range, sync::Arc};

use arrow::{
    array::{ArrayRef, BinaryBuilder, BooleanBuilder, PrimitiveBuilder, StringBuilder},
    datatypes::{
        ArrowPrimitiveType, DataType as Arrow, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type,
        Int16Type, Int32Type, Int64Type, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
        TimestampMicrosecondType, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
};
use odbc_api::{
    Bit, Nullable, Pod,
    buffers::AnyColumnBufferSlice,
    handles::{CDataMut, StatementRef},
    parameter::{Binary, CElement, Text, WideText},
    sys::{Date, NULL_DATA, Timestamp},
};

use super::{
    Binding, Column, Kind,
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

/// Takes the values of one column and makes Arrow arrays of them.
pub(crate) trait Decoder: Send {
    /// Takes rows of a buffer; `long` has the values that did not fit into it, by ascending row.
    fn append(&mut self, cells: AnyColumnBufferSlice<'_>, rows: Range<usize>, long: &[Long]) -> Result<(), Fault>;
    /// Takes the value of the current row, whose columns are read in their order.
    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16) -> Result<(), Fault>;
    /// Bytes taken since the last array.
    fn bytes(&self) -> usize;
    /// The array of all values taken since the last one.
    fn finish(&mut self) -> ArrayRef;
}

/// The decoder of a column.
pub(crate) fn decoder(column: &Column) -> Box<dyn Decoder> {
    let raw = match column.binding {
        Binding::Native => return native(column.kind),
        Binding::Wide(_) => return Box::new(Wide(StringBuilder::new(), Vec::new())),
        Binding::Narrow(_) => Raw::Narrow,
        Binding::Bytes(_) => Raw::Bytes,
    };
    match column.kind {
        Kind::Boolean => Box::new(Truths { raw, builder: BooleanBuilder::new(), value: Vec::new() }),
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
        Kind::Text => Box::new(Texts { raw, builder: StringBuilder::new(), value: Vec::new() }),
        Kind::Binary => Box::new(Binaries { raw, builder: BinaryBuilder::new(), value: Vec::new() }),
    }
}

fn native(kind: Kind) -> Box<dyn Decoder> {
    match kind {
        Kind::Boolean => Box::new(Bits(BooleanBuilder::new())),
        Kind::Int8 => numbers::<Int8Type>(),
        Kind::UInt8 => numbers::<UInt8Type>(),
        Kind::Int16 => numbers::<Int16Type>(),
        Kind::Int32 => numbers::<Int32Type>(),
        Kind::Float32 => numbers::<Float32Type>(),
        Kind::Float64 => numbers::<Float64Type>(),
        Kind::UInt16 => converted::<i32, UInt16Type>(Arrow::UInt16, |&it| it.try_into().map_err(|_| OUT_OF_RANGE)),
        Kind::UInt32 => converted::<i64, UInt32Type>(Arrow::UInt32, |&it| it.try_into().map_err(|_| OUT_OF_RANGE)),
        Kind::Date => converted::<Date, Date32Type>(Arrow::Date32, |it| {
            let days = parse::civil(it.year.into(), it.month.into(), it.day.into())?;
            i32::try_from(days).map_err(|_| OUT_OF_RANGE)
        }),
        Kind::Timestamp { unit: unit @ TimeUnit::Nanosecond, .. } => {
            converted::<Timestamp, TimestampNanosecondType>(kind.arrow(), move |it| instant(it, unit))
        }
        Kind::Timestamp { unit, .. } => {
            converted::<Timestamp, TimestampMicrosecondType>(kind.arrow(), move |it| instant(it, unit))
        }
        _ => numbers::<Int64Type>(),
    }
}

const OUT_OF_RANGE: Reason = "a value is outside the range of the column's type";
const TOO_LARGE: Reason = "the values of one batch are longer than an Arrow array can hold (2 GiB)";

fn instant(it: &Timestamp, unit: TimeUnit) -> Result<i64, Reason> {
    let days = parse::civil(it.year.into(), it.month.into(), it.day.into())?;
    let (hour, minute, second) = (i64::from(it.hour), i64::from(it.minute), i64::from(it.second));
    if hour > 23 || minute > 59 || second > 59 {
        return Err(OUT_OF_RANGE);
    }
    parse::in_unit(((days * 24 + hour) * 60 + minute) * 60 + second, it.fraction.into(), unit)
}

/// Numbers whose C type is Arrow's.
struct Numbers<T: ArrowPrimitiveType>(PrimitiveBuilder<T>);

fn numbers<T>() -> Box<dyn Decoder>
where
    T: ArrowPrimitiveType,
    T::Native: Pod + Default + Send,
    Nullable<T::Native>: CElement + CDataMut,
{
    Box::new(Numbers::<T>(PrimitiveBuilder::new()))
}

impl<T> Decoder for Numbers<T>
where
    T: ArrowPrimitiveType,
    T::Native: Pod + Default + Send,
    Nullable<T::Native>: CElement + CDataMut,
{
    fn append(&mut self, cells: AnyColumnBufferSlice<'_>, rows: Range<usize>, _: &[Long]) -> Result<(), Fault> {
        let (values, indicators) = cells.as_nullable_slice::<T::Native>().ok_or(Fault::Buffer)?.raw_values();
        let (values, indicators) = (&values[rows.clone()], &indicators[rows]);
        if indicators.contains(&NULL_DATA) {
            let valid: Vec<bool> = indicators.iter().map(|&it| it != NULL_DATA).collect();
            self.0.append_values(values, &valid);
        } else {
            self.0.append_slice(values);
        }
        Ok(())
    }

    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16) -> Result<(), Fault> {
        self.0.append_option(values::fixed::<T::Native>(statement, column)?);
        Ok(())
    }

    fn bytes(&self) -> usize {
        size_of_val(self.0.values_slice())
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}

type Convert<S, N> = Box<dyn Fn(&S) -> Result<N, Reason> + Send>;

/// Values of a C type that Arrow stores as another.
struct Converted<S, T: ArrowPrimitiveType> {
    builder: PrimitiveBuilder<T>,
    convert: Convert<S, T::Native>,
}

fn converted<S, T>(arrow: Arrow, convert: impl Fn(&S) -> Result<T::Native, Reason> + Send + 'static) -> Box<dyn Decoder>
where
    S: Pod + Default + Send,
    T: ArrowPrimitiveType,
    Nullable<S>: CElement + CDataMut,
{
    let builder = PrimitiveBuilder::<T>::new().with_data_type(arrow);
    Box::new(Converted { builder, convert: Box::new(convert) })
}

impl<S, T> Decoder for Converted<S, T>
where
    S: Pod + Default + Send,
    T: ArrowPrimitiveType,
    Nullable<S>: CElement + CDataMut,
{
    fn append(&mut self, cells: AnyColumnBufferSlice<'_>, rows: Range<usize>, _: &[Long]) -> Result<(), Fault> {
        let cells = cells.as_nullable_slice::<S>().ok_or(Fault::Buffer)?;
        for row in rows {
            self.builder.append_option(cells.get(row).map(&self.convert).transpose()?);
        }
        Ok(())
    }

    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16) -> Result<(), Fault> {
        let value = values::fixed::<S>(statement, column)?;
        self.builder.append_option(value.as_ref().map(&self.convert).transpose()?);
        Ok(())
    }

    fn bytes(&self) -> usize {
        size_of_val(self.builder.values_slice())
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

struct Bits(BooleanBuilder);

impl Decoder for Bits {
    fn append(&mut self, cells: AnyColumnBufferSlice<'_>, rows: Range<usize>, _: &[Long]) -> Result<(), Fault> {
        let cells = cells.as_nullable_slice::<Bit>().ok_or(Fault::Buffer)?;
        rows.for_each(|row| self.0.append_option(cells.get(row).map(|bit| bit.as_bool())));
        Ok(())
    }

    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16) -> Result<(), Fault> {
        self.0.append_option(values::fixed::<Bit>(statement, column)?.map(|bit| bit.as_bool()));
        Ok(())
    }

    fn bytes(&self) -> usize {
        arrow::array::ArrayBuilder::len(&self.0) / 8
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}

/// How text or bytes arrive.
#[derive(Clone, Copy)]
enum Raw {
    Narrow,
    Bytes,
}

impl Raw {
    /// Calls `take` with each value of the rows.
    fn each(
        self,
        cells: AnyColumnBufferSlice<'_>,
        rows: Range<usize>,
        long: &[Long],
        mut take: impl FnMut(Option<&[u8]>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut long = long.iter().filter(|long| rows.contains(&long.row)).peekable();
        let mut whole = |row: usize, bound| match long.next_if(|long| long.row == row) {
            Some(long) => take(Some(&long.value)),
            None => take(bound),
        };
        match self {
            Self::Narrow => {
                let cells = cells.as_text().ok_or(Fault::Buffer)?;
                rows.clone().try_for_each(|row| whole(row, cells.get(row)))
            }
            Self::Bytes => {
                let cells = cells.as_binary().ok_or(Fault::Buffer)?;
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

/// Values that are parsed from text.
struct Parsed<T: ArrowPrimitiveType, P> {
    raw: Raw,
    builder: PrimitiveBuilder<T>,
    parse: P,
    value: Vec<u8>,
}

fn parsed<T: ArrowPrimitiveType>(
    raw: Raw,
    column: &Column,
    parse: impl Fn(&[u8]) -> Result<T::Native, Reason> + Send + 'static,
) -> Box<dyn Decoder> {
    let builder = PrimitiveBuilder::<T>::new().with_data_type(column.kind.arrow());
    Box::new(Parsed { raw, builder, parse, value: Vec::new() })
}

impl<T, P> Decoder for Parsed<T, P>
where
    T: ArrowPrimitiveType,
    P: Fn(&[u8]) -> Result<T::Native, Reason> + Send,
{
    fn append(&mut self, cells: AnyColumnBufferSlice<'_>, rows: Range<usize>, long: &[Long]) -> Result<(), Fault> {
        let Self { builder, parse, .. } = self;
        self.raw.each(cells, rows, long, |value| {
            builder.append_option(value.map(&*parse).transpose()?);
            Ok(())
        })
    }

    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16) -> Result<(), Fault> {
        let present = self.raw.read(statement, column, &mut self.value)?;
        self.builder.append_option(present.then(|| (self.parse)(&self.value)).transpose()?);
        Ok(())
    }

    fn bytes(&self) -> usize {
        size_of_val(self.builder.values_slice())
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

struct Truths {
    raw: Raw,
    builder: BooleanBuilder,
    value: Vec<u8>,
}

impl Decoder for Truths {
    fn append(&mut self, cells: AnyColumnBufferSlice<'_>, rows: Range<usize>, long: &[Long]) -> Result<(), Fault> {
        let builder = &mut self.builder;
        self.raw.each(cells, rows, long, |value| {
            builder.append_option(value.map(parse::boolean).transpose()?);
            Ok(())
        })
    }

    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16) -> Result<(), Fault> {
        let present = self.raw.read(statement, column, &mut self.value)?;
        self.builder.append_option(present.then(|| parse::boolean(&self.value)).transpose()?);
        Ok(())
    }

    fn bytes(&self) -> usize {
        arrow::array::ArrayBuilder::len(&self.builder) / 8
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

struct Texts {
    raw: Raw,
    builder: StringBuilder,
    value: Vec<u8>,
}

fn append_text(builder: &mut StringBuilder, value: Option<&[u8]>) -> Result<(), Fault> {
    let text = value
        .map(std::str::from_utf8)
        .transpose()
        .map_err(|_| "a value is not UTF-8 text; use the Unicode driver, or cast the column to binary in the query")?;
    fits(builder.values_slice().len(), text.map_or(0, str::len))?;
    builder.append_option(text);
    Ok(())
}

fn fits(taken: usize, more: usize) -> Result<(), Reason> {
    if taken.saturating_add(more) > i32::MAX as usize { Err(TOO_LARGE) } else { Ok(()) }
}

impl Decoder for Texts {
    fn append(&mut self, cells: AnyColumnBufferSlice<'_>, rows: Range<usize>, long: &[Long]) -> Result<(), Fault> {
        let builder = &mut self.builder;
        self.raw.each(cells, rows, long, |value| append_text(builder, value))
    }

    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16) -> Result<(), Fault> {
        let present = self.raw.read(statement, column, &mut self.value)?;
        append_text(&mut self.builder, present.then_some(&self.value))
    }

    fn bytes(&self) -> usize {
        self.builder.values_slice().len() + size_of_val(self.builder.offsets_slice())
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

struct Binaries {
    raw: Raw,
    builder: BinaryBuilder,
    value: Vec<u8>,
}

impl Decoder for Binaries {
    fn append(&mut self, cells: AnyColumnBufferSlice<'_>, rows: Range<usize>, long: &[Long]) -> Result<(), Fault> {
        let builder = &mut self.builder;
        self.raw.each(cells, rows, long, |value| {
            fits(builder.values_slice().len(), value.map_or(0, <[u8]>::len))?;
            builder.append_option(value);
            Ok(())
        })
    }

    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16) -> Result<(), Fault> {
        let present = self.raw.read(statement, column, &mut self.value)?;
        fits(self.builder.values_slice().len(), self.value.len())?;
        self.builder.append_option(present.then_some(&self.value));
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.builder.values_slice().len() + size_of_val(self.builder.offsets_slice())
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

/// UTF-16 text, with room for one value.
struct Wide(StringBuilder, Vec<u16>);

fn append_wide(builder: &mut StringBuilder, units: &[u16]) -> Result<(), Fault> {
    let text = String::from_utf16(units).map_err(|_| "a value is not UTF-16 text: it has half of a surrogate pair")?;
    fits(builder.values_slice().len(), text.len())?;
    builder.append_value(text);
    Ok(())
}

impl Decoder for Wide {
    fn append(&mut self, cells: AnyColumnBufferSlice<'_>, rows: Range<usize>, _: &[Long]) -> Result<(), Fault> {
        let cells = cells.as_wide_text().ok_or(Fault::Buffer)?;
        for row in rows {
            match cells.get(row) {
                Some(units) => append_wide(&mut self.0, units)?,
                None => self.0.append_null(),
            }
        }
        Ok(())
    }

    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16) -> Result<(), Fault> {
        if values::variable::<WideText>(statement, column, &mut self.1)? {
            append_wide(&mut self.0, &self.1)
        } else {
            self.0.append_null();
            Ok(())
        }
    }

    fn bytes(&self) -> usize {
        self.0.values_slice().len() + size_of_val(self.0.offsets_slice())
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}
