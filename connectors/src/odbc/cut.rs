//! Cutting the input into ranges of a key.

use odbc_api::{
    Cursor, DataType, IntoParameter,
    parameter::{InputParameter, WithDataType},
    sys,
};
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{Chunk, ChunkId},
    source::ChunkTarget,
};
use serde::{Deserialize, Serialize};

use super::{
    columns::{Binding, Column, Domain},
    connection::Session,
    drivers::{Driver, Portions},
    keys,
    spec::{Input, Partition},
    statement::Statement,
};
use crate::sql;

/// Chunks of a plan, at most.
const MOST_CHUNKS: u128 = 50_000;
/// Rows below which a chunk is not worth a statement of its own.
const FEWEST_ROWS: u128 = 5_000;

/// Keys that are tried, at most: each costs a look at every row.
const MOST_CANDIDATES: usize = 3;

/// Which rows a chunk has, stored in the checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Recipe {
    /// All rows if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<KeyRange>,
}

/// Rows whose key is at least `from` and below `to`, or NULL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyRange {
    column: String,
    domain: Domain,
    #[serde(default)]
    from: Option<i64>,
    #[serde(default)]
    to: Option<i64>,
    #[serde(default)]
    null: bool,
}

/// The predicate of a chunk and its parameters.
pub(super) struct Predicate {
    pub(super) sql: Option<String>,
    pub(super) parameters: Vec<Box<dyn InputParameter>>,
}

/// A plan and how it was made, for people.
pub(super) struct Cut {
    pub(super) chunks: Vec<Chunk>,
    pub(super) how: String,
}

impl Recipe {
    /// Whether it is all rows.
    pub(super) fn is_whole(&self) -> bool {
        self.range.is_none()
    }

    /// The rows of this chunk in SQL.
    pub(super) fn predicate(&self, session: &Session) -> Result<Predicate> {
        let Some(range) = &self.range else {
            return Ok(Predicate { sql: None, parameters: Vec::new() });
        };
        let column = sql::quote_odbc_ident(&range.column, session.quote()?)?;
        if range.null {
            return Ok(Predicate { sql: Some(format!("{column} IS NULL")), parameters: Vec::new() });
        }
        let from = range.from.map(|from| (format!("{column} >= ?"), from));
        let to = range.to.map(|to| (format!("{column} < ?"), to));
        let (texts, bounds): (Vec<_>, Vec<_>) = from.into_iter().chain(to).unzip();
        let parameters: Result<Vec<_>> = bounds.into_iter().map(|bound| range.domain.parameter(bound)).collect();
        Ok(Predicate { sql: Some(texts.join(" AND ")), parameters: parameters? })
    }
}

/// Cuts the input as the definition wants, or by a key that is found.
pub(super) fn cut(
    session: &Session,
    statement: &Statement,
    input: &Input,
    partition: &Partition,
    target: ChunkTarget,
) -> Result<Cut> {
    let whole = |why: &str| whole(why, session.peer.driver);
    let (named, lower, upper) = match partition {
        Partition::None => return whole("not cut: partitionOption is None"),
        Partition::Found => (None, None, None),
        Partition::Range { column, lower, upper } => (column.as_deref(), lower.as_deref(), upper.as_deref()),
    };
    let (column, extent, what) = match named {
        Some(name) => {
            let column = named_column(statement, name)?;
            (column, extent(session, statement, column)?, "as defined")
        }
        None => match found_key(session, statement, input)? {
            Some(found) => found,
            None => {
                return whole(match input {
                    Input::Query(_) => "not cut: a query needs partitionSettings.partitionColumnName",
                    Input::Table(_) => {
                        "not cut: the driver names no primary key and no unique index without NULLs that begins with \
                         a number or a date; partitionSettings.partitionColumnName would name a column"
                    }
                });
            }
        },
    };
    let domain = extent.domain;
    let low = lower.map(|text| domain.bound(text)).transpose()?.or(extent.low);
    let high = upper.map(|text| domain.bound(text)).transpose()?.or(extent.high);
    let how = format!("by {}, {what}", column.name.escape_debug());
    let (Some(low), Some(high)) = (low, high) else {
        return Ok(Cut { chunks: vec![chunk(0, "all rows".to_owned(), Recipe { range: None })?], how });
    };
    let inner = boundaries(low, high, extent.chunks(statement, target));
    let mut chunks = Vec::new();
    let ends: Vec<Option<i64>> =
        std::iter::once(None).chain(inner.iter().copied().map(Some)).chain(std::iter::once(None)).collect();
    for pair in ends.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let whole = from.is_none() && to.is_none();
        let range = (!whole).then(|| KeyRange { column: column.name.clone(), domain, from, to, null: false });
        chunks.push(chunk(chunks.len(), label(&column.name, domain, from, to), Recipe { range })?);
    }
    // A key that was found is not NULL now, and may be when the chunks are read; one chunk more costs
    // one statement.
    if chunks.len() > 1 {
        let range = KeyRange { column: column.name.clone(), domain, from: None, to: None, null: true };
        let label = format!("{} is NULL", column.name.escape_debug());
        chunks.push(chunk(chunks.len(), label, Recipe { range: Some(range) })?);
    }
    Ok(Cut { chunks, how })
}

