//! The types between source and sink, as Data Factory names them.

use arrow::datatypes::{DataType, Field, TimeUnit};

use crate::source::{SOURCE_TYPE, is_uuid};

/// An interim data type of Data Factory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interim {
    /// True or false.
    Boolean,
    /// 8 bits with a sign.
    SByte,
    /// 8 bits.
    Byte,
    /// 16 bits with a sign.
    Int16,
    /// 16 bits.
    UInt16,
    /// 32 bits with a sign.
    Int32,
    /// 32 bits.
    UInt32,
    /// 64 bits with a sign.
    Int64,
    /// 64 bits.
    UInt64,
    /// A floating-point number of 32 bits.
    Single,
    /// A floating-point number of 64 bits.
    Double,
    /// A decimal.
    Decimal {
        /// All its digits.
        precision: u8,
        /// Those behind the point.
        scale: i8,
    },
    /// A text.
    String,
    /// A date.
    Date,
    /// A date with a time of the day.
    DateTime,
    /// The same with an offset from UTC.
    DateTimeOffset,
    /// A time of the day.
    TimeSpan,
    /// A uuid.
    Guid,
    /// Bytes.
    ByteArray,
}

impl Interim {
    /// By Data Factory's name. It has no digits of decimals: 38 of them are kept, 18 behind the point.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Boolean" => Self::Boolean,
            "SByte" => Self::SByte,
            "Byte" => Self::Byte,
            "Int16" => Self::Int16,
            "UInt16" => Self::UInt16,
            "Int32" => Self::Int32,
            "UInt32" => Self::UInt32,
            "Int64" => Self::Int64,
            "UInt64" => Self::UInt64,
            "Single" => Self::Single,
            "Double" => Self::Double,
            "Decimal" => Self::Decimal { precision: 38, scale: 18 },
            "String" => Self::String,
            "Date" => Self::Date,
            "DateTime" => Self::DateTime,
            "DateTimeOffset" => Self::DateTimeOffset,
            "TimeSpan" => Self::TimeSpan,
            "Guid" => Self::Guid,
            "Byte[]" => Self::ByteArray,
            _ => return None,
        })
    }

    /// Data Factory's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "Boolean",
            Self::SByte => "SByte",
            Self::Byte => "Byte",
            Self::Int16 => "Int16",
            Self::UInt16 => "UInt16",
            Self::Int32 => "Int32",
            Self::UInt32 => "UInt32",
            Self::Int64 => "Int64",
            Self::UInt64 => "UInt64",
            Self::Single => "Single",
            Self::Double => "Double",
            Self::Decimal { .. } => "Decimal",
            Self::String => "String",
            Self::Date => "Date",
            Self::DateTime => "DateTime",
            Self::DateTimeOffset => "DateTimeOffset",
            Self::TimeSpan => "TimeSpan",
            Self::Guid => "Guid",
            Self::ByteArray => "Byte[]",
        }
    }

    /// What the values of a column are; `None` for what Data Factory has no name for.
    pub(super) fn of(field: &Field) -> Option<Self> {
        let data_type = match field.data_type() {
            DataType::Dictionary(_, values) => values.as_ref(),
            other => other,
        };
        Some(match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 => Self::SByte,
            DataType::UInt8 => Self::Byte,
            DataType::Int16 => Self::Int16,
            DataType::UInt16 => Self::UInt16,
            DataType::Int32 => Self::Int32,
            DataType::UInt32 => Self::UInt32,
            DataType::Int64 => Self::Int64,
            DataType::UInt64 => Self::UInt64,
            DataType::Float32 => Self::Single,
            DataType::Float64 => Self::Double,
            DataType::Decimal128(precision, scale) => Self::Decimal { precision: *precision, scale: *scale },
            DataType::Date32 => Self::Date,
            DataType::Timestamp(_, None) => Self::DateTime,
            DataType::Timestamp(_, Some(_)) => Self::DateTimeOffset,
            DataType::Time32(_) | DataType::Time64(_) => Self::TimeSpan,
            text if text.is_string() => Self::of_texts(field),
            DataType::FixedSizeBinary(_) if is_uuid(field) => Self::Guid,
            bytes if bytes.is_binary() || matches!(bytes, DataType::FixedSizeBinary(_)) => Self::ByteArray,
            _ => return None,
        })
    }

    /// Some types have no exact form in Arrow but text.
    fn of_texts(field: &Field) -> Self {
        let declared = field.metadata().get(SOURCE_TYPE).map(|declared| declared.to_ascii_lowercase());
        match declared.as_deref().unwrap_or_default() {
            "uniqueidentifier" => Self::Guid,
            offset if offset.starts_with("datetimeoffset") => Self::DateTimeOffset,
            _ => Self::String,
        }
    }

    /// The Arrow type of converted values.
    pub(super) fn data_type(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::SByte => DataType::Int8,
            Self::Byte => DataType::UInt8,
            Self::Int16 => DataType::Int16,
            Self::UInt16 => DataType::UInt16,
            Self::Int32 => DataType::Int32,
            Self::UInt32 => DataType::UInt32,
            Self::Int64 => DataType::Int64,
            Self::UInt64 => DataType::UInt64,
            Self::Single => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Decimal { precision, scale } => DataType::Decimal128(precision, scale),
            Self::String | Self::DateTimeOffset | Self::Guid => DataType::Utf8,
            Self::Date => DataType::Date32,
            // It has room for every year from 1 to 9999, as nanoseconds have not.
            Self::DateTime => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimeSpan => DataType::Time64(TimeUnit::Nanosecond),
            Self::ByteArray => DataType::Binary,
        }
    }

    /// What a source would call the type of converted values: as SQL Server does where sinks take the digits of a second
    /// from it, or values are texts that mean something else.
    pub(super) fn source_type(self) -> &'static str {
        match self {
            Self::DateTime => "datetime2(6)",
            Self::DateTimeOffset => "datetimeoffset(7)",
            Self::TimeSpan => "time(7)",
            Self::Guid => "uniqueidentifier",
            other => other.name(),
        }
    }

    pub(super) fn is_number(self) -> bool {
        matches!(
            self,
            Self::SByte
                | Self::Byte
                | Self::Int16
                | Self::UInt16
                | Self::Int32
                | Self::UInt32
                | Self::Int64
                | Self::UInt64
                | Self::Single
                | Self::Double
                | Self::Decimal { .. }
        )
    }

    /// Whether a value may have digits behind the point, or a part of a moment, for which the other type has no place.
    pub(super) fn has_more_than(self, other: Self) -> bool {
        let digits = |of: Self| match of {
            Self::Single | Self::Double | Self::String => i8::MAX,
            Self::Decimal { scale, .. } => scale,
            _ => 0,
        };
        match other {
            Self::Date => matches!(self, Self::DateTime | Self::DateTimeOffset | Self::String),
            Self::DateTime => self == Self::DateTimeOffset,
            Self::Single | Self::Double => false,
            other if other.is_number() => digits(self) > digits(other),
            Self::Boolean => digits(self) > 0,
            _ => false,
        }
    }

    pub(super) fn is_moment(self) -> bool {
        matches!(self, Self::Date | Self::DateTime | Self::DateTimeOffset)
    }

    /// Whether its texts have a format.
    pub(super) fn is_time(self) -> bool {
        self.is_moment() || self == Self::TimeSpan
    }
}
