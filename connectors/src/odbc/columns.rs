//! How each column of a result is bound, decoded and asked for: chosen once from its description.

mod choose;
mod decode;
mod kind;
mod misfits;
mod parse;
mod values;

use std::collections::HashMap;

use arrow::datatypes::{Field, SchemaRef, TimeUnit};
use odbc_api::{
    ColumnDescription, DataType, ResultSetMetadata,
    buffers::{AnyColumnBufferSlice, BinColumn, BoxColumnBuffer, TextColumn},
    handles::{AsStatementRef, StatementRef},
    parameter::{Binary, Text},
};
use ropeway_engine::{
    Error, ErrorKind, Result,
    source::{SOURCE_SYSTEM, SOURCE_TYPE},
};
use serde::{Deserialize, Serialize};

use self::choose::choose;
pub(super) use self::{
    decode::{Cells, Decoder, Fault, Long, decoder},
    kind::Kind,
    misfits::Misfits,
    values::{fixed, variable},
};
use super::{
    drivers::{Driver, Rendering},
    raw,
};

/// Bytes that a value of unknown length gets at first; it is read again if it is longer.
const FIRST_GUESS: usize = 120;

/// As what the driver hands the values over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binding {
    /// The C type of the kind: a number, a date.
    Native,
    /// UTF-8 or ASCII text of at most so many bytes, where a maximum is known.
    Narrow(Option<usize>),
    /// UTF-16 text of at most so many units, where a maximum is known.
    Wide(Option<usize>),
    /// Bytes, where a maximum is known at most so many.
    Bytes(Option<usize>),
}

/// One column of the input.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) binding: Binding,
    /// The driver's name of the type with its size: `numeric(10,2)`.
    pub(super) source_type: String,
    /// The database whose type it is.
    pub(super) system: &'static str,
    /// What the driver said of its type: a change between plan and read is found by it.
    pub(super) described: (DataType, String),
    /// The driver says that no value is null.
    pub(super) is_required: bool,
}

impl Column {
    /// The Arrow field, with the source's type in its metadata. Always nullable: drivers report the
    /// table's constraint for what an outer join made NULL.
    pub(super) fn field(&self) -> Field {
        let entries = [(SOURCE_TYPE, &*self.source_type), (SOURCE_SYSTEM, self.system)];
        let metadata = HashMap::from(entries.map(|(key, value)| (key.to_owned(), value.to_owned())));
        Field::new(&self.name, self.kind.arrow(), true).with_metadata(metadata)
    }

    /// What the column's values are if rows can be cut by them. SQLite's dates are texts.
    pub(super) fn domain(&self) -> Option<Domain> {
        match self.kind {
            Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64 => Some(Domain::Number),
            Kind::UInt8 | Kind::UInt16 | Kind::UInt32 | Kind::UInt64 | Kind::Decimal { .. } => Some(Domain::Number),
            Kind::Date if !matches!(self.binding, Binding::Bytes(_)) => Some(Domain::Date),
            Kind::Timestamp { .. } if !matches!(self.binding, Binding::Bytes(_)) => Some(Domain::Timestamp),
            _ => None,
        }
    }

    /// Bytes of a value in a table as tables usually are.
    pub(super) fn typical_bytes(&self) -> u64 {
        match self.kind {
            Kind::Boolean | Kind::Int8 | Kind::UInt8 => 1,
            Kind::Int16 | Kind::UInt16 => 2,
            Kind::Int32 | Kind::UInt32 | Kind::Float32 | Kind::Date => 4,
            Kind::Decimal { .. } => 16,
            Kind::Text | Kind::Binary => 32,
            _ => 8,
        }
    }

