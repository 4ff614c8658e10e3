//! Which column of the table takes which column of the source, and how its values get there.
//!
//! What the types alone say would be lost is told before the first row, and needs `--lossy allow`. Every other value that a
//! column cannot hold exactly is an error: found here, as it is converted, or by the database, which is told to be strict.

use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use ropeway_engine::{Error, ErrorKind, Result, sink::ColumnFit, source::is_uuid};

use super::{
    super::drivers::Rendering,
    encode::{Column, Form, Moments},
    holds::Holds,
    table::{Table, TableColumn},
};

/// The columns of a table for the rows of a source.
pub(super) struct Fit {
    /// How each column of the source is stored, in the order of the source.
    pub(super) fits: Vec<ColumnFit>,
    /// The columns that are written, each with its column of the table.
    pub(super) columns: Vec<(Column, TableColumn)>,
}

impl Fit {
    /// Columns go by name: the same name, or else the only one that differs in case alone.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for a column that the table lacks or cannot hold, and for one that needs a value and gets none.
    pub(super) fn of(schema: &SchemaRef, table: &Table, rendering: Rendering) -> Result<Self> {
        let (mut fits, mut columns) = (Vec::new(), Vec::<(Column, TableColumn)>::new());
        for (source, field) in schema.fields().iter().enumerate() {
            let to = column(field.name(), table)?;
            if columns.iter().any(|(_, taken)| taken.name == to.name) {
                return Err(refused("two columns of the source go to one of the table; rename one", field, table));
            }
            if to.is_generated {
                let loss = Some("the database makes values of its own".to_owned());
                fits.push(ColumnFit { sink_type: format!("{}, left out", to.declaration), loss });
                continue;
            }
            let way =
                way(field, to, rendering).map_err(|why| refused(why, field, table).with("type", &to.declaration))?;
            fits.push(ColumnFit { sink_type: to.declaration.clone(), loss: way.loss.map(str::to_owned) });
            let name = to.name.clone();
            let Way { takes, form, .. } = way;
            columns.push((Column { source, name, takes_no_null: to.takes_no_null, takes, form }, to.clone()));
        }
        if columns.is_empty() {
            return Err(Error::new(
                ErrorKind::Spec,
                "no column of the source goes to the table: the database makes the values of all of them; add one to the \
                 source's query",
            )
            .with("table", &table.name));
        }
        let is_given = |name: &str| columns.iter().any(|(_, given)| given.name == name);
        if let Some(missing) = table.columns.iter().find(|column| column.is_needed() && !is_given(&column.name)) {
            return Err(Error::new(
                ErrorKind::Spec,
                "a column of the table needs a value, and the source has no column of that name; add it to the source's \
                 query, or give the column a default",
            )
            .with("column", missing.name.escape_debug())
            .with("table", &table.name));
        }
        Ok(Self { fits, columns })
    }
}

fn column<'a>(name: &str, table: &'a Table) -> Result<&'a TableColumn> {
    if let Some(same) = table.columns.iter().find(|column| column.name == name) {
        return Ok(same);
    }
    let lower = name.to_lowercase();
    let mut alike = table.columns.iter().filter(|column| column.name.to_lowercase() == lower);
    match (alike.next(), alike.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(Error::new(
            ErrorKind::Spec,
            "several columns of the table differ in case alone, and none has the name of the source's; rename it there",
        )),
        (None, _) => Err(Error::new(
            ErrorKind::Spec,
            "the table has no column for one of the source; add it to the table, or leave it out of the source's query",
        )),
    }
    .map_err(|error| error.with("column", name.escape_debug()).with("table", &table.name))
}

fn refused(why: &'static str, field: &Field, table: &Table) -> Error {
    Error::new(ErrorKind::Spec, why)
        .with("column", field.name().escape_debug())
        .with("from", field.data_type())
        .with("table", &table.name)
}

/// How values get into a column.
struct Way {
    takes: DataType,
    form: Form,
    loss: Option<&'static str>,
}

const CAST: &str = "the column cannot hold values of this type; CAST it in the source's query";

fn exactly(takes: DataType, form: Form) -> Result<Way, &'static str> {
    Ok(Way { takes, form, loss: None })
}

