//! What a column of a table can hold, by the type that it was declared with.

use arrow::datatypes::DataType;

use super::super::{
    columns::{Column, Kind},
    drivers::Rendering,
};

/// What a column can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Boolean,
    /// Whole numbers of so many bits.
    Whole {
        bits: u8,
        signed: bool,
    },
    Float32,
    Float64,
    Decimal {
        precision: u8,
        scale: i8,
    },
    /// Decimals of any size.
    AnyDecimal,
    /// SQLite's NUMERIC: whole numbers of 64 bits, else reals; what is no number stays the text it is.
    Numeric,
    Date,
    /// With so many digits of a second.
    Time(u8),
    Timestamp {
        digits: u8,
        utc: bool,
    },
    /// At most so many characters, where that is known.
    Text(Option<usize>),
    /// Of so many bytes; a fixed number of them is filled up with zeros.
    Bytes {
        most: Option<usize>,
        fixed: bool,
    },
    /// Values in texts, which the database takes exactly as they are or not at all.
    Parsed,
    /// Values in texts, of which the database keeps a form of its own.
    Reshaped,
}

/// By the words of the declaration: `character varying(20)`, `int(10) unsigned`.
pub(super) fn declared(declaration: &str, rendering: Rendering) -> Holds {
    let declaration = Declaration::of(declaration);
    match rendering {
        Rendering::PostgreSql => postgresql(&declaration),
        Rendering::MariaDb => mariadb(&declaration),
        _ => sqlite(&declaration.words),
    }
}

/// By what its driver says.
pub(super) fn described(column: &Column) -> Holds {
    use odbc_api::DataType as Odbc;
    let digits = match column.described.0 {
        Odbc::Time { precision } | Odbc::Timestamp { precision } => u8::try_from(precision).unwrap_or(9),
        _ => 0,
    };
    let most = match column.described.0 {
        Odbc::Char { length } | Odbc::Varchar { length } | Odbc::WChar { length } | Odbc::WVarchar { length } => length,
        Odbc::Binary { length } | Odbc::Varbinary { length } => length,
        _ => None,
    };
    let most = most.map(std::num::NonZeroUsize::get);
    match column.kind {
        Kind::Boolean => Holds::Boolean,
        Kind::Int8 => whole(8, true),
        Kind::UInt8 => whole(8, false),
        Kind::Int16 => whole(16, true),
        Kind::UInt16 => whole(16, false),
        Kind::Int32 => whole(32, true),
        Kind::UInt32 => whole(32, false),
        Kind::Int64 => whole(64, true),
        Kind::UInt64 => whole(64, false),
        Kind::Float32 => Holds::Float32,
        Kind::Float64 => Holds::Float64,
        Kind::Decimal { precision, scale } => Holds::Decimal { precision, scale },
        Kind::Date => Holds::Date,
        Kind::Time(_) => Holds::Time(digits),
        Kind::Timestamp { utc, .. } => Holds::Timestamp { digits, utc },
        Kind::Text => Holds::Text(most),
        Kind::Binary => Holds::Bytes { most, fixed: matches!(column.described.0, Odbc::Binary { .. }) },
    }
}

impl Holds {
    /// The Arrow type of whole numbers of this size.
    pub(super) fn whole(bits: u8, signed: bool) -> DataType {
        match (bits, signed) {
            (8, true) => DataType::Int8,
            (8, false) => DataType::UInt8,
            (16, true) => DataType::Int16,
            (16, false) => DataType::UInt16,
            (32, true) => DataType::Int32,
            (32, false) => DataType::UInt32,
            (_, true) => DataType::Int64,
            (_, false) => DataType::UInt64,
        }
    }
}

fn whole(bits: u8, signed: bool) -> Holds {
    Holds::Whole { bits, signed }
}

/// A declaration taken apart: `numeric(10,2)` is `numeric` with 10 and 2.
struct Declaration {
    words: String,
    sizes: Vec<usize>,
}

impl Declaration {
    fn of(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        let (before, rest) = text.split_once('(').unwrap_or((&text, ""));
        let (inside, after) = rest.rsplit_once(')').unwrap_or(("", rest));
        let sizes = inside.split(',').map_while(|size| size.trim().parse().ok()).collect();
        Self { words: format!("{} {}", before.trim(), after.trim()).trim().to_owned(), sizes }
    }

    fn size(&self) -> Option<usize> {
        self.sizes.first().copied()
    }

    fn digits(&self, default: u8) -> u8 {
        self.size().and_then(|size| size.try_into().ok()).unwrap_or(default)
    }

    fn decimal(&self, or: Holds) -> Holds {
        let precision = self.size().and_then(|size| u8::try_from(size).ok());
        let scale = i8::try_from(self.sizes.get(1).copied().unwrap_or(0)).ok();
        match (precision, scale) {
            (Some(precision @ 1..=38), Some(scale)) if scale <= precision.cast_signed() => {
                Holds::Decimal { precision, scale }
            }
            _ => or,
        }
    }
}

