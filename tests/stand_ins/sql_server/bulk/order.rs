//! The ORDER hint: rows that break it are error 4819 where it is the order of the clustered index, and elsewhere it is ignored.

use super::super::SqlError;
use super::super::sql_type::SqlType;
use super::Announced;
use rusqlite::Connection;
use rusqlite::types::Value;
use std::cmp::Ordering;

/// Holds each row against the one before.
pub(super) struct Sorted {
    /// Place among the announced columns, type, whether descending.
    keys: Vec<(usize, SqlType, bool)>,
    unique: bool,
    last: Option<Vec<Value>>,
}

impl Sorted {
    /// None where the hint does not say the order of the clustered index.
    pub(super) fn new(sqlite: &Connection, announced: &Announced) -> Result<Option<Sorted>, SqlError> {
        let entry = &announced.entry;
        let query = format!(
            "SELECT c.name, k.is_descending_key, i.is_unique FROM {} k JOIN {} c ON c.object_id = k.object_id AND c.column_id = k.column_id
             JOIN {} i ON i.object_id = k.object_id AND i.index_id = k.index_id
             WHERE k.object_id = ?1 AND k.index_id = 1 AND k.key_ordinal > 0 ORDER BY k.key_ordinal",
            entry.view("index_columns"),
            entry.view("columns"),
            entry.view("indexes")
        );
        let mut statement = sqlite.prepare(&query)?;
        let clustered = statement.query_map([entry.object_id], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?, row.get::<_, bool>(2)?))
        })?;
        let clustered: Vec<(String, bool, bool)> = clustered.collect::<Result<_, _>>()?;
        let hint = &announced.definition.order;
        let same = !clustered.is_empty()
            && clustered.len() == hint.len()
            && clustered.iter().zip(hint).all(|((name, descending, _), (said, said_descending))| {
                name.eq_ignore_ascii_case(said) && descending == said_descending
            });
        if !same {
            return Ok(None);
        }
        let mut keys = Vec::new();
        for (name, descending) in hint {
            let place = announced.targets.iter().position(|target| target.column.name.eq_ignore_ascii_case(name));
            let Some(place) = place else { return Ok(None) };
            keys.push((place, announced.targets[place].column.of, *descending));
        }
        Ok(Some(Sorted { keys, unique: clustered[0].2, last: None }))
    }

    /// The next row, in canonical values of the columns.
    pub(super) fn see(&mut self, row: &[Value]) -> Result<(), SqlError> {
        let next: Vec<Value> = self.keys.iter().map(|(place, ..)| row[*place].clone()).collect();
        let order = self.last.as_ref().map_or(Ordering::Less, |last| self.compare(last, &next));
        if order == Ordering::Greater || order == Ordering::Equal && self.unique {
            return Err(SqlError::new(
                4819,
                16,
                "Cannot bulk load. The bulk data stream was incorrectly specified as sorted or the data violates a uniqueness constraint imposed by the target table. Sort order incorrect for the following two rows: primary key of first row: (not shown by the stand-in), primary key of second row: (not shown by the stand-in).",
            ));
        }
        self.last = Some(next);
        Ok(())
    }

    fn compare(&self, last: &[Value], next: &[Value]) -> Ordering {
        for ((left, right), (_, of, descending)) in last.iter().zip(next).zip(&self.keys) {
            let order = compare(left, right, *of);
            if order != Ordering::Equal {
                return if *descending { order.reverse() } else { order };
            }
        }
        Ordering::Equal
    }
}

/// Canonical values of one type; NULL comes first.
fn compare(left: &Value, right: &Value, of: SqlType) -> Ordering {
    match (left, right) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        (Value::Integer(left), Value::Integer(right)) => left.cmp(right),
        (Value::Real(left), Value::Real(right)) => left.total_cmp(right),
        (Value::Text(left), Value::Text(right)) => match of.collation() {
            Some(collation) => collation.compare(left, right),
            None => left.cmp(right),
        },
        (Value::Blob(left), Value::Blob(right)) => left.cmp(right),
        _ => Ordering::Equal,
    }
}