fn whole(why: &str, driver: &Driver) -> Result<Cut> {
    let held = if driver.portions == Portions::Whole {
        format!("; {}'s driver holds the whole result in memory", driver.name)
    } else {
        String::new()
    };
    Ok(Cut { chunks: vec![chunk(0, "all rows".to_owned(), Recipe { range: None })?], how: format!("{why}{held}") })
}

fn chunk(id: usize, label: String, recipe: Recipe) -> Result<Chunk> {
    let recipe = serde_json::to_value(recipe).map_err(|error| {
        Error::new(ErrorKind::Bug, "a chunk cannot be written down; please report it").caused_by(error)
    })?;
    Ok(Chunk { id: ChunkId(id as u32), label, recipe })
}

fn label(column: &str, domain: Domain, from: Option<i64>, to: Option<i64>) -> String {
    let column = column.escape_debug();
    let text = |bound| domain.text(bound);
    match (from, to) {
        (None, None) => "all rows".to_owned(),
        (Some(from), None) => format!("{column} >= {}", text(from)),
        (None, Some(to)) => format!("{column} < {}", text(to)),
        (Some(from), Some(to)) => format!("{column} in [{}, {})", text(from), text(to)),
    }
}

fn named_column<'a>(statement: &'a Statement, name: &str) -> Result<&'a Column> {
    let exact = statement.columns.iter().find(|column| column.name == name);
    exact.or_else(|| statement.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))).ok_or_else(|| {
        let names: Vec<_> = statement.columns.iter().map(|column| column.name.as_str()).collect();
        Error::new(ErrorKind::Spec, "the partition column is not a column of the input; name one of them")
            .with("partitionColumnName", name.escape_debug())
            .with("columns", names.join(", ").escape_debug())
    })
}

/// The first key that every row has and that tells rows apart. The rows themselves are asked, because
/// drivers do not know reliably what may be NULL, and some take the columns of a key in another order:
/// a chunk of NULLs, or of one value, could be most of the table.
fn found_key<'a>(
    session: &Session,
    statement: &'a Statement,
    input: &Input,
) -> Result<Option<(&'a Column, Extent, &'static str)>> {
    let mut of_one_value = None;
    for key in keys::candidates(session, statement, input).into_iter().take(MOST_CANDIDATES) {
        let extent = extent(session, statement, key.column)?;
        if extent.nulls > 0 {
            continue;
        }
        let found = (key.column, extent, key.what);
        if found.1.rows < 2 || found.1.low != found.1.high {
            return Ok(Some(found));
        }
        of_one_value.get_or_insert(found);
    }
    Ok(of_one_value)
}

