//! One column of a batch in the making: a buffer of values, and where the nulls are.

use arrow::{
    array::{ArrayData, ArrayRef, make_array},
    buffer::{BooleanBuffer, Buffer, MutableBuffer, NullBuffer},
    datatypes::{DataType, FieldRef},
};
use ropeway_engine::{Error, ErrorKind, Result};

use super::super::{settings::TypeSettings, types::Kind};

/// The kind of value that a column's buffer takes as it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    Bool,
    U8,
    I16,
    I32,
    I64,
    F32,
    F64,
    Decimal,
    Money,
    SmallMoney,
    Date,
    Time,
    SmallDateTime,
    DateTime,
    DateTime2,
    /// A datetimeoffset as text.
    DateTimeOffset,
    /// A datetimeoffset in UTC; its offset goes to [`Offsets`](super::offsets::Offsets).
    Instant,
    Text,
    Guid,
    GuidBytes,
    Bytes,
    /// A `sql_variant`: every kind, as text.
    Variant,
}

/// A column's buffers.
pub(crate) struct Builder {
    pub(super) kind: Kind,
    pub(super) takes: Takes,
    /// True if times are kept in nanoseconds.
    pub(super) fine: bool,
    /// The values, end to end.
    pub(super) values: MutableBuffer,
    field: FieldRef,
    /// Bytes per value; 0 for variable length.
    width: usize,
    /// The end of each value, for variable length.
    ends: MutableBuffer,
    /// The last of them.
    end: usize,
    /// The rows that are null.
    nulls: Vec<u32>,
}

impl Builder {
    /// An empty column with room for so many rows, and for so many bytes if their length varies.
    pub(super) fn new(kind: Kind, settings: TypeSettings, field: FieldRef, [most_rows, room]: [usize; 2]) -> Self {
        let width = fixed_width(kind, settings);
        let fine = matches!(
            field.data_type(),
            DataType::Time64(arrow::datatypes::TimeUnit::Nanosecond)
                | DataType::Timestamp(arrow::datatypes::TimeUnit::Nanosecond, _)
        );
        let mut builder = Self {
            kind,
            takes: takes(kind, settings),
            fine,
            values: MutableBuffer::new(0),
            field,
            width,
            ends: MutableBuffer::new(0),
            end: 0,
            nulls: Vec::new(),
        };
        builder.start(most_rows, room);
        builder
    }

    /// Bytes that a row takes at least in a column of this kind.
    pub(super) fn width_of(kind: Kind, settings: TypeSettings) -> usize {
        let own = match fixed_width(kind, settings) {
            0 => size_of::<i32>(),
            width => width,
        };
        own + if kind.has_offsets(settings) { size_of::<i16>() } else { 0 }
    }

    pub(super) fn name(&self) -> &str {
        self.field.name()
    }

    /// Ends a value of variable length; gives its bytes.
    #[inline]
    pub(super) fn end_value(&mut self) -> usize {
        let end = self.values.len();
        // The bytes of a batch are bounded far below 2 GiB.
        self.ends.push(end as i32);
        end - std::mem::replace(&mut self.end, end)
    }

    /// Adds a text; gives its bytes.
    pub(super) fn push_text(&mut self, text: &str) -> usize {
        self.values.extend_from_slice(text.as_bytes());
        self.end_value()
    }

    #[inline]
    pub(super) fn push_null(&mut self, row: usize) {
        self.nulls.push(row as u32);
        match self.width {
            0 => self.ends.push(self.values.len() as i32),
            width => self.values.extend_zeros(width),
        }
    }

    /// Puts a null where a value was begun that does not fit.
    pub(super) fn spoil(&mut self, row: usize) {
        if self.width == 0 {
            self.values.truncate(self.end);
        }
        self.push_null(row);
    }