    /// True if the values have no fixed size.
    pub(super) fn is_variable(&self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Binary)
    }

    /// True if values may be longer than any buffer.
    pub(super) fn is_unbounded(&self) -> bool {
        matches!(self.binding, Binding::Narrow(None) | Binding::Wide(None) | Binding::Bytes(None))
    }

    /// Places of a value's buffer at first: one more than the longest value needs where that is
    /// known, so that a buffer filled to its end holds a value that may be longer.
    pub(super) fn width(&self) -> usize {
        match self.binding {
            Binding::Native => 0,
            Binding::Narrow(max) | Binding::Wide(max) | Binding::Bytes(max) => max.unwrap_or(FIRST_GUESS) + 1,
        }
    }

    /// Bytes that one value takes in a buffer of this width.
    pub(super) fn buffer_bytes(&self, width: usize) -> usize {
        size_of::<isize>()
            + match self.binding {
                Binding::Native => 16,
                Binding::Narrow(_) | Binding::Bytes(_) => width + 1,
                Binding::Wide(_) => (width + 1) * 2,
            }
    }

    /// A buffer for so many values.
    pub(super) fn buffer(&self, rows: usize, width: usize) -> BoxColumnBuffer {
        match self.binding {
            Binding::Narrow(_) => Box::new(TextColumn::<u8>::new(rows, width)),
            Binding::Wide(_) => Box::new(TextColumn::<u16>::new(rows, width)),
            Binding::Bytes(_) => Box::new(BinColumn::new(rows, width)),
            Binding::Native => self.kind.native_buffer(rows),
        }
    }

    /// Rows of a buffer whose value fills it to the end.
    pub(super) fn filled(&self, cells: AnyColumnBufferSlice<'_>, width: usize, rows: usize) -> Vec<usize> {
        let full = |length: Option<usize>| length.is_some_and(|length| length >= width);
        match self.binding {
            Binding::Native => Vec::new(),
            Binding::Narrow(_) => {
                let Some(cells) = cells.as_text() else { return Vec::new() };
                (0..rows).filter(|&row| full(cells.content_length_at(row))).collect()
            }
            Binding::Wide(_) => {
                let Some(cells) = cells.as_wide_text() else { return Vec::new() };
                (0..rows).filter(|&row| full(cells.content_length_at(row))).collect()
            }
            Binding::Bytes(_) => {
                let Some(cells) = cells.as_binary() else { return Vec::new() };
                (0..rows).filter(|&row| full(cells.get(row).map(<[u8]>::len))).collect()
            }
        }
    }

    /// The whole value of the current row.
    pub(super) fn long_value(&self, statement: &mut StatementRef<'_>, number: u16) -> Result<Vec<u8>, odbc_api::Error> {
        let mut value = Vec::new();
        match self.binding {
            Binding::Bytes(_) => values::variable::<Binary>(statement, number, &mut value)?,
            _ => values::variable::<Text>(statement, number, &mut value)?,
        };
        Ok(value)
    }

    /// The column as it is selected, given its quoted name.
    pub(super) fn selected(&self, quoted: &str, rendering: Rendering) -> String {
        match rendering {
            Rendering::Sqlite => {
                let real =
                    if self.kind == Kind::Float64 { exact_real(quoted) } else { format!("printf('%!.17g', {quoted})") };
                // Bytes that are no text, so that bytes in another column are refused and not taken for one.
                let blob = if self.kind == Kind::Binary { quoted } else { "x'ff'" };
                format!(
                    "CAST(CASE typeof({quoted}) WHEN 'real' THEN {real} WHEN 'blob' THEN {blob} ELSE {quoted} END AS BLOB)"
                )
            }
            Rendering::PostgreSql if self.is_rendered(rendering) => format!("CAST({quoted} AS text)"),
            _ => quoted.to_owned(),
        }
    }

    /// True if the server must render the values for them to arrive unchanged.
    pub(super) fn is_rendered(&self, rendering: Rendering) -> bool {
        let temporal = matches!(self.kind, Kind::Date | Kind::Time(_) | Kind::Timestamp { .. });
        match rendering {
            Rendering::Sqlite => true,
            Rendering::PostgreSql => temporal || self.described.1 == "uuid",
            Rendering::Driver | Rendering::MariaDb => false,
        }
    }
}

