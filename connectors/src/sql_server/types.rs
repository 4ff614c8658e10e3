//! SQL Server's types and the Arrow types that hold them exactly.
//!
//! | SQL Server | Arrow |
//! |---|---|
//! | bit; tinyint; smallint, int, bigint | Boolean; UInt8; Int16, Int32, Int64 |
//! | real, float | Float32, Float64 |
//! | decimal(p,s), numeric(p,s); money, smallmoney | Decimal128(p,s); (19,4), (10,4) |
//! | date | Date32 |
//! | time(n) | Time64, microseconds up to n = 6, nanoseconds for 7 |
//! | smalldatetime, datetime, datetime2(n) | Timestamp without zone, units like time |
//! | datetimeoffset(n) | Utf8: `2024-02-29T12:00:00.1234567+02:00`, or Timestamp in UTC, units like time, and a column Int16 of minutes beside it |
//! | char, varchar, text, nchar, nvarchar, ntext, xml, json | Utf8 |
//! | uniqueidentifier | Utf8 in lower case, or FixedSizeBinary(16) with the `arrow.uuid` extension |
//! | binary, varbinary, image, rowversion, CLR types | Binary |
//! | sql_variant | Utf8: see `rows::variant` |

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use mssql_tds::{datatypes::sqldatatypes::TdsDataType, query::metadata::ColumnMetadata};
use ropeway_engine::{
    Error, ErrorKind, Result,
    source::{SOURCE_SYSTEM, SOURCE_TYPE},
};

use super::{declaration::declaration, settings::TypeSettings};

/// What the column of offsets is called: `At_offset` beside `At`.
const OFFSET_SUFFIX: &str = "_offset";

/// The system whose types these are; over ODBC it has the same name.
const SQL_SERVER: &str = "SQL Server";

/// The declaration of a column that comes from a SQL Server.
pub(crate) fn declared(field: &Field) -> Option<&str> {
    let metadata = field.metadata();
    let is_ours = metadata.get(SOURCE_SYSTEM).is_some_and(|system| system == SQL_SERVER);
    metadata.get(SOURCE_TYPE).filter(|_| is_ours).map(String::as_str)
}

/// The metadata of a field with this declaration.
fn metadata(declaration: &str) -> HashMap<String, String> {
    let entries = [(SOURCE_TYPE, declaration), (SOURCE_SYSTEM, SQL_SERVER)];
    HashMap::from(entries.map(|(key, value)| (key.to_owned(), value.to_owned())))
}

/// What a value is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bit,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Real,
    Float,
    Decimal { precision: u8, scale: i8 },
    Money,
    SmallMoney,
    Date,
    Time(u8),
    SmallDateTime,
    DateTime,
    DateTime2(u8),
    DateTimeOffset(u8),
    Text,
    Xml,
    Json,
    Guid,
    Binary,
    Variant,
}

/// A column as it was planned.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// Its name in the result.
    pub(crate) name: String,
    /// What its values are.
    pub(crate) kind: Kind,
    /// The declaration: `decimal(18,4)`.
    pub(crate) declaration: String,
    /// False if the server promises that there is no null.
    pub(crate) nullable: bool,
    /// True if one value may be as large as 2 GiB.
    pub(crate) unbounded: bool,
}

/// The Arrow columns of a result.
///
/// # Errors
/// [`ErrorKind::Spec`] if the column of offsets would have the name of another one.
pub(crate) fn schema(columns: &[Column], settings: TypeSettings) -> Result<Schema> {
    for column in columns.iter().filter(|column| column.kind.has_offsets(settings)) {
        let name = column.offset_name();
        if columns.iter().any(|other| other.name.eq_ignore_ascii_case(&name)) {
            return Err(Error::new(
                ErrorKind::Spec,
                "the offsets of a datetimeoffset go to a column whose name another column has; rename one with AS in \
                 «sqlReaderQuery», or leave out --set source.dateTimeOffset=utcAndOffset",
            )
            .with("column", column.name.escape_debug())
            .with("offsets", name.escape_debug()));
        }
    }
    Ok(Schema::new(columns.iter().flat_map(|column| column.fields(settings)).collect::<Vec<_>>()))
}

