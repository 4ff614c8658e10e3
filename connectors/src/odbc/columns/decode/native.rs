//! Values that the driver hands over as numbers, dates and bits.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, BooleanBuilder, PrimitiveBuilder},
    datatypes::{
        ArrowPrimitiveType, DataType as Arrow, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
        Int64Type, TimeUnit, TimestampMicrosecondType, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type,
    },
};
use odbc_api::{
    Bit, Nullable, Pod,
    handles::{CDataMut, StatementRef},
    parameter::CElement,
    sys::{Date, NULL_DATA, Timestamp},
};

use super::{
    super::{
        Kind,
        misfits::Misfits,
        parse::{self, Reason},
        values,
    },
    Cells, Decoder, Fault,
};

/// The decoder of a kind that is bound as it is.
pub(super) fn native(kind: Kind) -> Box<dyn Decoder> {
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
    fn append(&mut self, cells: Cells<'_>, _: &mut Misfits) -> Result<(), Fault> {
        let Cells { buffer, rows, .. } = cells;
        let (values, indicators) = buffer.as_nullable_slice::<T::Native>().ok_or(Fault::Buffer)?.raw_values();
        let (values, indicators) = (&values[rows.clone()], &indicators[rows]);
        if indicators.contains(&NULL_DATA) {
            let valid: Vec<bool> = indicators.iter().map(|&it| it != NULL_DATA).collect();
            self.0.append_values(values, &valid);
        } else {
            self.0.append_slice(values);
        }
        Ok(())
    }

    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16, _: &mut Misfits) -> Result<(), Fault> {
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

impl<S: Shown, T: ArrowPrimitiveType> Converted<S, T> {
    fn take(&mut self, value: Option<&S>, row: usize, misfits: &mut Misfits) -> Result<(), Fault> {
        let converted = value.map(&self.convert).transpose();
        let done = converted.map(|value| self.builder.append_option(value)).map_err(Fault::from);
        if misfits.took(done, row, || value.map(Shown::shown).unwrap_or_default())? {
            self.builder.append_null();
        }
        Ok(())
    }
}

/// A value for people.
trait Shown {
    fn shown(&self) -> String;
}

impl Shown for i32 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for i64 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for Date {
    fn shown(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl Shown for Timestamp {
    fn shown(&self) -> String {
        let Self { year, month, day, hour, minute, second, fraction } = self;
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{fraction:09}")
    }
}

fn converted<S, T>(arrow: Arrow, convert: impl Fn(&S) -> Result<T::Native, Reason> + Send + 'static) -> Box<dyn Decoder>
where
    S: Pod + Default + Send + Shown,
    T: ArrowPrimitiveType,
    Nullable<S>: CElement + CDataMut,
{
    let builder = PrimitiveBuilder::<T>::new().with_data_type(arrow);
    Box::new(Converted { builder, convert: Box::new(convert) })
}

impl<S, T> Decoder for Converted<S, T>
where
    S: Pod + Default + Send + Shown,
    T: ArrowPrimitiveType,
    Nullable<S>: CElement + CDataMut,
{
    fn append(&mut self, cells: Cells<'_>, misfits: &mut Misfits) -> Result<(), Fault> {
        let Cells { buffer, rows, .. } = cells;
        let cells = buffer.as_nullable_slice::<S>().ok_or(Fault::Buffer)?;
        rows.into_iter().try_for_each(|row| self.take(cells.get(row), row, misfits))
    }

    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16, misfits: &mut Misfits) -> Result<(), Fault> {
        let value = values::fixed::<S>(statement, column)?;
        self.take(value.as_ref(), 0, misfits)
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
    fn append(&mut self, cells: Cells<'_>, _: &mut Misfits) -> Result<(), Fault> {
        let Cells { buffer, rows, .. } = cells;
        let cells = buffer.as_nullable_slice::<Bit>().ok_or(Fault::Buffer)?;
        rows.for_each(|row| self.0.append_option(cells.get(row).map(|bit| bit.as_bool())));
        Ok(())
    }

    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16, _: &mut Misfits) -> Result<(), Fault> {
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