/// SQLite's digits of a real. It computes them inexactly above 1e100 and far below 1, so that such
/// values are first scaled, which by powers of two is exact: `digits p exponent`.
fn exact_real(quoted: &str) -> String {
    const TWO_TO_60: &str = "1152921504606846976";
    let scaled = |by: &str, times: usize| format!("{quoted}{}", format!("{by}{TWO_TO_60}").repeat(times));
    format!(
        "CASE WHEN abs({quoted}) >= 1e90 THEN printf('%!.20gp720', {}) \
         WHEN abs({quoted}) < 1e-90 THEN printf('%!.20gp-600', {}) ELSE printf('%!.20g', {quoted}) END",
        scaled("/", 12),
        scaled("*", 10)
    )
}

/// What the values of a key are, as far as cutting goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Domain {
    /// Whole numbers; decimals are cut at whole numbers.
    Number,
    /// Days since 1970.
    Date,
    /// Microseconds since 1970.
    Timestamp,
}

impl Domain {
    /// A key's text, as the database writes it. A number beyond 64 bits is the nearest within: the
    /// outermost ranges have no end, so that every row still is in one of them.
    pub(super) fn key(self, text: &[u8]) -> Result<i64, &'static str> {
        match self {
            Self::Number => {
                let whole: i128 = parse::whole(text.split(|&byte| byte == b'.').next().unwrap_or_default())?;
                Ok(i64::try_from(whole).unwrap_or(if whole < 0 { i64::MIN } else { i64::MAX }))
            }
            Self::Date => parse::date(text).map(i64::from),
            Self::Timestamp => parse::timestamp(text, TimeUnit::Microsecond, true),
        }
    }
}

/// The columns of a result set.
///
/// # Errors
/// [`ErrorKind::Spec`] if there is no column, or two of one name.
pub(super) fn describe<C: ResultSetMetadata + AsStatementRef>(
    cursor: &mut C,
    driver: &Driver,
) -> Result<Result<Vec<Column>>, odbc_api::Error> {
    let count = u16::try_from(cursor.num_result_cols()?).unwrap_or(0);
    let mut columns: Vec<Column> = Vec::with_capacity(count.into());
    for number in 1..=count {
        let mut description = ColumnDescription::default();
        cursor.describe_col(number, &mut description)?;
        let unsigned = cursor.column_is_unsigned(number)?;
        let type_name = raw::type_name(&cursor.as_stmt_ref(), number);
        let column = choose(&description, &type_name, unsigned, driver);
        if columns.iter().any(|other| other.name == column.name) {
            return Ok(Err(Error::new(ErrorKind::Spec, "two columns have one name; give each its own in the query")
                .with("column", column.name.escape_debug())));
        }
        columns.push(column);
    }
    if columns.is_empty() {
        return Ok(Err(Error::new(ErrorKind::Spec, "the query returns no columns; a source needs a SELECT")));
    }
    Ok(Ok(columns))
}

/// Compares what is read with what was planned.
///
/// # Errors
/// [`ErrorKind::Data`] that names the first column that changed.
pub(super) fn refuse_change(planned: &[Column], found: &[Column], rendering: Rendering) -> Result<()> {
    let changed = planned.iter().zip(found).find(|(planned, found)| {
        let retyped = !planned.is_rendered(rendering) && planned.described != found.described;
        // A driver may rename a column that is computed, and does not when it is not.
        retyped || (!planned.is_rendered(rendering) && planned.name != found.name)
    });
    let name = match changed {
        Some((planned, _)) => &planned.name,
        None if planned.len() == found.len() => return Ok(()),
        None if planned.len() > found.len() => &planned[found.len()].name,
        None => &found[planned.len()].name,
    };
    Err(Error::new(
        ErrorKind::Data,
        "the source's columns changed after the run was planned; start a new run instead of resuming this one",
    )
    .with("column", name.escape_debug()))
}

/// The schema of these columns.
pub(super) fn schema(columns: &[Column]) -> SchemaRef {
    SchemaRef::new(arrow::datatypes::Schema::new(columns.iter().map(Column::field).collect::<Vec<_>>()))
}