fn way(field: &Field, to: &TableColumn, rendering: Rendering) -> Result<Way, &'static str> {
    // Views, dictionaries and lengths of 64 bits are other layouts of the same values.
    let from = match field.data_type() {
        DataType::Dictionary(_, values) => values,
        other => other,
    };
    match to.holds {
        Holds::Boolean if *from == DataType::Boolean || from.is_string() => {
            exactly(DataType::Boolean, if rendering == Rendering::PostgreSql { Form::Digits } else { Form::Whole })
        }
        Holds::Boolean => Err(CAST),
        Holds::Whole { bits, signed } => whole(from, Holds::whole(bits, signed), rendering),
        Holds::Float32 => real(from, DataType::Float32, rendering),
        Holds::Float64 => real(from, DataType::Float64, rendering),
        Holds::Decimal { precision, scale } => decimal(from, precision, scale),
        Holds::AnyDecimal => any_decimal(from),
        Holds::Numeric => numeric(from),
        Holds::Date => date(from, rendering),
        Holds::Time(digits) => time(from, digits),
        Holds::Timestamp { digits, utc } => timestamp(from, digits, utc, rendering),
        Holds::Text(most) => text(field, from, most, rendering),
        Holds::Bytes { most, fixed } => bytes(from, most, fixed, rendering),
        Holds::Parsed if *field.data_type() == DataType::FixedSizeBinary(16) => {
            exactly(DataType::FixedSizeBinary(16), Form::Uuid)
        }
        Holds::Parsed if from.is_string() => exactly(DataType::Utf8, texts(None, rendering)),
        Holds::Reshaped if from.is_string() => Ok(Way {
            takes: DataType::Utf8,
            form: texts(None, rendering),
            loss: Some("the database keeps such values in a form of its own"),
        }),
        Holds::Parsed | Holds::Reshaped => Err(CAST),
    }
}

fn texts(most: Option<usize>, rendering: Rendering) -> Form {
    if rendering == Rendering::Driver { Form::Wide(most) } else { Form::Text(most) }
}

fn is_text_of_postgresql(rendering: Rendering) -> bool {
    rendering == Rendering::PostgreSql
}

fn whole(from: &DataType, takes: DataType, rendering: Rendering) -> Result<Way, &'static str> {
    let is_whole = match from {
        DataType::Decimal128(_, scale) => *scale <= 0,
        DataType::Boolean => true,
        _ => from.is_integer() || from.is_string(),
    };
    let in_text = is_text_of_postgresql(rendering) || takes == DataType::UInt64;
    if is_whole { exactly(takes, if in_text { Form::Digits } else { Form::Whole }) } else { Err(CAST) }
}

fn real(from: &DataType, takes: DataType, rendering: Rendering) -> Result<Way, &'static str> {
    use DataType::{Float16, Float32, Float64, Int8, Int16, Int32, UInt8, UInt16, UInt32};
    if !from.is_numeric() && !from.is_string() {
        return Err(CAST);
    }
    let is_exact = match takes {
        Float32 => matches!(from, Float16 | Float32 | Int8 | Int16 | UInt8 | UInt16),
        _ => matches!(from, Float16 | Float32 | Float64 | Int8 | Int16 | Int32 | UInt8 | UInt16 | UInt32),
    };
    let loss = (!is_exact && !from.is_string()).then_some("digits beyond those of a floating-point number");
    let form = match rendering {
        Rendering::PostgreSql => Form::RealText { finite: false },
        Rendering::MariaDb => Form::RealText { finite: true },
        // It makes NULL of what is not a number.
        Rendering::Sqlite => Form::Real { nan: false },
        Rendering::Driver => Form::Real { nan: true },
    };
    Ok(Way { takes, form, loss })
}

fn decimal(from: &DataType, precision: u8, scale: i8) -> Result<Way, &'static str> {
    let takes = DataType::Decimal128(precision, scale);
    match from {
        DataType::Decimal128(_, other) | DataType::Decimal256(_, other) => {
            let loss = (*other > scale).then_some("digits behind the decimal point");
            Ok(Way { takes, form: Form::Digits, loss })
        }
        _ if from.is_integer() || from.is_string() => exactly(takes, Form::Digits),
        _ => Err(CAST),
    }
}

fn any_decimal(from: &DataType) -> Result<Way, &'static str> {
    match from {
        DataType::Decimal128(..) | DataType::Decimal256(..) => exactly(from.clone(), Form::Digits),
        _ if from.is_integer() => exactly(from.clone(), Form::Digits),
        _ if from.is_string() => exactly(DataType::Utf8, Form::Text(None)),
        _ => Err(CAST),
    }
}

