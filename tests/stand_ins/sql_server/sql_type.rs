//! The T-SQL data types: their names, lengths, precedence.

use super::SqlError;
use super::collation::{self, Collation};
use std::fmt;

/// Length of a string or binary type: bytes, or UTF-16 units for the `n` types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// `(n)`.
    Of(u16),
    /// `(max)`.
    Max,
}

/// A CLR type that the server brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Udt {
    HierarchyId,
    Geometry,
    Geography,
}

/// A data type with all that its declaration says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are T-SQL's")]
pub enum SqlType {
    Bit,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Real,
    Float,
    Decimal { precision: u8, scale: u8, numeric: bool },
    Money,
    SmallMoney,
    Date,
    Time(u8),
    DateTime,
    SmallDateTime,
    DateTime2(u8),
    DateTimeOffset(u8),
    Char(u16, &'static Collation),
    VarChar(Length, &'static Collation),
    Text(&'static Collation),
    NChar(u16, &'static Collation),
    NVarChar(Length, &'static Collation),
    NText(&'static Collation),
    Xml,
    UniqueIdentifier,
    Binary(u16),
    VarBinary(Length),
    Image,
    RowVersion,
    SqlVariant,
    Udt(Udt),
}

impl SqlType {
    /// `decimal(precision, scale)`.
    pub fn decimal(precision: u8, scale: u8) -> SqlType {
        SqlType::Decimal { precision, scale, numeric: false }
    }

    pub(super) fn sysname() -> SqlType {
        SqlType::NVarChar(Length::Of(128), collation::DEFAULT)
    }

    pub(super) fn nvarchar(units: u16) -> SqlType {
        SqlType::NVarChar(Length::Of(units), collation::DEFAULT)
    }

    pub(super) fn varchar(bytes: u16) -> SqlType {
        SqlType::VarChar(Length::Of(bytes), collation::DEFAULT)
    }

    /// The type of this name with these arguments. `in_cast`: a length that is left out is 30 there, otherwise 1.
    pub(super) fn named(name: &str, arguments: &[Argument], in_cast: bool) -> Result<SqlType, SqlError> {
        let lower = name.to_ascii_lowercase();
        let fixed = |of: SqlType| {
            if arguments.is_empty() {
                Ok(of)
            } else {
                Err(SqlError::new(
                    2716,
                    16,
                    format!("Column, parameter, or variable #1: Cannot specify a column width on data type {lower}."),
                ))
            }
        };
        let char_length = |limit| length(name, arguments, limit, if in_cast { 30 } else { 1 });
        let collation = collation::DEFAULT;
        match lower.as_str() {
            "bit" => fixed(SqlType::Bit),
            "tinyint" => fixed(SqlType::TinyInt),
            "smallint" => fixed(SqlType::SmallInt),
            "int" | "integer" => fixed(SqlType::Int),
            "bigint" => fixed(SqlType::BigInt),
            "real" => fixed(SqlType::Real),
            "float" => match arguments {
                [Argument::Number(1..=24)] => Ok(SqlType::Real),
                [] | [Argument::Number(25..=53)] => Ok(SqlType::Float),
                _ => Err(SqlError::new(
                    2750,
                    16,
                    "Column or parameter #1: Specified column precision is greater than the maximum precision of 53.",
                )),
            },
            "decimal" | "dec" => decimal(arguments, false),
            "numeric" => decimal(arguments, true),
            "money" => fixed(SqlType::Money),
            "smallmoney" => fixed(SqlType::SmallMoney),
            "date" => fixed(SqlType::Date),
            "time" => Ok(SqlType::Time(scale(arguments)?)),
            "datetime" => fixed(SqlType::DateTime),
            "smalldatetime" => fixed(SqlType::SmallDateTime),
            "datetime2" => Ok(SqlType::DateTime2(scale(arguments)?)),
            "datetimeoffset" => Ok(SqlType::DateTimeOffset(scale(arguments)?)),
            "char" | "character" => Ok(SqlType::Char(not_max(name, char_length(8000)?)?, collation)),
            "varchar" => Ok(SqlType::VarChar(char_length(8000)?, collation)),
            "nchar" => Ok(SqlType::NChar(not_max(name, char_length(4000)?)?, collation)),
            "nvarchar" => Ok(SqlType::NVarChar(char_length(4000)?, collation)),
            "binary" => Ok(SqlType::Binary(not_max(name, char_length(8000)?)?)),
            "varbinary" => Ok(SqlType::VarBinary(char_length(8000)?)),
            "text" => fixed(SqlType::Text(collation)),
            "ntext" => fixed(SqlType::NText(collation)),
            "image" => fixed(SqlType::Image),
            "xml" => fixed(SqlType::Xml),
            "uniqueidentifier" => fixed(SqlType::UniqueIdentifier),
            "rowversion" | "timestamp" => fixed(SqlType::RowVersion),
            "sql_variant" => fixed(SqlType::SqlVariant),
            "hierarchyid" => fixed(SqlType::Udt(Udt::HierarchyId)),
            "geometry" => fixed(SqlType::Udt(Udt::Geometry)),
            "geography" => fixed(SqlType::Udt(Udt::Geography)),
            "sysname" => fixed(SqlType::sysname()),
            _ => Err(unknown_type(name)),
        }
    }

    /// Name without arguments, as error messages and `sys.types` spell it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            SqlType::Bit => "bit",
            SqlType::TinyInt => "tinyint",
            SqlType::SmallInt => "smallint",
            SqlType::Int => "int",
            SqlType::BigInt => "bigint",
            SqlType::Real => "real",
            SqlType::Float => "float",
            SqlType::Decimal { numeric: false, .. } => "decimal",
            SqlType::Decimal { numeric: true, .. } => "numeric",
            SqlType::Money => "money",
            SqlType::SmallMoney => "smallmoney",
            SqlType::Date => "date",
            SqlType::Time(_) => "time",
            SqlType::DateTime => "datetime",
            SqlType::SmallDateTime => "smalldatetime",
            SqlType::DateTime2(_) => "datetime2",
            SqlType::DateTimeOffset(_) => "datetimeoffset",
            SqlType::Char(..) => "char",
            SqlType::VarChar(..) => "varchar",
            SqlType::Text(_) => "text",
            SqlType::NChar(..) => "nchar",
            SqlType::NVarChar(..) => "nvarchar",
            SqlType::NText(_) => "ntext",
            SqlType::Xml => "xml",
            SqlType::UniqueIdentifier => "uniqueidentifier",
            SqlType::Binary(_) => "binary",
            SqlType::VarBinary(_) => "varbinary",
            SqlType::Image => "image",
            SqlType::RowVersion => "timestamp",
            SqlType::SqlVariant => "sql_variant",
            SqlType::Udt(Udt::HierarchyId) => "hierarchyid",
            SqlType::Udt(Udt::Geometry) => "geometry",
            SqlType::Udt(Udt::Geography) => "geography",
        }
    }

    /// Place in the data type precedence: the operand of the lower place is converted to the other's type.
    pub(super) fn precedence(&self) -> u8 {
        match self {
            SqlType::Udt(_) => 31,
            SqlType::SqlVariant => 30,
            SqlType::Xml => 29,
            SqlType::DateTimeOffset(_) => 28,
            SqlType::DateTime2(_) => 27,
            SqlType::DateTime => 26,
            SqlType::SmallDateTime => 25,
            SqlType::Date => 24,
            SqlType::Time(_) => 23,
            SqlType::Float => 22,
            SqlType::Real => 21,
            SqlType::Decimal { .. } => 20,
            SqlType::Money => 19,
            SqlType::SmallMoney => 18,
            SqlType::BigInt => 17,
            SqlType::Int => 16,
            SqlType::SmallInt => 15,
            SqlType::TinyInt => 14,
            SqlType::Bit => 13,
            SqlType::NText(_) => 12,
            SqlType::Text(_) => 11,
            SqlType::Image => 10,
            SqlType::RowVersion => 9,
            SqlType::UniqueIdentifier => 8,
            SqlType::NVarChar(..) => 7,
            SqlType::NChar(..) => 6,
            SqlType::VarChar(..) => 5,
            SqlType::Char(..) => 4,
            SqlType::VarBinary(_) => 3,
            SqlType::Binary(_) => 2,
        }
    }

    pub(super) fn collation(&self) -> Option<&'static Collation> {
        match *self {
            SqlType::Char(_, of) | SqlType::VarChar(_, of) | SqlType::Text(of) => Some(of),
            SqlType::NChar(_, of) | SqlType::NVarChar(_, of) | SqlType::NText(of) => Some(of),
            _ => None,
        }
    }

    /// The same type under another collation, or error 447.
    pub(super) fn collate(self, with: &'static Collation) -> Result<SqlType, SqlError> {
        match self {
            SqlType::Char(n, _) => Ok(SqlType::Char(n, with)),
            SqlType::VarChar(n, _) => Ok(SqlType::VarChar(n, with)),
            SqlType::Text(_) => Ok(SqlType::Text(with)),
            SqlType::NChar(n, _) => Ok(SqlType::NChar(n, with)),
            SqlType::NVarChar(n, _) => Ok(SqlType::NVarChar(n, with)),
            SqlType::NText(_) => Ok(SqlType::NText(with)),
            other => {
                Err(SqlError::new(447, 16, format!("Expression type {} is invalid for COLLATE clause.", other.name())))
            }
        }
    }

    pub(super) fn is_text(&self) -> bool {
        self.collation().is_some()
    }

    pub(super) fn is_integer(&self) -> bool {
        matches!(self, SqlType::Bit | SqlType::TinyInt | SqlType::SmallInt | SqlType::Int | SqlType::BigInt)
    }

    pub(super) fn is_number(&self) -> bool {
        (13..=22).contains(&self.precedence())
    }

    pub(super) fn is_legacy_large(&self) -> bool {
        matches!(self, SqlType::Text(_) | SqlType::NText(_) | SqlType::Image)
    }

    /// Whether `ORDER BY`, comparison, `MIN`, `GROUP BY` take it.
    pub(super) fn is_comparable(&self) -> bool {
        !self.is_legacy_large() && !matches!(self, SqlType::Xml | SqlType::Udt(Udt::Geometry | Udt::Geography))
    }

    /// The integer, decimal or money type as `decimal(p, s)`, for arithmetic.
    pub(super) fn exact_shape(&self) -> Option<(u8, u8)> {
        Some(match *self {
            SqlType::Bit => (1, 0),
            SqlType::TinyInt => (3, 0),
            SqlType::SmallInt => (5, 0),
            SqlType::Int => (10, 0),
            SqlType::BigInt => (19, 0),
            SqlType::Money => (19, 4),
            SqlType::SmallMoney => (10, 4),
            SqlType::Decimal { precision, scale, .. } => (precision, scale),
            _ => return None,
        })
    }
}

impl fmt::Display for SqlType {
    /// With arguments, as `sys.dm_exec_describe_first_result_set` spells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match *self {
            SqlType::Decimal { precision, scale, .. } => write!(f, "({precision},{scale})"),
            SqlType::Time(n) | SqlType::DateTime2(n) | SqlType::DateTimeOffset(n) => write!(f, "({n})"),
            SqlType::Char(n, _) | SqlType::NChar(n, _) | SqlType::Binary(n) => write!(f, "({n})"),
            SqlType::VarChar(length, _) | SqlType::NVarChar(length, _) | SqlType::VarBinary(length) => match length {
                Length::Of(n) => write!(f, "({n})"),
                Length::Max => f.write_str("(max)"),
            },
            _ => Ok(()),
        }
    }
}

/// One argument of a type declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    Number(u64),
    Max,
}

