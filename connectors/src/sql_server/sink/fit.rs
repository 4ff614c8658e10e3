//! Which column of the table takes which column of the source, and how.
//!
//! Every value is checked before it is sent: one that the column cannot hold exactly is an error. What the types alone
//! say would be lost is told before the first row, and needs `--lossy allow`.

use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use ropeway_engine::{Error, ErrorKind, Result, sink::ColumnFit};

use super::{
    super::types::{self, Kind},
    create,
    encode::{Column, Form, Make, makes},
    grow,
    table::{Table, TableColumn},
};

/// What may happen to values and columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Liberty {
    /// Whether a column may lose something.
    pub(crate) lossy: bool,
    /// Whether columns of texts whose length nobody declared become longer.
    pub(crate) grows: bool,
}

/// The columns of a table for the rows of a source.
pub(crate) struct Fit {
    /// How each column of the source is stored, in the order of the source.
    pub(crate) fits: Vec<ColumnFit>,
    /// The columns that are written, in the order of the table, each with its column there.
    pub(crate) columns: Vec<(Column, TableColumn)>,
}

impl Fit {
    /// Columns go by name: the same name, or else the only one that differs in case alone.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for a column that the table lacks or cannot hold, and for one that needs a value and gets none.
    pub(crate) fn of(schema: &SchemaRef, table: &Table, liberty: Liberty) -> Result<Self> {
        let (mut fits, mut columns) = (Vec::new(), Vec::<(usize, Column)>::new());
        for (source, field) in schema.fields().iter().enumerate() {
            let at = position(field.name(), table)?;
            let to = &table.columns[at];
            if columns.iter().any(|(taken, _)| *taken == at) {
                return Err(refused("two columns of the source go to one of the table; rename one", field, table));
            }
            if to.is_the_servers() {
                let loss = Some("the server makes values of its own".to_owned());
                fits.push(ColumnFit { sink_type: format!("{}, left out", to.declaration), loss });
                continue;
            }
            let way = way(field, to).map_err(|why| refused(why, field, table).with("type", &to.declaration))?;
            fits.push(ColumnFit { sink_type: to.declaration.clone(), loss: way.loss.map(str::to_owned) });
            let room = (liberty.grows && create::grows(field)).then(|| grow::room(to)).flatten();
            // Where the column grows, whoever encodes asks for its room.
            let most_bytes = if room.is_some() { i32::MAX as usize } else { to.most_bytes() };
            let form = Form { most_bytes, ..form(to, liberty.lossy) };
            columns.push((
                at,
                Column {
                    source,
                    name: to.name().to_owned(),
                    nullable: to.metadata.is_nullable(),
                    takes: way.takes,
                    make: way.make,
                    form,
                    room,
                },
            ));
        }
        columns.sort_by_key(|(at, _)| *at);
        let is_given = |at: usize| columns.iter().any(|(given, _)| *given == at);
        if let Some((_, missing)) =
            table.columns.iter().enumerate().find(|(at, column)| column.is_required() && !is_given(*at))
        {
            return Err(Error::new(
                ErrorKind::Spec,
                "a column of the table needs a value, and the source has no column of that name; add it to the source's \
                 query, or give the column a default",
            )
            .with("column", missing.name().escape_debug())
            .with("table", &table.name));
        }
        let columns = columns.into_iter().map(|(at, column)| (column, table.columns[at].clone())).collect();
        Ok(Self { fits, columns })
    }
}

fn position(name: &str, table: &Table) -> Result<usize> {
    if let Some(at) = table.columns.iter().position(|column| column.name() == name) {
        return Ok(at);
    }
    let lower = name.to_lowercase();
    let mut alike = table.columns.iter().enumerate().filter(|(_, column)| column.name().to_lowercase() == lower);
    match (alike.next(), alike.next()) {
        (Some((at, _)), None) => Ok(at),
        (Some(_), Some(_)) => Err(Error::new(
            ErrorKind::Spec,
            "several columns of the table differ in case alone, and none has the name of the source's; rename it there",
        )),
        (None, _) => Err(Error::new(
            ErrorKind::Spec,
            "the table has no column for one of the source; add it to the table, or leave it out of the source's query",
        )
        .code("SqlInvalidColumnName")),
    }
    .map_err(|error| error.with("column", name.escape_debug()).with("table", &table.name))
}

