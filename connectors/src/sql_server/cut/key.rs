//! A column that cuts: how its values are written down, sent and counted.

use chrono::{DateTime, Datelike as _, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _};
use mssql_tds::datatypes::{
    column_values::{SqlDate, SqlDateTime, SqlDateTime2, SqlDateTimeOffset, SqlSmallDateTime, SqlTime},
    decoder::DecimalParts,
    sql_string::SqlString,
    sqltypes::SqlType,
};
use ropeway_engine::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::sql_server::{
    rows::time::{self, DAY},
    types::{Column, Kind},
    wire::TextRow,
};

/// From 0001-01-01 to 1900-01-01.
const DAYS_TO_1900: i64 = 693_595;

/// A key. Values are texts as `rows::variant` writes them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Key {
    pub(crate) column: String,
    /// `decimal(18,4)`
    pub(crate) declaration: String,
    /// Of texts.
    pub(crate) collation: Option<String>,
    pub(crate) nullable: bool,
    /// Whether it is the first column of the clustered index: rows are stored in its order.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) leads: bool,
}

impl Key {
    /// A key from a row of the catalogue; `None` if its type does not cut exactly.
    pub(crate) fn of(row: &TextRow) -> Result<Option<Self>> {
        let name = row.required("type_name")?;
        let number = |column| row.number::<i32>(column).unwrap_or(0);
        let declaration = match name {
            "decimal" | "numeric" => format!("{name}({},{})", number("precision"), number("scale")),
            "datetime2" | "datetimeoffset" => format!("{name}({})", number("scale")),
            "char" | "varchar" => format!("{name}({})", number("max_length")),
            "nchar" | "nvarchar" => format!("{name}({})", number("max_length") / 2),
            _ => name.to_owned(),
        };
        let key = Self {
            column: row.required("column_name")?.to_owned(),
            declaration,
            collation: row.text("collation_name").map(ToOwned::to_owned),
            nullable: row.is_set("is_nullable"),
            leads: row.number::<u8>("index_type") == Some(1),
        };
        Ok(Some(key).filter(Self::cuts))
    }

    /// A key from a described column: only those that need no collation.
    pub(crate) fn of_column(column: &Column) -> Option<Self> {
        let key = Self {
            column: column.name.clone(),
            declaration: column.declaration.clone(),
            collation: None,
            nullable: column.nullable,
            leads: false,
        };
        Some(key).filter(Self::has_positions)
    }

    fn kind(&self) -> Option<Kind> {
        Column::declared(String::new(), &self.declaration, false).ok().map(|column| column.kind)
    }

    /// Floats have no exact text, and the other types no order that a bound can stand in.
    fn cuts(&self) -> bool {
        let text = self.kind() == Some(Kind::Text);
        self.has_positions()
            || matches!(self.kind(), Some(Kind::Decimal { .. } | Kind::Money | Kind::SmallMoney | Kind::Guid))
            || text
                && self.collation.is_some()
                && !self.declaration.contains("-1")
                && !self.declaration.ends_with("text")
    }

    /// True if values can be counted, so that bounds can be computed.
    pub(crate) fn has_positions(&self) -> bool {
        matches!(
            self.kind(),
            Some(
                Kind::TinyInt
                    | Kind::SmallInt
                    | Kind::Int
                    | Kind::BigInt
                    | Kind::Date
                    | Kind::SmallDateTime
                    | Kind::DateTime
                    | Kind::DateTime2(_)
                    | Kind::DateTimeOffset(_)
            )
        )
    }

    /// True if rows can be read in the order of the key for nothing, and every value can be a bound: the milliseconds of
    /// `datetime` are rounded.
    pub(crate) fn orders(&self) -> bool {
        self.leads && self.has_positions() && !matches!(self.kind(), Some(Kind::DateTime | Kind::DateTimeOffset(_)))
    }