fn unknown_type(name: &str) -> SqlError {
    SqlError::new(2715, 16, format!("Column, parameter, or variable #1: Cannot find data type {name}.")).state(6)
}

fn length(name: &str, arguments: &[Argument], limit: u16, left_out: u16) -> Result<Length, SqlError> {
    match arguments {
        [] => Ok(Length::Of(left_out)),
        [Argument::Max] => Ok(Length::Max),
        [Argument::Number(0)] => {
            Err(SqlError::new(1001, 15, "Line 1: Length or precision specification 0 is invalid."))
        }
        [Argument::Number(n)] if *n <= u64::from(limit) => Ok(Length::Of(*n as u16)),
        [Argument::Number(n)] => Err(SqlError::new(
            131,
            15,
            format!(
                "The size ({n}) given to the type '{name}' exceeds the maximum allowed for any data type ({limit})."
            ),
        )),
        _ => Err(SqlError::syntax(",")),
    }
}

fn not_max(name: &str, length: Length) -> Result<u16, SqlError> {
    match length {
        Length::Of(n) => Ok(n),
        Length::Max => Err(SqlError::new(
            2716,
            16,
            format!("Column, parameter, or variable #1: Cannot specify a column width on data type {name}."),
        )),
    }
}

fn scale(arguments: &[Argument]) -> Result<u8, SqlError> {
    match arguments {
        [] => Ok(7),
        [Argument::Number(n)] if *n <= 7 => Ok(*n as u8),
        [Argument::Number(n)] => Err(SqlError::new(1002, 15, format!("Line 1: Specified scale {n} is invalid."))),
        _ => Err(SqlError::syntax(",")),
    }
}

fn decimal(arguments: &[Argument], numeric: bool) -> Result<SqlType, SqlError> {
    let (precision, scale) = match arguments {
        [] => (18, 0),
        [Argument::Number(p)] => (*p, 0),
        [Argument::Number(p), Argument::Number(s)] => (*p, *s),
        _ => return Err(SqlError::syntax("max")),
    };
    if precision == 0 {
        return Err(SqlError::new(1001, 15, "Line 1: Length or precision specification 0 is invalid."));
    }
    if precision > 38 {
        return Err(SqlError::new(
            2750,
            16,
            format!(
                "Column or parameter #1: Specified column precision {precision} is greater than the maximum precision of 38."
            ),
        ));
    }
    if scale > precision {
        return Err(SqlError::new(
            183,
            15,
            format!("The scale ({scale}) for column '' must be within the range 0 to {precision}."),
        ));
    }
    Ok(SqlType::Decimal { precision: precision as u8, scale: scale as u8, numeric })
}