/// The least and the greatest key, the number of rows and their size.
struct Extent {
    domain: Domain,
    low: Option<i64>,
    high: Option<i64>,
    rows: u128,
    /// Rows without a key.
    nulls: u128,
    /// Bytes of the values without a fixed size, where they were measured.
    measured: Option<u128>,
}

impl Extent {
    fn chunks(&self, statement: &Statement, target: ChunkTarget) -> u128 {
        let counted = |column: &&Column| self.measured.is_none() || !column.is_variable();
        let row: u64 = statement.columns.iter().filter(counted).map(Column::typical_bytes).sum();
        let bytes = self.rows * u128::from(row) + self.measured.unwrap_or(0);
        let by_rows = self.rows.div_ceil(u128::from(target.rows.max(1)));
        let by_bytes = bytes.div_ceil(u128::from(target.bytes.max(1)));
        let by_slots = u128::from(target.chunks).min(self.rows / FEWEST_ROWS);
        by_rows.max(by_bytes).max(by_slots).clamp(1, MOST_CHUNKS)
    }
}

fn extent(session: &Session, statement: &Statement, column: &Column) -> Result<Extent> {
    let Some(domain) = column.domain() else {
        return Err(Error::new(
            ErrorKind::Spec,
            "the partition column is neither a whole number, a decimal, a date nor a timestamp; name one that is",
        )
        .with("partitionColumnName", column.name.escape_debug()));
    };
    let name = sql::quote_odbc_ident(&column.name, session.quote()?)?;
    let (least, greatest) = (format!("MIN({name})"), format!("MAX({name})"));
    let rendering = session.peer.driver.rendering;
    let (low, high) = (column.selected(&least, rendering), column.selected(&greatest, rendering));
    let mut asked = format!("{low}, {high}, COUNT(*), COUNT({name})");
    // A chunk that the driver holds whole must not turn out to be larger than it is counted.
    let whole = session.peer.driver.portions == Portions::Whole;
    let measured = whole.then(|| lengths(session, statement)).transpose()?.flatten();
    if let Some(lengths) = &measured {
        asked = format!("{asked}, SUM({lengths})");
    }
    let failed = |error| session.peer.error("asking for the range of the partition column", &error);
    let cursor = session.connection.execute(&statement.aggregate(&asked), (), None).map_err(failed)?;
    let mut texts: [Option<String>; 5] = [const { None }; 5];
    let expressions = if measured.is_some() { 5 } else { 4 };
    if let Some(mut cursor) = cursor {
        let read = (|| {
            if let Some(mut row) = cursor.next_row()? {
                for (number, text) in texts.iter_mut().take(expressions).enumerate() {
                    let mut value = Vec::new();
                    // A driver may render bytes as hexadecimal digits where text is asked for.
                    let as_bytes = number < 2 && matches!(column.binding, Binding::Bytes(_));
                    let at = number as u16 + 1;
                    if if as_bytes { row.get_binary(at, &mut value)? } else { row.get_text(at, &mut value)? } {
                        *text = Some(String::from_utf8_lossy(&value).into_owned());
                    }
                }
            }
            Ok(())
        })();
        drop(cursor.into_stmt());
        read.map_err(failed)?;
    }
    let [low, high, rows, keys, bytes] = texts;
    let number = |text: Option<String>| text.and_then(|text| text.trim().parse::<u128>().ok());
    let rows = number(rows).unwrap_or(0);
    let key = |text: Option<String>| text.map(|text| domain.key(text.as_bytes())).transpose();
    let unusable =
        |reason: &'static str| Error::new(ErrorKind::Data, reason).with("column", column.name.escape_debug());
    Ok(Extent {
        domain,
        low: key(low).map_err(unusable)?,
        high: key(high).map_err(unusable)?,
        rows,
        nulls: rows.saturating_sub(number(keys).unwrap_or(0)),
        measured: number(bytes),
    })
}