    /// ` COLLATE name` for a text, else nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] for a name that no collation has.
    pub(crate) fn collate(&self) -> Result<String> {
        let Some(name) = &self.collation else { return Ok(String::new()) };
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(Error::new(ErrorKind::Data, "a collation has an impossible name")
                .with("collation", name.escape_debug()));
        }
        Ok(format!(" COLLATE {name}"))
    }

    /// The expression of a parameter: of the column's own type, so that an index can be used and the
    /// server compares as it does for the column.
    pub(crate) fn expression(&self, parameter: &str) -> Result<String> {
        let narrow = self.declaration.starts_with("char") || self.declaration.starts_with("varchar");
        if narrow {
            Ok(format!("CAST({parameter}{} AS {})", self.collate()?, self.declaration))
        } else {
            Ok(parameter.to_owned())
        }
    }

    /// The value of a parameter.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] for a text that is no value of this key.
    pub(crate) fn parameter(&self, text: &str) -> Result<SqlType> {
        self.parse(text).ok_or_else(|| {
            Error::new(ErrorKind::Bug, "a bound of the plan cannot be read; please report it")
                .with("column", self.column.escape_debug())
                .with("type", &self.declaration)
        })
    }

    fn parse(&self, text: &str) -> Option<SqlType> {
        let exact = |precision, scale: i8| {
            DecimalParts::from_string(text, precision, u8::try_from(scale).ok()?)
                .ok()
                .map(|it| SqlType::Decimal(Some(it)))
        };
        Some(match self.kind()? {
            Kind::TinyInt => SqlType::TinyInt(Some(text.parse().ok()?)),
            Kind::SmallInt => SqlType::SmallInt(Some(text.parse().ok()?)),
            Kind::Int => SqlType::Int(Some(text.parse().ok()?)),
            Kind::BigInt => SqlType::BigInt(Some(text.parse().ok()?)),
            Kind::Decimal { precision, scale } => exact(precision, scale)?,
            Kind::Money | Kind::SmallMoney => exact(19, 4)?,
            Kind::Guid => SqlType::Uuid(Some(text.parse::<Uuid>().ok()?)),
            Kind::Text => SqlType::NVarchar(Some(SqlString::from_utf8_string(text.to_owned())), 4_000),
            kind => time_parameter(kind, self.position(text)?)?,
        })
    }

    /// The position of a bound that the definition gives.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for a text that is no value of this key.
    pub(crate) fn position_of_bound(&self, text: &str) -> Result<i128> {
        self.position(text.trim()).ok_or_else(|| {
            Error::new(
                ErrorKind::Spec,
                "«partitionLowerBound» and «partitionUpperBound» must be values of the partition column",
            )
            .with("column", self.column.escape_debug())
            .with("type", &self.declaration)
        })
    }

    /// Where a value stands: whole numbers as they are, dates in days and times in 100 ns since
    /// 0001-01-01.
    pub(crate) fn position(&self, text: &str) -> Option<i128> {
        match self.kind()? {
            Kind::TinyInt | Kind::SmallInt | Kind::Int | Kind::BigInt => text.parse::<i64>().ok().map(i128::from),
            Kind::Date => Some(i128::from(date_and_time(text)?.div_euclid(DAY))),
            Kind::SmallDateTime | Kind::DateTime | Kind::DateTime2(_) => date_and_time(text).map(i128::from),
            Kind::DateTimeOffset(_) => instant(text).map(i128::from),
            _ => None,
        }
    }

    /// The value at a position, rounded down to one that the column can have.
    pub(crate) fn text_at(&self, position: i128) -> String {
        let ticks = |grain: i64| {
            let ticks = i64::try_from(position).unwrap_or(0);
            time::iso(ticks - ticks.rem_euclid(grain)).unwrap_or_default()
        };
        match self.kind() {
            Some(Kind::Date) => time::iso_date(i64::try_from(position).unwrap_or(0)).unwrap_or_default(),
            Some(Kind::SmallDateTime) => ticks(600_000_000),
            // A whole second has no rounding to 1/300 s.
            Some(Kind::DateTime) => ticks(10_000_000),
            Some(Kind::DateTime2(scale)) => ticks(10_i64.pow(7 - u32::from(scale.min(7)))),
            Some(Kind::DateTimeOffset(_)) => ticks(1) + "+00:00",
            _ => position.to_string(),
        }
    }
}

fn time_parameter(kind: Kind, position: i128) -> Option<SqlType> {
    let position = i64::try_from(position).ok()?;
    let (days, ticks) = (position.div_euclid(DAY), position.rem_euclid(DAY));
    let datetime2 = |scale| {
        Some(SqlDateTime2 {
            days: u32::try_from(days).ok()?,
            time: SqlTime { time_nanoseconds: ticks.unsigned_abs(), scale },
        })
    };
    Some(match kind {
        Kind::Date => SqlType::Date(Some(SqlDate::create(u32::try_from(position).ok()?).ok()?)),
        Kind::SmallDateTime => SqlType::SmallDateTime(Some(SqlSmallDateTime {
            days: u16::try_from(days - DAYS_TO_1900).ok()?,
            time: u16::try_from(ticks / 600_000_000).ok()?,
        })),
        Kind::DateTime => SqlType::DateTime(Some(SqlDateTime {
            days: i32::try_from(days - DAYS_TO_1900).ok()?,
            // From the milliseconds that are shown back to the 1/300 s that they stand for.
            time: u32::try_from((ticks / 10_000 * 3 + 5) / 10).ok()?,
        })),
        Kind::DateTime2(scale) => SqlType::DateTime2(Some(datetime2(scale)?)),
        Kind::DateTimeOffset(_) => {
            SqlType::DateTimeOffset(Some(SqlDateTimeOffset { datetime2: datetime2(7)?, offset: 0 }))
        }
        _ => return None,
    })
}

