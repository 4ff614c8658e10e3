//! `tableOption: autoCreate`: a table for the columns of the source.

use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use ropeway_engine::{
    Error, ErrorKind, Result,
    source::{SOURCE_SYSTEM, SOURCE_TYPE, is_uuid},
};

use super::{
    super::types::{self, Kind},
    grow::FIRST,
};
use crate::sql::quote_ident;

/// UTF-16 units of the longest nvarchar that is not `(max)`.
const LONGEST_WIDE: u32 = 4_000;
/// Bytes of the longest varbinary that is not `(max)`.
const LONGEST_BINARY: u32 = 8_000;

/// The type of each column: that of the source where it says one, else the one that holds every value of the Arrow
/// type. Texts become nvarchar: no code page stands in the way. Where nobody declared how long they are, the column grows with
/// them ([`grow`](super::grow)).
///
/// # Errors
/// [`ErrorKind::Spec`] with `SqlAutoCreateTableTypeMapFailed` for a type that SQL Server has nothing for.
pub(crate) fn types(schema: &SchemaRef) -> Result<Vec<String>> {
    schema.fields().iter().map(|field| type_of(field).ok_or_else(|| unmapped(field))).collect()
}

/// True for a column of texts whose length nobody declared.
pub(crate) fn grows(field: &Field) -> bool {
    field.data_type().is_string() && Declared::of(field).text().is_none()
}

/// The statement that creates the table.
///
/// # Errors
/// As for [`types`], and for a name that SQL Server cannot have.
pub(crate) fn statement(table: &str, schema: &SchemaRef) -> Result<String> {
    let types = types(schema)?;
    let column = |(field, of): (&arrow::datatypes::FieldRef, &String)| {
        let null = if field.is_nullable() { "NULL" } else { "NOT NULL" };
        Ok(format!("{} {of} {null}", quote_ident(field.name())?))
    };
    let columns = schema.fields().iter().zip(&types).map(column).collect::<Result<Vec<_>>>()?;
    Ok(format!("CREATE TABLE {table} ({})", columns.join(", ")))
}

fn unmapped(field: &Field) -> Error {
    Error::new(
        ErrorKind::Spec,
        "no type of SQL Server holds this column; CAST it in the source's query, or create the table yourself",
    )
    .code("SqlAutoCreateTableTypeMapFailed")
    .with("column", field.name().escape_debug())
    .with("type", field.data_type())
}

fn type_of(field: &Field) -> Option<String> {
    let declared = Declared::of(field);
    Some(match field.data_type() {
        DataType::Boolean => "bit".to_owned(),
        DataType::UInt8 => "tinyint".to_owned(),
        DataType::Int8 | DataType::Int16 => "smallint".to_owned(),
        DataType::UInt16 | DataType::Int32 => "int".to_owned(),
        DataType::UInt32 | DataType::Int64 => "bigint".to_owned(),
        DataType::UInt64 => "decimal(20,0)".to_owned(),
        DataType::Float16 | DataType::Float32 => "real".to_owned(),
        DataType::Float64 => "float".to_owned(),
        DataType::Decimal128(precision, scale) => match declared.kind {
            Some(Kind::Money) => "money".to_owned(),
            Some(Kind::SmallMoney) => "smallmoney".to_owned(),
            _ => decimal(*precision, *scale)?,
        },
        DataType::Decimal256(precision, scale) => decimal(*precision, *scale)?,
        DataType::Date32 => "date".to_owned(),
        DataType::Date64 => "datetime2(3)".to_owned(),
        DataType::Time32(unit) | DataType::Time64(unit) => format!("time({})", declared.digits(*unit)),
        DataType::Timestamp(unit, None) => match declared.kind {
            Some(Kind::DateTime) => "datetime".to_owned(),
            Some(Kind::SmallDateTime) => "smalldatetime".to_owned(),
            _ => format!("datetime2({})", declared.digits(*unit)),
        },
        DataType::Timestamp(unit, Some(_)) => format!("datetimeoffset({})", declared.digits(*unit)),
        DataType::FixedSizeBinary(16) if is_uuid(field) => "uniqueidentifier".to_owned(),
        DataType::FixedSizeBinary(length) => format!("binary({})", u32::try_from(*length).ok().filter(|n| *n > 0)?),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => declared.binary(),
        other if other.is_string() => declared.text().unwrap_or_else(|| FIRST.to_owned()),
        _ => return None,
    })
}

