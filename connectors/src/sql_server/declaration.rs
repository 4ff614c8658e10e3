//! The declaration of a result's column as SQL Server itself writes it: `decimal(18,4)`.

use mssql_tds::{datatypes::sqldatatypes::TdsDataType, query::metadata::ColumnMetadata};

use super::types::Kind;

/// The user type that tells a rowversion from other binaries.
const ROWVERSION: u32 = 0x50;

/// What `sp_describe_first_result_set` calls this column's type.
pub(crate) fn declaration(kind: Kind, column: &ColumnMetadata) -> String {
    let length = column.type_info.length;
    let sized = |name: &str, unit: usize| match column.is_plp() {
        true => format!("{name}(max)"),
        false => format!("{name}({})", length / unit),
    };
    match kind {
        Kind::Bit => "bit".to_owned(),
        Kind::TinyInt => "tinyint".to_owned(),
        Kind::SmallInt => "smallint".to_owned(),
        Kind::Int => "int".to_owned(),
        Kind::BigInt => "bigint".to_owned(),
        Kind::Real => "real".to_owned(),
        Kind::Float => "float".to_owned(),
        Kind::Decimal { precision, scale } => {
            let numeric = matches!(column.data_type, TdsDataType::Numeric | TdsDataType::NumericN);
            format!("{}({precision},{scale})", if numeric { "numeric" } else { "decimal" })
        }
        Kind::Money => "money".to_owned(),
        Kind::SmallMoney => "smallmoney".to_owned(),
        Kind::Date => "date".to_owned(),
        Kind::Time(scale) => format!("time({scale})"),
        Kind::SmallDateTime => "smalldatetime".to_owned(),
        Kind::DateTime => "datetime".to_owned(),
        Kind::DateTime2(scale) => format!("datetime2({scale})"),
        Kind::DateTimeOffset(scale) => format!("datetimeoffset({scale})"),
        Kind::Xml => "xml".to_owned(),
        Kind::Json => "json".to_owned(),
        Kind::Guid => "uniqueidentifier".to_owned(),
        Kind::Variant => "sql_variant".to_owned(),
        Kind::Text => match column.data_type {
            TdsDataType::Text => "text".to_owned(),
            TdsDataType::NText => "ntext".to_owned(),
            TdsDataType::Char | TdsDataType::BigChar => sized("char", 1),
            TdsDataType::NChar => sized("nchar", 2),
            TdsDataType::NVarChar => sized("nvarchar", 2),
            _ => sized("varchar", 1),
        },
        Kind::Binary if column.user_type == ROWVERSION => "timestamp".to_owned(),
        Kind::Binary => match column.data_type {
            TdsDataType::Udt => "udt".to_owned(),
            TdsDataType::Image => "image".to_owned(),
            TdsDataType::Binary | TdsDataType::BigBinary => sized("binary", 1),
            _ => sized("varbinary", 1),
        },
    }
}
