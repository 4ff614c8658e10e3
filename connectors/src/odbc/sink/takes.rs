//! What the columns of a table hold, in Data Factory's terms.

use ropeway_engine::{
    mapping::Interim,
    sink::{Taken, Takes},
};

use super::{
    holds::Holds,
    table::{Table, TableColumn},
};

impl Table {
    pub(super) fn takes(&self) -> Takes {
        Takes::Columns(self.columns.iter().map(TableColumn::taken).collect())
    }
}

impl TableColumn {
    fn taken(&self) -> Taken {
        let interim = if self.is_generated { None } else { interim(self.holds) };
        Taken { name: self.name.clone(), interim }
    }
}

fn interim(holds: Holds) -> Option<Interim> {
    Some(match holds {
        Holds::Boolean => Interim::Boolean,
        Holds::Whole { bits: 8, signed: true } => Interim::SByte,
        Holds::Whole { bits: 8, signed: false } => Interim::Byte,
        Holds::Whole { bits: 16, signed: true } => Interim::Int16,
        Holds::Whole { bits: 16, signed: false } => Interim::UInt16,
        Holds::Whole { bits: 32, signed: true } => Interim::Int32,
        Holds::Whole { bits: 32, signed: false } => Interim::UInt32,
        Holds::Whole { signed: true, .. } => Interim::Int64,
        Holds::Whole { signed: false, .. } => Interim::UInt64,
        Holds::Float32 => Interim::Single,
        Holds::Float64 => Interim::Double,
        Holds::Decimal { precision, scale } if precision <= 38 => Interim::Decimal { precision, scale },
        Holds::Date => Interim::Date,
        Holds::Time(_) => Interim::TimeSpan,
        Holds::Timestamp { utc: false, .. } => Interim::DateTime,
        Holds::Timestamp { utc: true, .. } => Interim::DateTimeOffset,
        Holds::Text(_) => Interim::String,
        Holds::Bytes { .. } => Interim::ByteArray,
        // What comes decides what they keep.
        Holds::Decimal { .. } | Holds::AnyDecimal | Holds::Numeric | Holds::Parsed | Holds::Reshaped => return None,
    })
}
