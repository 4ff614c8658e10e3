//! What the columns of a table hold, in Data Factory's terms.

use ropeway_engine::{
    mapping::Interim,
    sink::{Taken, Takes},
};

use super::{
    super::types::Kind,
    table::{Table, TableColumn},
};

impl Table {
    pub(super) fn takes(&self) -> Takes {
        Takes::Columns(self.columns.iter().map(TableColumn::taken).collect())
    }
}

impl TableColumn {
    fn taken(&self) -> Taken {
        let interim = if self.is_the_servers() { None } else { interim(self.kind) };
        Taken { name: self.name().to_owned(), interim }
    }
}

fn interim(kind: Kind) -> Option<Interim> {
    Some(match kind {
        Kind::Bit => Interim::Boolean,
        Kind::TinyInt => Interim::Byte,
        Kind::SmallInt => Interim::Int16,
        Kind::Int => Interim::Int32,
        Kind::BigInt => Interim::Int64,
        Kind::Real => Interim::Single,
        Kind::Float => Interim::Double,
        Kind::Decimal { precision, scale } => Interim::Decimal { precision, scale },
        Kind::Money => Interim::Decimal { precision: 19, scale: 4 },
        Kind::SmallMoney => Interim::Decimal { precision: 10, scale: 4 },
        Kind::Date => Interim::Date,
        Kind::SmallDateTime | Kind::DateTime | Kind::DateTime2(_) => Interim::DateTime,
        Kind::DateTimeOffset(_) => Interim::DateTimeOffset,
        Kind::Time(_) => Interim::TimeSpan,
        Kind::Text => Interim::String,
        Kind::Guid => Interim::Guid,
        Kind::Binary => Interim::ByteArray,
        // Their texts are checked by the server.
        Kind::Xml | Kind::Json | Kind::Variant => return None,
    })
}
