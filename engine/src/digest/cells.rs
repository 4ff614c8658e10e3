//! The cells of one column of one batch, whatever its physical layout.

use std::ops::Range;

use arrow::{
    array::{
        Array, ArrayRef, ArrowPrimitiveType, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, GenericByteArray,
        PrimitiveArray, StringViewArray, cast::AsArray,
    },
    buffer::NullBuffer,
    datatypes::{
        ByteArrayType, DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
        Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType,
        Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit, TimestampMicrosecondType,
        TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
        UInt64Type,
    },
};

use super::{
    mix::{ColumnKey, Hash},
    rows::Lanes,
};

/// The cells of one column.
pub(super) trait Cells {
    /// The hash of the cell in this row.
    fn hash(&self, row: usize) -> Hash;

    /// Adds the hashes of the cells in these rows to the lanes of the rows. The loop is compiled
    /// for every layout, so one virtual call serves a block.
    fn add_to(&self, lanes: &mut Lanes, rows: Range<usize>) {
        for ((row, first), second) in rows.zip(&mut lanes.first).zip(&mut lanes.second) {
            let hash = self.hash(row);
            *first = first.wrapping_add(hash.0);
            *second = second.wrapping_add(hash.1);
        }
    }
}

/// The type of the values whatever their layout, or `None` if they have no digest.
pub(crate) fn value_type(layout: &DataType) -> Option<DataType> {
    use DataType as T;
    let value_type = match layout {
        T::Dictionary(_, values) => value_type(values)?,
        T::Utf8 | T::LargeUtf8 | T::Utf8View => T::Utf8,
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => T::Binary,
        T::Timestamp(unit, _) => T::Timestamp(*unit, None),
        other if other.is_primitive() || matches!(other, T::Boolean | T::Null) => other.clone(),
        _ => return None,
    };
    (!matches!(value_type, T::Duration(_) | T::Interval(_))).then_some(value_type)
}

/// The cells of this column, or `None` if its type has no digest.
pub(super) fn cells<'a>(array: &'a ArrayRef, key: ColumnKey) -> Option<Box<dyn Cells + 'a>> {
    use DataType as T;
    use TimeUnit as U;
    Some(match array.data_type() {
        T::Null => Box::new(Nulls(key)),
        T::Boolean => Box::new(Cell::of(array, key, array.as_boolean())),
        T::Int8 => words::<Int8Type>(array, key, |v| v as u64),
        T::Int16 => words::<Int16Type>(array, key, |v| v as u64),
        T::Int32 => words::<Int32Type>(array, key, |v| v as u64),
        T::Int64 => words::<Int64Type>(array, key, |v| v as u64),
        T::UInt8 => words::<UInt8Type>(array, key, u64::from),
        T::UInt16 => words::<UInt16Type>(array, key, u64::from),
        T::UInt32 => words::<UInt32Type>(array, key, u64::from),
        T::UInt64 => words::<UInt64Type>(array, key, |v| v),
        T::Float16 => words::<Float16Type>(array, key, |v| u64::from(if v.is_nan() { 0x7E00 } else { v.to_bits() })),
        T::Float32 => words::<Float32Type>(array, key, |v| u64::from(if v.is_nan() { f32::NAN } else { v }.to_bits())),
        T::Float64 => words::<Float64Type>(array, key, |v| if v.is_nan() { f64::NAN } else { v }.to_bits()),
        T::Date32 => words::<Date32Type>(array, key, |v| v as u64),
        T::Date64 => words::<Date64Type>(array, key, |v| v as u64),
        T::Time32(U::Second) => words::<Time32SecondType>(array, key, |v| v as u64),
        T::Time32(U::Millisecond) => words::<Time32MillisecondType>(array, key, |v| v as u64),
        T::Time64(U::Microsecond) => words::<Time64MicrosecondType>(array, key, |v| v as u64),
        T::Time64(U::Nanosecond) => words::<Time64NanosecondType>(array, key, |v| v as u64),
        T::Timestamp(U::Second, _) => words::<TimestampSecondType>(array, key, |v| v as u64),
        T::Timestamp(U::Millisecond, _) => words::<TimestampMillisecondType>(array, key, |v| v as u64),
        T::Timestamp(U::Microsecond, _) => words::<TimestampMicrosecondType>(array, key, |v| v as u64),
        T::Timestamp(U::Nanosecond, _) => words::<TimestampNanosecondType>(array, key, |v| v as u64),
        T::Decimal32(..) => words::<Decimal32Type>(array, key, |v| v as u64),
        T::Decimal64(..) => words::<Decimal64Type>(array, key, |v| v as u64),
        T::Decimal128(..) => Box::new(Cell::of(array, key, array.as_primitive::<Decimal128Type>())),
        T::Decimal256(..) => Box::new(Cell::of(array, key, array.as_primitive::<Decimal256Type>())),
        T::Utf8 => Box::new(Cell::of(array, key, array.as_string::<i32>())),
        T::LargeUtf8 => Box::new(Cell::of(array, key, array.as_string::<i64>())),
        T::Utf8View => Box::new(Cell::of(array, key, array.as_string_view())),
        T::Binary => Box::new(Cell::of(array, key, array.as_binary::<i32>())),
        T::LargeBinary => Box::new(Cell::of(array, key, array.as_binary::<i64>())),
        T::BinaryView => Box::new(Cell::of(array, key, array.as_binary_view())),
        T::FixedSizeBinary(_) => Box::new(Cell::of(array, key, array.as_fixed_size_binary())),
        T::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            if dictionary.values().is_empty() {
                return Some(Box::new(Nulls(key)));
            }
            let (keys, values) = (dictionary.normalized_keys(), cells(dictionary.values(), key)?);
            Box::new(Dictionary { nulls: dictionary.nulls().cloned(), keys, values, key })
        }
        _ => return None,
    })
}