fn decimal(precision: u8, scale: i8) -> Option<String> {
    // A negative scale has zeros before the point.
    let precision = i32::from(precision) - i32::from(scale.min(0));
    let scale = i32::from(scale.max(0));
    (precision <= 38 && scale <= precision).then(|| format!("decimal({precision},{scale})"))
}

/// What the source says of its column. It is read, never repeated: it may come from a file.
struct Declared {
    /// Its type, if the source is a SQL Server.
    kind: Option<Kind>,
    base: String,
    /// Bytes, or units of UTF-16 of a text, at most.
    length: Option<u32>,
}

impl Declared {
    fn of(field: &Field) -> Self {
        let text = |key: &str| field.metadata().get(key).map(String::as_str).unwrap_or_default();
        let (declaration, system) = (text(SOURCE_TYPE), text(SOURCE_SYSTEM));
        let (base, arguments) = declaration.split_once('(').unwrap_or((declaration, ""));
        let length = arguments.trim_end_matches(')').trim().parse().ok().filter(|length: &u32| *length > 0);
        let column = types::declared(field)
            .and_then(|ours| types::Column::declared(field.name().clone(), ours, field.is_nullable()).ok());
        let length = match system {
            // Nothing holds SQLite to a length, and files declare none.
            "" | "SQLite" => None,
            // What its driver says of a column without a limit.
            "PostgreSQL" if length == Some(255) => None,
            _ if column.is_none() && field.data_type().is_string() => {
                // A character may be two units.
                length.map(|characters| characters.saturating_mul(2))
            }
            _ => length,
        };
        Self { kind: column.map(|column| column.kind), base: base.trim().to_ascii_lowercase(), length }
    }

    /// Digits of a second.
    fn digits(&self, unit: TimeUnit) -> u8 {
        let all = match unit {
            TimeUnit::Second => 0,
            TimeUnit::Millisecond => 3,
            TimeUnit::Microsecond => 6,
            TimeUnit::Nanosecond => 7,
        };
        match self.kind {
            Some(Kind::Time(scale) | Kind::DateTime2(scale) | Kind::DateTimeOffset(scale)) => scale.min(7),
            _ => all,
        }
    }

    fn binary(&self) -> String {
        let length = self.length.filter(|length| *length <= LONGEST_BINARY);
        match (self.base.as_str(), length) {
            ("timestamp" | "rowversion", _) if self.kind.is_some() => "binary(8)".to_owned(),
            ("binary", Some(length)) => format!("binary({length})"),
            (base, Some(length)) if base.contains("binary") => format!("varbinary({length})"),
            _ => "varbinary(max)".to_owned(),
        }
    }

