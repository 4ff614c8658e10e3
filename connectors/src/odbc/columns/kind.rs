//! What a column holds: its Arrow type and the C type it is fetched as.

use arrow::datatypes::{DataType as Arrow, TimeUnit};
use odbc_api::{
    buffers::{BoxColumnBuffer, BufferDesc, Item},
    sys::{Date, Timestamp},
};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::odbc) enum Kind {
    Boolean,
    Int8,
    UInt8,
    Int16,
    UInt16,
    Int32,
    UInt32,
    Int64,
    UInt64,
    Float32,
    Float64,
    Decimal { precision: u8, scale: i8 },
    Date,
    Time(TimeUnit),
    Timestamp { unit: TimeUnit, utc: bool },
    Text,
    Binary,
}

impl Kind {
    /// The Arrow type of the values.
    pub(super) fn arrow(self) -> Arrow {
        match self {
            Self::Boolean => Arrow::Boolean,
            Self::Int8 => Arrow::Int8,
            Self::UInt8 => Arrow::UInt8,
            Self::Int16 => Arrow::Int16,
            Self::UInt16 => Arrow::UInt16,
            Self::Int32 => Arrow::Int32,
            Self::UInt32 => Arrow::UInt32,
            Self::Int64 => Arrow::Int64,
            Self::UInt64 => Arrow::UInt64,
            Self::Float32 => Arrow::Float32,
            Self::Float64 => Arrow::Float64,
            Self::Decimal { precision, scale } => Arrow::Decimal128(precision, scale),
            Self::Date => Arrow::Date32,
            Self::Time(unit) => Arrow::Time64(unit),
            Self::Timestamp { unit, utc } => Arrow::Timestamp(unit, utc.then(|| "UTC".into())),
            Self::Text => Arrow::Utf8,
            Self::Binary => Arrow::Binary,
        }
    }

    /// A buffer for so many values as the driver hands them over.
    pub(super) fn native_buffer(self, rows: usize) -> BoxColumnBuffer {
        match self {
            Self::Boolean => BufferDesc::Bit { nullable: true }.column_buffer(rows),
            Self::Int8 => i8::buffer_desc(true).column_buffer(rows),
            Self::UInt8 => u8::buffer_desc(true).column_buffer(rows),
            Self::Int16 => i16::buffer_desc(true).column_buffer(rows),
            // odbc-api has no nullable buffer of unsigned numbers: the next wider signed one holds them.
            Self::Int32 | Self::UInt16 => i32::buffer_desc(true).column_buffer(rows),
            Self::Float32 => f32::buffer_desc(true).column_buffer(rows),
            Self::Float64 => f64::buffer_desc(true).column_buffer(rows),
            Self::Date => Date::buffer_desc(true).column_buffer(rows),
            Self::Timestamp { .. } => Timestamp::buffer_desc(true).column_buffer(rows),
            // Int64 and UInt32; no other kind is bound natively.
            _ => i64::buffer_desc(true).column_buffer(rows),
        }
    }
}