/// How a value of a layout is hashed.
trait Values {
    fn value(&self, row: usize, key: &ColumnKey) -> Hash;
}

struct Cell<V> {
    nulls: Option<NullBuffer>,
    key: ColumnKey,
    values: V,
}

impl<V> Cell<V> {
    fn of(array: &dyn Array, key: ColumnKey, values: V) -> Self {
        // A buffer without a null costs a test per cell for nothing.
        Self { nulls: array.nulls().filter(|nulls| nulls.null_count() > 0).cloned(), key, values }
    }
}

impl<V: Values> Cells for Cell<V> {
    #[inline]
    fn hash(&self, row: usize) -> Hash {
        match &self.nulls {
            Some(nulls) if nulls.is_null(row) => self.key.null(),
            _ => self.values.value(row, &self.key),
        }
    }
}

struct Words<'a, T, F> {
    values: &'a [T],
    word: F,
}

fn words<'a, T: ArrowPrimitiveType>(
    array: &'a ArrayRef,
    key: ColumnKey,
    word: impl Fn(T::Native) -> u64 + 'a,
) -> Box<dyn Cells + 'a> {
    Box::new(Cell::of(array, key, Words { values: array.as_primitive::<T>().values(), word }))
}

impl<T: Copy, F: Fn(T) -> u64> Values for Words<'_, T, F> {
    #[inline]
    fn value(&self, row: usize, key: &ColumnKey) -> Hash {
        key.word((self.word)(self.values[row]))
    }
}

impl Values for &BooleanArray {
    fn value(&self, row: usize, key: &ColumnKey) -> Hash {
        key.word(u64::from(BooleanArray::value(self, row)))
    }
}

impl Values for &PrimitiveArray<Decimal128Type> {
    fn value(&self, row: usize, key: &ColumnKey) -> Hash {
        let value = self.values()[row] as u128;
        key.pair(value as u64, (value >> 64) as u64)
    }
}

impl Values for &PrimitiveArray<Decimal256Type> {
    fn value(&self, row: usize, key: &ColumnKey) -> Hash {
        key.bytes(&self.values()[row].to_le_bytes())
    }
}

impl<T: ByteArrayType> Values for &GenericByteArray<T> {
    fn value(&self, row: usize, key: &ColumnKey) -> Hash {
        key.bytes(GenericByteArray::value(self, row).as_ref())
    }
}

impl Values for &StringViewArray {
    fn value(&self, row: usize, key: &ColumnKey) -> Hash {
        key.bytes(StringViewArray::value(self, row).as_bytes())
    }
}

impl Values for &BinaryViewArray {
    fn value(&self, row: usize, key: &ColumnKey) -> Hash {
        key.bytes(BinaryViewArray::value(self, row))
    }
}

impl Values for &FixedSizeBinaryArray {
    fn value(&self, row: usize, key: &ColumnKey) -> Hash {
        key.bytes(FixedSizeBinaryArray::value(self, row))
    }
}

struct Dictionary<'a> {
    nulls: Option<NullBuffer>,
    keys: Vec<usize>,
    values: Box<dyn Cells + 'a>,
    key: ColumnKey,
}

impl Cells for Dictionary<'_> {
    fn hash(&self, row: usize) -> Hash {
        match &self.nulls {
            Some(nulls) if nulls.is_null(row) => self.key.null(),
            _ => self.values.hash(self.keys[row]),
        }
    }
}

/// Every cell is null.
struct Nulls(ColumnKey);

impl Cells for Nulls {
    fn hash(&self, _: usize) -> Hash {
        self.0.null()
    }
}