fn refused(why: &'static str, field: &Field, table: &Table) -> Error {
    Error::new(ErrorKind::Spec, why)
        .with("column", field.name().escape_debug())
        .with("from", field.data_type())
        .with("table", &table.name)
}

fn form(to: &TableColumn, lossy: bool) -> Form {
    Form {
        precision: to.metadata.get_precision().unwrap_or(38),
        scale: to.metadata.get_scale().unwrap_or(7),
        most_bytes: to.most_bytes(),
        frame: to.frame(),
        encoding: to.encoding(),
        rounds: lossy,
    }
}

/// How values get into a column.
struct Way {
    takes: DataType,
    make: Make,
    loss: Option<&'static str>,
}

const CAST: &str = "the column cannot hold values of this type; CAST it in the source's query";

fn way(field: &Field, to: &TableColumn) -> Result<Way, &'static str> {
    match to.kind {
        Kind::Bit | Kind::TinyInt | Kind::SmallInt | Kind::Int | Kind::BigInt => whole_number(field, to.kind),
        Kind::Real | Kind::Float => float(field, to.kind),
        Kind::Decimal { precision, scale } => decimal(field, precision, scale, makes::decimal),
        Kind::Money => decimal(field, 19, 4, makes::money),
        Kind::SmallMoney => decimal(field, 10, 4, makes::smallmoney),
        Kind::Date | Kind::SmallDateTime | Kind::DateTime | Kind::DateTime2(_) | Kind::DateTimeOffset(_) => {
            moment(field, to.kind)
        }
        Kind::Time(scale) => time(field, scale),
        Kind::Text | Kind::Xml | Kind::Json => text(field, to),
        Kind::Guid => guid(field),
        Kind::Binary => binary(field),
        Kind::Variant => Err("sql_variant columns are not written; leave it out of the source's query"),
    }
}

fn exactly(takes: DataType, make: Make) -> Result<Way, &'static str> {
    Ok(Way { takes, make, loss: None })
}

fn whole_number(field: &Field, to: Kind) -> Result<Way, &'static str> {
    let from = field.data_type();
    let is_whole = match from {
        DataType::Decimal128(_, scale) => *scale <= 0,
        DataType::Boolean => true,
        _ => from.is_integer() || from.is_string(),
    };
    match to {
        Kind::Bit if *from == DataType::Boolean || from.is_string() => exactly(DataType::Boolean, makes::bit),
        _ if !is_whole || to == Kind::Bit => Err(CAST),
        Kind::TinyInt => exactly(DataType::UInt8, makes::tinyint),
        Kind::SmallInt => exactly(DataType::Int16, makes::smallint),
        Kind::Int => exactly(DataType::Int32, makes::int),
        _ => exactly(DataType::Int64, makes::bigint),
    }
}

fn float(field: &Field, to: Kind) -> Result<Way, &'static str> {
    use DataType::{Float16, Float32, Float64, Int8, Int16, Int32, UInt8, UInt16, UInt32};
    let from = field.data_type();
    if !from.is_numeric() && !from.is_string() {
        return Err(CAST);
    }
    let (takes, make, is_exact): (_, Make, _) = match to {
        Kind::Real => (Float32, makes::real, matches!(from, Float16 | Float32 | Int8 | Int16 | UInt8 | UInt16)),
        _ => {
            let exact = matches!(from, Float16 | Float32 | Float64 | Int8 | Int16 | Int32 | UInt8 | UInt16 | UInt32);
            (Float64, makes::float, exact)
        }
    };
    let loss = (!is_exact && !from.is_string()).then_some("digits beyond those of a floating-point number");
    Ok(Way { takes, make, loss })
}

fn decimal(field: &Field, precision: u8, scale: i8, make: Make) -> Result<Way, &'static str> {
    let from = field.data_type();
    let takes = DataType::Decimal128(precision, scale);
    match from {
        // The digits are counted value by value.
        DataType::Decimal128(_, same) if *same == scale => exactly(from.clone(), make),
        DataType::Decimal128(_, other) | DataType::Decimal256(_, other) => {
            let loss = (*other > scale).then_some("digits behind the decimal point");
            Ok(Way { takes, make, loss })
        }
        _ if from.is_integer() || from.is_string() => exactly(takes, make),
        _ => Err(CAST),
    }
}