impl Column {
    /// A column from what `sp_describe_first_result_set` says of it.
    pub(crate) fn declared(name: String, declaration: &str, nullable: bool) -> Result<Self> {
        let (base, arguments) =
            declaration.split_once('(').map_or((declaration, ""), |(base, rest)| (base, rest.trim_end_matches(')')));
        let mut numbers = arguments.split(',').map(|n| n.trim().parse::<u8>().ok());
        let first = numbers.next().flatten();
        let second = numbers.next().flatten();
        let kind = kind_of_name(base.trim(), first, second).ok_or_else(|| {
            Error::new(ErrorKind::Spec, "a column has a type that Ropeway does not know; CAST it in «sqlReaderQuery»")
                .with("column", &name)
                .with("type", declaration.escape_debug())
        })?;
        let unbounded = arguments.trim().eq_ignore_ascii_case("max")
            || matches!(base, "text" | "ntext" | "image" | "xml" | "json" | "geometry" | "geography");
        Ok(Self { name, kind, declaration: declaration.to_owned(), nullable, unbounded })
    }

    /// A column of a result.
    pub(crate) fn of(found: &ColumnMetadata) -> Result<Self> {
        let kind = Kind::of(found)?;
        let unbounded =
            found.is_plp() || matches!(found.data_type, TdsDataType::Text | TdsDataType::NText | TdsDataType::Image);
        Ok(Self {
            name: found.column_name.clone(),
            kind,
            declaration: declaration(kind, found),
            nullable: found.is_nullable(),
            unbounded,
        })
    }

    /// The Arrow field that holds the values, and the one that holds their offsets if they stand apart.
    pub(crate) fn fields(&self, settings: TypeSettings) -> impl Iterator<Item = Field> {
        std::iter::once(self.field(settings)).chain(self.kind.has_offsets(settings).then(|| {
            // The type of SQL Server that would hold them.
            Field::new(self.offset_name(), DataType::Int16, self.nullable).with_metadata(metadata("smallint"))
        }))
    }

    fn offset_name(&self) -> String {
        format!("{}{OFFSET_SUFFIX}", self.name)
    }

    fn field(&self, settings: TypeSettings) -> Field {
        let mut metadata = metadata(&self.declaration);
        if self.kind == Kind::Guid && settings.binary_uuid {
            metadata.insert("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned());
        }
        Field::new(&self.name, self.kind.data_type(settings), self.nullable).with_metadata(metadata)
    }
}

impl Kind {
    /// True if each value has an offset in a column of its own.
    pub(crate) fn has_offsets(self, settings: TypeSettings) -> bool {
        matches!(self, Self::DateTimeOffset(_)) && settings.utc_and_offset
    }

    /// The Arrow type that holds every value of this kind, but for the two limits of time that
    /// [`TypeSettings::microseconds`] is there for.
    pub(crate) fn data_type(self, settings: TypeSettings) -> DataType {
        match self {
            Self::Bit => DataType::Boolean,
            Self::TinyInt => DataType::UInt8,
            Self::SmallInt => DataType::Int16,
            Self::Int => DataType::Int32,
            Self::BigInt => DataType::Int64,
            Self::Real => DataType::Float32,
            Self::Float => DataType::Float64,
            Self::Decimal { precision, scale } => DataType::Decimal128(precision, scale),
            Self::Money => DataType::Decimal128(19, 4),
            Self::SmallMoney => DataType::Decimal128(10, 4),
            Self::Date => DataType::Date32,
            Self::Time(scale) => DataType::Time64(unit(scale)),
            Self::SmallDateTime | Self::DateTime => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::DateTime2(_) if settings.microseconds => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::DateTime2(scale) => DataType::Timestamp(unit(scale), None),
            Self::DateTimeOffset(scale) if settings.utc_and_offset => {
                let unit = if settings.microseconds { TimeUnit::Microsecond } else { unit(scale) };
                DataType::Timestamp(unit, Some("UTC".into()))
            }
            Self::Guid if settings.binary_uuid => DataType::FixedSizeBinary(16),
            Self::Binary => DataType::Binary,
            Self::DateTimeOffset(_) | Self::Text | Self::Xml | Self::Json | Self::Guid | Self::Variant => {
                DataType::Utf8
            }
        }
    }