/// A real of SQLite keeps 15 digits of every decimal.
fn numeric(from: &DataType) -> Result<Way, &'static str> {
    match from {
        DataType::Boolean => exactly(DataType::Boolean, Form::Whole),
        DataType::Decimal128(..=15, _) => exactly(from.clone(), Form::Digits),
        DataType::Decimal128(..) | DataType::Decimal256(..) => Ok(Way {
            takes: from.clone(),
            form: Form::Digits,
            loss: Some("digits beyond the fifteenth: SQLite keeps a real; declare the column as text to keep them all"),
        }),
        _ if from.is_integer() => exactly(DataType::Int64, Form::Whole),
        _ if from.is_floating() => exactly(DataType::Float64, Form::Real { nan: false }),
        DataType::Date32 | DataType::Date64 => date(from, Rendering::Sqlite),
        DataType::Time32(_) | DataType::Time64(_) => time(from, 9),
        DataType::Timestamp(..) => timestamp(from, 9, false, Rendering::Sqlite),
        _ if from.is_string() => Ok(Way {
            takes: DataType::Utf8,
            form: Form::Text(None),
            loss: Some("texts that look like numbers become numbers in a column that is not declared as text"),
        }),
        _ => Err(CAST),
    }
}

fn moments(digits: u8, rendering: Rendering) -> Moments {
    Moments { digits, eras: rendering == Rendering::PostgreSql, zone: "" }
}

fn date(from: &DataType, rendering: Rendering) -> Result<Way, &'static str> {
    match from {
        DataType::Date32 | DataType::Date64 => exactly(DataType::Date32, Form::Date(moments(0, rendering))),
        DataType::Timestamp(..) => {
            let (takes, form) = (DataType::Date32, Form::Date(moments(0, rendering)));
            Ok(Way { takes, form, loss: Some("the time of day") })
        }
        _ if from.is_string() => exactly(DataType::Utf8, Form::Date(moments(0, rendering))),
        _ => Err(CAST),
    }
}

fn time(from: &DataType, digits: u8) -> Result<Way, &'static str> {
    let takes = match from {
        DataType::Time32(_) | DataType::Time64(_) => from.clone(),
        _ if from.is_string() => DataType::Utf8,
        _ => return Err(CAST),
    };
    let loss = match from {
        DataType::Time32(unit) | DataType::Time64(unit) => too_fine(*unit, digits),
        _ => None,
    };
    Ok(Way { takes, form: Form::Time(digits), loss })
}

fn timestamp(from: &DataType, digits: u8, utc: bool, rendering: Rendering) -> Result<Way, &'static str> {
    let is_date = matches!(from, DataType::Date32 | DataType::Date64);
    let loss = match from {
        DataType::Timestamp(_, Some(_)) if !utc => Some("the offset: values are kept as UTC"),
        DataType::Timestamp(_, None) | DataType::Date32 | DataType::Date64 if utc => {
            Some("what offset the values have: they count as UTC")
        }
        DataType::Timestamp(unit, _) => too_fine(*unit, digits),
        _ if is_date || from.is_string() => None,
        _ => return Err(CAST),
    };
    let takes = match from {
        DataType::Timestamp(unit, _) => DataType::Timestamp(*unit, None),
        _ if is_date => DataType::Timestamp(TimeUnit::Second, None),
        _ => DataType::Utf8,
    };
    let zone = if utc && rendering == Rendering::PostgreSql { "+00" } else { "" };
    Ok(Way { takes, form: Form::Moment { form: Moments { zone, ..moments(digits, rendering) }, utc }, loss })
}

fn too_fine(unit: TimeUnit, digits: u8) -> Option<&'static str> {
    let has = match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    };
    (has > digits).then_some("digits of the second")
}

fn text(field: &Field, from: &DataType, most: Option<usize>, rendering: Rendering) -> Result<Way, &'static str> {
    match from {
        _ if is_uuid(field) => exactly(DataType::FixedSizeBinary(16), Form::Uuid),
        _ if from.is_string() => exactly(DataType::Utf8, texts(most, rendering)),
        DataType::Decimal128(..) | DataType::Decimal256(..) => exactly(from.clone(), Form::Digits),
        _ if from.is_integer() => exactly(from.clone(), Form::Digits),
        DataType::Date32 | DataType::Date64 => date(from, rendering),
        DataType::Time32(_) | DataType::Time64(_) => time(from, 9),
        DataType::Timestamp(_, zone) => timestamp(from, 9, zone.is_some(), rendering),
        _ => Err(CAST),
    }
}

fn bytes(from: &DataType, most: Option<usize>, fixed: bool, rendering: Rendering) -> Result<Way, &'static str> {
    let form = match rendering {
        Rendering::PostgreSql => Form::Hex,
        _ => Form::Bytes { most, fixed },
    };
    match from {
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            exactly(DataType::Binary, form)
        }
        _ => Err(CAST),
    }
}