fn moment(field: &Field, to: Kind) -> Result<Way, &'static str> {
    let from = field.data_type();
    let make: Make = match to {
        Kind::Date => makes::date,
        Kind::SmallDateTime => makes::smalldatetime,
        Kind::DateTime => makes::datetime,
        Kind::DateTime2(_) => makes::datetime2,
        _ => makes::datetimeoffset,
    };
    let has_zone = match from {
        DataType::Timestamp(_, zone) => zone.is_some(),
        DataType::Date32 | DataType::Date64 => false,
        _ if from.is_string() => declared(field).is_some_and(|kind| matches!(kind, Kind::DateTimeOffset(_))),
        _ => return Err(CAST),
    };
    let is_date = matches!(from, DataType::Date32 | DataType::Date64);
    let loss = match to {
        Kind::DateTimeOffset(_) if !has_zone && !from.is_string() => {
            Some("what offset the values have: they count as UTC")
        }
        Kind::DateTimeOffset(_) => too_fine(field, to),
        _ if has_zone => Some("the offset: values are kept as UTC"),
        Kind::Date if !is_date && !from.is_string() => Some("the time of day"),
        _ if is_date => None,
        _ => too_fine(field, to),
    };
    let takes = match from {
        DataType::Date64 => DataType::Timestamp(TimeUnit::Millisecond, None),
        _ if from.is_string() => DataType::Utf8,
        _ => from.clone(),
    };
    Ok(Way { takes, make, loss })
}

fn time(field: &Field, scale: u8) -> Result<Way, &'static str> {
    let from = field.data_type();
    let takes = match from {
        DataType::Time32(_) | DataType::Time64(_) => from.clone(),
        _ if from.is_string() => DataType::Utf8,
        _ => return Err(CAST),
    };
    Ok(Way { takes, make: makes::time, loss: too_fine(field, Kind::Time(scale)) })
}

/// What is lost if the source's column was declared with more digits of a second. Where it was not declared, the values
/// tell.
fn too_fine(field: &Field, to: Kind) -> Option<&'static str> {
    let from = declared(field)?;
    let coarser = match (from, to) {
        (Kind::SmallDateTime, _) | (Kind::DateTime, Kind::DateTime) => false,
        (_, Kind::SmallDateTime) => return Some("seconds"),
        (_, Kind::DateTime) => return Some("times are rounded to 1/300 s"),
        _ => digits(to)? < digits(from)?,
    };
    coarser.then_some("digits of the second")
}

/// Digits of a second.
fn digits(kind: Kind) -> Option<u8> {
    match kind {
        Kind::Time(scale) | Kind::DateTime2(scale) | Kind::DateTimeOffset(scale) => Some(scale),
        Kind::DateTime => Some(3),
        _ => None,
    }
}

/// The SQL Server type that the source has, if it is one.
fn declared(field: &Field) -> Option<Kind> {
    types::Column::declared(String::new(), types::declared(field)?, true).ok().map(|column| column.kind)
}

fn text(field: &Field, to: &TableColumn) -> Result<Way, &'static str> {
    let from = field.data_type();
    let is_plain = from.is_integer() || matches!(from, DataType::Decimal128(..) | DataType::Decimal256(..));
    let is_told = is_plain && to.kind == Kind::Text;
    if !from.is_string() && !is_told {
        return Err(CAST);
    }
    exactly(DataType::Utf8, if to.is_wide() { makes::wide } else { makes::narrow })
}

fn guid(field: &Field) -> Result<Way, &'static str> {
    match field.data_type() {
        DataType::FixedSizeBinary(16) => exactly(DataType::FixedSizeBinary(16), makes::guid),
        from if from.is_string() => exactly(DataType::Utf8, makes::guid),
        _ => Err(CAST),
    }
}

fn binary(field: &Field) -> Result<Way, &'static str> {
    match field.data_type() {
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            exactly(DataType::Binary, makes::binary)
        }
        _ => Err(CAST),
    }
}