fn postgresql(declaration: &Declaration) -> Holds {
    match declaration.words.as_str() {
        "boolean" => Holds::Boolean,
        "smallint" => whole(16, true),
        "integer" => whole(32, true),
        "bigint" => whole(64, true),
        "real" => Holds::Float32,
        "double precision" => Holds::Float64,
        "oid" => whole(32, false),
        "numeric" if declaration.sizes.is_empty() => Holds::AnyDecimal,
        "numeric" => declaration.decimal(Holds::Reshaped),
        "date" => Holds::Date,
        "time without time zone" => Holds::Time(declaration.digits(6)),
        "timestamp without time zone" => Holds::Timestamp { digits: declaration.digits(6), utc: false },
        "timestamp with time zone" => Holds::Timestamp { digits: declaration.digits(6), utc: true },
        "text" | "citext" => Holds::Text(None),
        "character varying" | "character" => Holds::Text(declaration.size()),
        "bytea" => Holds::Bytes { most: None, fixed: false },
        "uuid" | "json" | "xml" | "enum" => Holds::Parsed,
        _ => Holds::Reshaped,
    }
}

fn mariadb(declaration: &Declaration) -> Holds {
    let (first, signed) = match declaration.words.split_once(' ') {
        Some((first, rest)) => (first, !rest.contains("unsigned")),
        None => (declaration.words.as_str(), true),
    };
    match first {
        "tinyint" => whole(8, signed),
        "smallint" => whole(16, signed),
        // Its third byte's range is the server's to check.
        "mediumint" | "int" => whole(32, signed),
        "year" => whole(16, false),
        "bigint" => whole(64, signed),
        "bit" if declaration.size() == Some(1) => Holds::Boolean,
        "bit" => Holds::Bytes { most: declaration.size().map(|bits| bits.div_ceil(8)), fixed: true },
        "float" if declaration.sizes.is_empty() => Holds::Float32,
        "double" if declaration.sizes.is_empty() => Holds::Float64,
        "decimal" => declaration.decimal(Holds::Reshaped),
        "date" => Holds::Date,
        "time" => Holds::Time(declaration.digits(0)),
        "datetime" => Holds::Timestamp { digits: declaration.digits(0), utc: false },
        "timestamp" => Holds::Timestamp { digits: declaration.digits(0), utc: true },
        "char" | "varchar" => Holds::Text(declaration.size()),
        "tinytext" | "text" | "mediumtext" | "longtext" | "json" => Holds::Text(None),
        "binary" => Holds::Bytes { most: declaration.size(), fixed: true },
        "varbinary" => Holds::Bytes { most: declaration.size(), fixed: false },
        "tinyblob" | "blob" | "mediumblob" | "longblob" => Holds::Bytes { most: None, fixed: false },
        "uuid" => Holds::Parsed,
        _ => Holds::Reshaped,
    }
}

/// By the rules of affinity. Lengths mean nothing to SQLite.
fn sqlite(words: &str) -> Holds {
    let has = |part: &str| words.contains(part);
    if has("int") {
        whole(64, true)
    } else if has("char") || has("clob") || has("text") {
        Holds::Text(None)
    } else if has("blob") || words.is_empty() {
        Holds::Bytes { most: None, fixed: false }
    } else if has("real") || has("floa") || has("doub") {
        Holds::Float64
    } else {
        Holds::Numeric
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_understood() {
        use Rendering::{MariaDb, PostgreSql, Sqlite};
        for (rendering, text, holds) in [
            (PostgreSql, "numeric(10,2)", Holds::Decimal { precision: 10, scale: 2 }),
            (PostgreSql, "numeric", Holds::AnyDecimal),
            (PostgreSql, "character varying(7)", Holds::Text(Some(7))),
            (PostgreSql, "timestamp(3) without time zone", Holds::Timestamp { digits: 3, utc: false }),
            (PostgreSql, "timestamp with time zone", Holds::Timestamp { digits: 6, utc: true }),
            (PostgreSql, "integer[]", Holds::Reshaped),
            (PostgreSql, "jsonb", Holds::Reshaped),
            (MariaDb, "int(10) unsigned", Holds::Whole { bits: 32, signed: false }),
            (MariaDb, "tinyint(1)", Holds::Whole { bits: 8, signed: true }),
            (MariaDb, "bit(1)", Holds::Boolean),
            (MariaDb, "float(7,2)", Holds::Reshaped),
            (MariaDb, "decimal(65,30)", Holds::Reshaped),
            (MariaDb, "decimal(38,10)", Holds::Decimal { precision: 38, scale: 10 }),
            (MariaDb, "timestamp(6)", Holds::Timestamp { digits: 6, utc: true }),
            (MariaDb, "enum('a','b(1)')", Holds::Reshaped),
            (MariaDb, "binary(4)", Holds::Bytes { most: Some(4), fixed: true }),
            (Sqlite, "UNSIGNED BIG INT", Holds::Whole { bits: 64, signed: true }),
            (Sqlite, "varchar(20)", Holds::Text(None)),
            (Sqlite, "decimal(10,2)", Holds::Numeric),
            (Sqlite, "", Holds::Bytes { most: None, fixed: false }),
            (Sqlite, "DOUBLE", Holds::Float64),
            (Sqlite, "datetime", Holds::Numeric),
        ] {
            assert_eq!(declared(text, rendering), holds, "{text}");
        }
    }
}