/// 100 ns since 0001-01-01 of a date with or without a time.
fn date_and_time(text: &str) -> Option<i64> {
    let patterns = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
    let read = patterns.iter().find_map(|pattern| NaiveDateTime::parse_from_str(text, pattern).ok());
    read.or_else(|| Some(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_time(NaiveTime::MIN))).map(ticks)
}

/// 100 ns since 0001-01-01 in UTC.
fn instant(text: &str) -> Option<i64> {
    let zoned = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::<FixedOffset>::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f %:z"));
    zoned.map(|zoned| ticks(zoned.naive_utc())).ok().or_else(|| date_and_time(text))
}

fn ticks(at: NaiveDateTime) -> i64 {
    let days = i64::from(at.date().num_days_from_ce()) - 1;
    days * DAY + i64::from(at.time().num_seconds_from_midnight()) * 10_000_000 + i64::from(at.time().nanosecond() / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(declaration: &str) -> Key {
        let text = declaration.contains("char");
        let collation = text.then(|| "Latin1_General_CI_AS".to_owned());
        Key { column: "k".into(), declaration: declaration.into(), collation, nullable: true, leads: true }
    }

    #[test]
    fn positions_and_texts_are_each_others_inverse() {
        for (declaration, text) in [
            ("tinyint", "255"),
            ("bigint", "-9223372036854775808"),
            ("date", "2024-02-29"),
            ("smalldatetime", "1900-01-01T00:01:00.0000000"),
            ("datetime", "1753-01-01T00:00:01.0000000"),
            ("datetime2(7)", "9999-12-31T23:59:59.9999999"),
            ("datetime2(3)", "0001-01-01T00:00:00.0010000"),
            ("datetimeoffset(7)", "2024-02-29T12:00:00.1234567+00:00"),
        ] {
            let key = key(declaration);
            assert_eq!(key.text_at(key.position(text).unwrap()), text, "{declaration}");
            assert!(key.parameter(text).is_ok(), "{declaration}");
        }
    }

    #[test]
    fn parameters_have_the_columns_own_type() {
        assert_eq!(key("int").parameter("-5").unwrap(), SqlType::Int(Some(-5)));
        let SqlType::DateTime(Some(value)) = key("datetime").parameter("1900-01-02T00:00:00.007").unwrap() else {
            panic!("not a datetime")
        };
        assert_eq!((value.days, value.time), (1, 2));
        let SqlType::DateTimeOffset(Some(value)) =
            key("datetimeoffset(7)").parameter("0001-01-02T02:00:00+02:00").unwrap()
        else {
            panic!("not a datetimeoffset")
        };
        assert_eq!((value.datetime2.days, value.datetime2.time.time_nanoseconds, value.offset), (1, 0, 0));
        assert_eq!(
            key("varchar(10)").expression("@p").unwrap(),
            "CAST(@p COLLATE Latin1_General_CI_AS AS varchar(10))"
        );
        assert_eq!(key("nvarchar(10)").expression("@p").unwrap(), "@p");
        assert!(key("int").parameter("x").is_err());
        assert!(key("decimal(18,4)").parameter("12345678901234.5678").is_ok());
    }

    #[test]
    fn floats_and_large_texts_never_cut() {
        for declaration in ["float", "real", "xml", "sql_variant", "varbinary(10)", "bit", "nvarchar(-1)"] {
            assert!(!key(declaration).cuts(), "{declaration}");
        }
        for declaration in ["int", "decimal(38,0)", "money", "uniqueidentifier", "varchar(10)", "date"] {
            assert!(key(declaration).cuts(), "{declaration}");
        }
    }

    #[test]
    fn only_what_is_stored_in_order_and_written_down_exactly_orders() {
        for declaration in ["tinyint", "bigint", "date", "smalldatetime", "datetime2(7)"] {
            assert!(key(declaration).orders(), "{declaration}");
            assert!(!Key { leads: false, ..key(declaration) }.orders(), "{declaration}");
        }
        for declaration in ["datetime", "datetimeoffset(7)", "varchar(10)", "uniqueidentifier", "decimal(18,4)"] {
            assert!(!key(declaration).orders(), "{declaration}");
        }
    }

    #[test]
    fn a_hostile_collation_is_refused() {
        let key = Key { collation: Some("x; DROP TABLE t".into()), ..key("varchar(10)") };
        assert!(key.collate().is_err() && key.expression("@p").is_err());
    }
}