    /// The array of so many rows; the next batch starts empty.
    pub(super) fn finish(&mut self, rows: usize, most_rows: usize) -> Result<ArrayRef> {
        let room = self.values.len() + self.values.len() / 8;
        let values = std::mem::replace(&mut self.values, MutableBuffer::new(0));
        let ends = std::mem::replace(&mut self.ends, MutableBuffer::new(0));
        let nulls = std::mem::take(&mut self.nulls);
        self.start(most_rows, room);

        let data = ArrayData::builder(self.field.data_type().clone()).len(rows).nulls(null_buffer(&nulls, rows));
        let data = match (self.width, self.takes) {
            (0, _) => data.add_buffer(ends.into()).add_buffer(values.into()),
            (_, Takes::Bool) => data.add_buffer(pack(&values)),
            _ => data.add_buffer(values.into()),
        };
        // Checks lengths, offsets and UTF-8: a column that missed a value ends here.
        data.build().map(make_array).map_err(|error| {
            Error::new(ErrorKind::Bug, "a column is not complete; please report it")
                .with("column", self.name().escape_debug())
                .caused_by(error)
        })
    }

    fn start(&mut self, most_rows: usize, room: usize) {
        self.end = 0;
        if self.width == 0 {
            self.values = MutableBuffer::with_capacity(room);
            self.ends = MutableBuffer::with_capacity((most_rows + 1) * size_of::<i32>());
            self.ends.push(0_i32);
        } else {
            self.values = MutableBuffer::with_capacity(most_rows * self.width);
        }
    }
}

fn null_buffer(nulls: &[u32], rows: usize) -> Option<NullBuffer> {
    if nulls.is_empty() {
        return None;
    }
    let mut bits = MutableBuffer::new(rows.div_ceil(8)).with_bitset(rows.div_ceil(8), true);
    for row in nulls {
        arrow::util::bit_util::unset_bit(bits.as_slice_mut(), *row as usize);
    }
    Some(NullBuffer::new(BooleanBuffer::new(bits.into(), 0, rows)))
}

fn pack(bytes: &[u8]) -> Buffer {
    BooleanBuffer::collect_bool(bytes.len(), |row| bytes[row] != 0).into_inner()
}

fn fixed_width(kind: Kind, settings: TypeSettings) -> usize {
    match kind {
        Kind::Bit | Kind::TinyInt => 1,
        Kind::SmallInt => 2,
        Kind::Int | Kind::Real | Kind::Date => 4,
        Kind::BigInt | Kind::Float | Kind::Time(_) | Kind::SmallDateTime | Kind::DateTime | Kind::DateTime2(_) => 8,
        Kind::DateTimeOffset(_) if settings.utc_and_offset => 8,
        Kind::Decimal { .. } | Kind::Money | Kind::SmallMoney => 16,
        Kind::Guid if settings.binary_uuid => 16,
        Kind::DateTimeOffset(_) | Kind::Text | Kind::Xml | Kind::Json | Kind::Guid | Kind::Binary | Kind::Variant => 0,
    }
}

fn takes(kind: Kind, settings: TypeSettings) -> Takes {
    match kind {
        Kind::Bit => Takes::Bool,
        Kind::TinyInt => Takes::U8,
        Kind::SmallInt => Takes::I16,
        Kind::Int => Takes::I32,
        Kind::BigInt => Takes::I64,
        Kind::Real => Takes::F32,
        Kind::Float => Takes::F64,
        Kind::Decimal { .. } => Takes::Decimal,
        Kind::Money => Takes::Money,
        Kind::SmallMoney => Takes::SmallMoney,
        Kind::Date => Takes::Date,
        Kind::Time(_) => Takes::Time,
        Kind::SmallDateTime => Takes::SmallDateTime,
        Kind::DateTime => Takes::DateTime,
        Kind::DateTime2(_) => Takes::DateTime2,
        Kind::DateTimeOffset(_) if settings.utc_and_offset => Takes::Instant,
        Kind::DateTimeOffset(_) => Takes::DateTimeOffset,
        Kind::Text | Kind::Xml | Kind::Json => Takes::Text,
        Kind::Guid if settings.binary_uuid => Takes::GuidBytes,
        Kind::Guid => Takes::Guid,
        Kind::Binary => Takes::Bytes,
        Kind::Variant => Takes::Variant,
    }
}