/// The bytes of a row's values without a fixed size, in SQL. `None` if it has no such values.
fn lengths(session: &Session, statement: &Statement) -> Result<Option<String>> {
    let quote = session.quote()?;
    let columns = statement.columns.iter().filter(|column| column.is_variable());
    let lengths: Result<Vec<_>> = columns
        .map(|column| Ok(format!("COALESCE(OCTET_LENGTH({}), 0)", sql::quote_odbc_ident(&column.name, quote)?)))
        .collect();
    Ok(Some(lengths?.join(" + ")).filter(|lengths| !lengths.is_empty()))
}

/// The bounds between so many ranges of about one width, ascending, each once.
fn boundaries(low: i64, high: i64, chunks: u128) -> Vec<i64> {
    let span = (i128::from(high) - i128::from(low) + 1).max(1);
    let chunks = i128::try_from(chunks).unwrap_or(1).min(span);
    (1..chunks).filter_map(|number| i64::try_from(i128::from(low) + span * number / chunks).ok()).collect()
}

impl Domain {
    /// A bound that the definition gives.
    fn bound(self, text: &str) -> Result<i64> {
        self.key(text.trim().as_bytes()).map_err(|reason| {
            Error::new(ErrorKind::Spec, "a partition bound is not a value of the partition column; correct it")
                .with("bound", text.escape_debug())
                .with("reason", reason)
        })
    }

    fn parameter(self, bound: i64) -> Result<Box<dyn InputParameter>> {
        use chrono::{Datelike, Timelike};
        let Some(moment) = self.moment(bound) else { return Ok(Box::new(bound.into_parameter())) };
        let moment = moment.ok_or_else(|| {
            Error::new(ErrorKind::Spec, "a chunk's bound is no date; start a new run").with("bound", bound)
        })?;
        let (month, day) = (moment.month() as u16, moment.day() as u16);
        let year = i16::try_from(moment.year()).unwrap_or(i16::MAX);
        if self == Self::Date {
            return Ok(Box::new(sys::Date { year, month, day }));
        }
        let value = sys::Timestamp {
            year,
            month,
            day,
            hour: moment.hour() as u16,
            minute: moment.minute() as u16,
            second: moment.second() as u16,
            fraction: moment.nanosecond(),
        };
        Ok(Box::new(WithDataType { value, data_type: DataType::Timestamp { precision: 6 } }))
    }

    fn text(self, bound: i64) -> String {
        match self.moment(bound).flatten() {
            Some(moment) if self == Self::Date => moment.date().to_string(),
            Some(moment) => moment.to_string(),
            None => bound.to_string(),
        }
    }

    /// The moment that a bound of a temporal key is.
    fn moment(self, bound: i64) -> Option<Option<chrono::NaiveDateTime>> {
        let micros = match self {
            Self::Number => return None,
            Self::Date => bound.checked_mul(86_400_000_000),
            Self::Timestamp => Some(bound),
        };
        Some(micros.and_then(chrono::DateTime::from_timestamp_micros).map(|it| it.naive_utc()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_meet_and_cover() {
        assert_eq!(boundaries(1, 100, 4), [26, 51, 76]);
        assert_eq!(boundaries(5, 5, 8), Vec::<i64>::new());
        assert_eq!(boundaries(0, 2, 8), [1, 2]);
        let wide = boundaries(i64::MIN, i64::MAX, 4);
        assert_eq!(wide, [i64::MIN / 2, 0, i64::MAX / 2 + 1]);
        assert!(boundaries(10, 1, 4).is_empty());
    }

    #[test]
    fn recipes_are_what_the_checkpoint_keeps() {
        let range = KeyRange { column: "id".to_owned(), domain: Domain::Date, from: Some(0), to: None, null: false };
        let recipe = Recipe { range: Some(range) };
        let json = serde_json::to_value(&recipe).unwrap();
        assert_eq!(serde_json::from_value::<Recipe>(json).unwrap(), recipe);
        assert_eq!(label("d", Domain::Date, Some(0), Some(1)), "d in [1970-01-01, 1970-01-02)");
    }
}