    /// What the values of a result's column are.
    pub(crate) fn of(column: &ColumnMetadata) -> Result<Self> {
        let length = column.type_info.length;
        let scale = column.get_scale().unwrap_or(7);
        Ok(match column.data_type {
            TdsDataType::Bit | TdsDataType::BitN => Self::Bit,
            TdsDataType::Int1 => Self::TinyInt,
            TdsDataType::Int2 => Self::SmallInt,
            TdsDataType::Int4 => Self::Int,
            TdsDataType::Int8 => Self::BigInt,
            TdsDataType::IntN => match length {
                1 => Self::TinyInt,
                2 => Self::SmallInt,
                4 => Self::Int,
                _ => Self::BigInt,
            },
            TdsDataType::Flt4 => Self::Real,
            TdsDataType::Flt8 => Self::Float,
            TdsDataType::FltN if length == 4 => Self::Real,
            TdsDataType::FltN => Self::Float,
            TdsDataType::Decimal | TdsDataType::Numeric | TdsDataType::DecimalN | TdsDataType::NumericN => {
                let precision = column.get_precision().unwrap_or(38).min(38);
                Self::Decimal { precision, scale: scale.min(precision) as i8 }
            }
            TdsDataType::Money => Self::Money,
            TdsDataType::Money4 => Self::SmallMoney,
            TdsDataType::MoneyN if length == 4 => Self::SmallMoney,
            TdsDataType::MoneyN => Self::Money,
            TdsDataType::DateN => Self::Date,
            TdsDataType::TimeN => Self::Time(scale),
            TdsDataType::DateTim4 => Self::SmallDateTime,
            TdsDataType::DateTime => Self::DateTime,
            TdsDataType::DateTimeN if length == 4 => Self::SmallDateTime,
            TdsDataType::DateTimeN => Self::DateTime,
            TdsDataType::DateTime2N => Self::DateTime2(scale),
            TdsDataType::DateTimeOffsetN => Self::DateTimeOffset(scale),
            TdsDataType::Guid => Self::Guid,
            TdsDataType::Xml => Self::Xml,
            TdsDataType::Json => Self::Json,
            TdsDataType::SsVariant => Self::Variant,
            TdsDataType::Char
            | TdsDataType::VarChar
            | TdsDataType::Text
            | TdsDataType::BigChar
            | TdsDataType::BigVarChar
            | TdsDataType::NChar
            | TdsDataType::NVarChar
            | TdsDataType::NText => Self::Text,
            TdsDataType::Binary
            | TdsDataType::VarBinary
            | TdsDataType::Image
            | TdsDataType::BigBinary
            | TdsDataType::BigVarBinary
            | TdsDataType::Udt => Self::Binary,
            other => {
                return Err(Error::new(
                    ErrorKind::Spec,
                    "a column has a type that Ropeway does not know; CAST it in «sqlReaderQuery»",
                )
                .with("column", column.column_name.escape_debug())
                .with("type", format!("{other:?}")));
            }
        })
    }
}

fn unit(scale: u8) -> TimeUnit {
    if scale > 6 { TimeUnit::Nanosecond } else { TimeUnit::Microsecond }
}

fn kind_of_name(name: &str, first: Option<u8>, second: Option<u8>) -> Option<Kind> {
    let scale = first.unwrap_or(7);
    Some(match name {
        "bit" => Kind::Bit,
        "tinyint" => Kind::TinyInt,
        "smallint" => Kind::SmallInt,
        "int" => Kind::Int,
        "bigint" => Kind::BigInt,
        "real" => Kind::Real,
        "float" => Kind::Float,
        "decimal" | "numeric" => {
            let precision = first.unwrap_or(18);
            Kind::Decimal { precision, scale: i8::try_from(second.unwrap_or(0)).ok()? }
        }
        "money" => Kind::Money,
        "smallmoney" => Kind::SmallMoney,
        "date" => Kind::Date,
        "time" => Kind::Time(scale),
        "smalldatetime" => Kind::SmallDateTime,
        "datetime" => Kind::DateTime,
        "datetime2" => Kind::DateTime2(scale),
        "datetimeoffset" => Kind::DateTimeOffset(scale),
        "char" | "varchar" | "text" | "nchar" | "nvarchar" | "ntext" | "sysname" => Kind::Text,
        "xml" => Kind::Xml,
        "json" => Kind::Json,
        "uniqueidentifier" => Kind::Guid,
        "binary" | "varbinary" | "image" | "timestamp" | "rowversion" | "hierarchyid" | "geometry" | "geography"
        | "udt" => Kind::Binary,
        "sql_variant" => Kind::Variant,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow_type(declaration: &str) -> DataType {
        Column::declared("c".into(), declaration, true).unwrap().kind.data_type(TypeSettings::default())
    }

    #[test]
    fn every_declaration_has_its_exact_type() {
        for (declaration, expected) in [
            ("bit", DataType::Boolean),
            ("tinyint", DataType::UInt8),
            ("smallint", DataType::Int16),
            ("int", DataType::Int32),
            ("bigint", DataType::Int64),
            ("real", DataType::Float32),
            ("float", DataType::Float64),
            ("decimal(18,4)", DataType::Decimal128(18, 4)),
            ("numeric(38,0)", DataType::Decimal128(38, 0)),
            ("money", DataType::Decimal128(19, 4)),
            ("smallmoney", DataType::Decimal128(10, 4)),
            ("date", DataType::Date32),
            ("time(0)", DataType::Time64(TimeUnit::Microsecond)),
            ("time(7)", DataType::Time64(TimeUnit::Nanosecond)),
            ("smalldatetime", DataType::Timestamp(TimeUnit::Microsecond, None)),
            ("datetime", DataType::Timestamp(TimeUnit::Microsecond, None)),
            ("datetime2(6)", DataType::Timestamp(TimeUnit::Microsecond, None)),
            ("datetime2(7)", DataType::Timestamp(TimeUnit::Nanosecond, None)),
            ("datetimeoffset(7)", DataType::Utf8),
            ("varchar(50)", DataType::Utf8),
            ("nvarchar(max)", DataType::Utf8),
            ("xml", DataType::Utf8),
            ("uniqueidentifier", DataType::Utf8),
            ("varbinary(max)", DataType::Binary),
            ("timestamp", DataType::Binary),
            ("hierarchyid", DataType::Binary),
            ("sql_variant", DataType::Utf8),
        ] {
            assert_eq!(arrow_type(declaration), expected, "{declaration}");
        }
    }

    #[test]
    fn the_declaration_travels_with_the_field() {
        let column = Column::declared("Amount".into(), "decimal(18,4)", false).unwrap();
        let field = column.field(TypeSettings::default());
        assert_eq!(field.metadata().get(SOURCE_TYPE).map(String::as_str), Some("decimal(18,4)"));
        assert!(!field.is_nullable());
        assert!(Column::declared("t".into(), "nvarchar(max)", true).unwrap().unbounded);
        assert!(!Column::declared("t".into(), "nvarchar(50)", true).unwrap().unbounded);
    }

    #[test]
    fn offsets_stand_beside_their_instants_if_asked() {
        let settings = TypeSettings { utc_and_offset: true, ..TypeSettings::default() };
        let at = |name: &str, scale| Column::declared(name.into(), &format!("datetimeoffset({scale})"), true).unwrap();
        let utc = |unit| DataType::Timestamp(unit, Some("UTC".into()));
        let columns = [at("Fine", 7), at("Coarse", 3), Column::declared("n".into(), "int", true).unwrap()];
        let found = schema(&columns, settings).unwrap();
        let names: Vec<_> = found.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["Fine", "Fine_offset", "Coarse", "Coarse_offset", "n"]);
        assert_eq!(
            (found.field(0).data_type(), found.field(1).data_type()),
            (&utc(TimeUnit::Nanosecond), &DataType::Int16)
        );
        assert_eq!(found.field(2).data_type(), &utc(TimeUnit::Microsecond));
        assert_eq!(
            schema(&columns, TypeSettings { microseconds: true, ..settings }).unwrap().field(0).data_type(),
            &utc(TimeUnit::Microsecond)
        );
        assert_eq!(schema(&columns, TypeSettings::default()).unwrap().fields().len(), 3);

        let taken = [at("At", 7), Column::declared("AT_OFFSET".into(), "int", true).unwrap()];
        let error = schema(&taken, settings).unwrap_err();
        assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("column=At"), "{error}");
    }

    #[test]
    fn an_unknown_type_names_the_column() {
        let error = Column::declared("Odd".into(), "hologram", true).unwrap_err();
        assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("column=Odd"), "{error}");
    }
}