    /// `None` if nobody says how long texts are.
    fn text(&self) -> Option<String> {
        match self.kind {
            Some(Kind::Guid) => return Some("uniqueidentifier".to_owned()),
            Some(Kind::Xml) => return Some("xml".to_owned()),
            Some(Kind::DateTimeOffset(scale)) => return Some(format!("datetimeoffset({})", scale.min(7))),
            _ => {}
        }
        let length = self.length.filter(|length| *length <= LONGEST_WIDE);
        Some(match (self.base.as_str(), length) {
            ("sysname", _) => "nvarchar(128)".to_owned(),
            // Databases with this type write it in lower case, as SQL Server is read.
            ("uuid", _) => "uniqueidentifier".to_owned(),
            ("char" | "nchar", Some(length)) if self.kind.is_some() => format!("nchar({length})"),
            (base, Some(length)) if base.contains("char") => format!("nvarchar({length})"),
            _ if self.kind.is_some() => "nvarchar(max)".to_owned(),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::Arc};

    use arrow::datatypes::Schema;

    use super::*;

    fn column(of: DataType, declaration: &str) -> String {
        column_of("SQL Server", of, declaration)
    }

    fn column_of(system: &str, of: DataType, declaration: &str) -> String {
        let entries = [(SOURCE_TYPE, declaration), (SOURCE_SYSTEM, system)];
        let metadata = HashMap::from(entries.map(|(key, value)| (key.to_owned(), value.to_owned())));
        type_of(&Field::new("c", of, true).with_metadata(metadata)).unwrap()
    }

    #[test]
    fn the_types_of_other_databases_are_not_taken_for_those_of_sql_server() {
        let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
        for (system, of, declaration, expected) in [
            ("MariaDB", micros.clone(), "datetime", "datetime2(6)"),
            ("MariaDB", micros, "datetime(3)", "datetime2(6)"),
            ("MariaDB", DataType::Binary, "timestamp", "varbinary(max)"),
            ("PostgreSQL", DataType::Utf8, "varchar(20)", "nvarchar(40)"),
            ("PostgreSQL", DataType::Utf8, "varchar(4000)", "nvarchar(17)"),
            ("PostgreSQL", DataType::Utf8, "char(4)", "nvarchar(8)"),
            ("PostgreSQL", DataType::Utf8, "varchar(255)", "nvarchar(17)"),
            ("PostgreSQL", DataType::Utf8, "uuid", "uniqueidentifier"),
            ("SQLite", DataType::Utf8, "varchar(10)", "nvarchar(17)"),
            ("", DataType::Utf8, "varchar(10)", "nvarchar(17)"),
        ] {
            assert_eq!(column_of(system, of, declaration), expected, "{declaration} of {system}");
        }
    }

    #[test]
    fn the_sources_type_is_kept_where_it_is_one_of_sql_server() {
        let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
        for (of, declaration, expected) in [
            (DataType::Utf8, "varchar(50)", "nvarchar(50)"),
            (DataType::Utf8, "nvarchar(4000)", "nvarchar(4000)"),
            (DataType::Utf8, "varchar(8000)", "nvarchar(max)"),
            (DataType::Utf8, "nvarchar(max)", "nvarchar(max)"),
            (DataType::Utf8, "nchar(3)", "nchar(3)"),
            (DataType::Utf8, "uniqueidentifier", "uniqueidentifier"),
            (DataType::Utf8, "datetimeoffset(3)", "datetimeoffset(3)"),
            (DataType::Utf8, "timestamp(3)", "nvarchar(max)"),
            (DataType::Utf8, "x); DROP TABLE t --", "nvarchar(17)"),
            (DataType::Binary, "timestamp", "binary(8)"),
            (DataType::Binary, "varbinary(20)", "varbinary(20)"),
            (DataType::Decimal128(19, 4), "money", "money"),
            (DataType::Decimal128(38, 6), "", "decimal(38,6)"),
            (DataType::Decimal128(5, -2), "", "decimal(7,0)"),
            (micros.clone(), "datetime", "datetime"),
            (micros.clone(), "datetime2(3)", "datetime2(3)"),
            (micros, "", "datetime2(6)"),
            (DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())), "", "datetimeoffset(7)"),
            (DataType::UInt64, "", "decimal(20,0)"),
        ] {
            assert_eq!(column(of, declaration), expected, "{declaration}");
        }
    }

    #[test]
    fn names_are_quoted_and_nulls_kept() {
        let schema = Arc::new(Schema::new(vec![
            Field::new("a]b", DataType::Int32, false),
            Field::new("c", DataType::Boolean, true),
        ]));
        assert_eq!(
            statement("[dbo].[t]", &schema).unwrap(),
            "CREATE TABLE [dbo].[t] ([a]]b] int NOT NULL, [c] bit NULL)"
        );
    }

    #[test]
    fn what_nothing_holds_is_refused_by_name() {
        let schema = Arc::new(Schema::new(vec![Field::new("wide", DataType::Decimal256(50, 2), true)]));
        let error = statement("[t]", &schema).unwrap_err();
        assert_eq!(error.symbolic_code(), Some("SqlAutoCreateTableTypeMapFailed"));
        assert!(error.to_string().contains("column=wide"), "{error}");
    }
}
