//! By which columns a table may be cut, as far as the driver knows its keys.
//!
//! What a driver tells here is a hint: every row is in one range of any column, unique or not, so
//! that a wrong answer costs balance and never a row.

use odbc_api::{handles::StatementRef, parameter::Text};

use super::{
    columns::{Column, fixed, variable},
    connection::Session,
    raw,
    spec::Input,
    statement::Statement,
};

/// Rows of a driver's answer that are read, at most: a driver may repeat itself for ever.
const MOST_ROWS: usize = 10_000;

/// The column that tells to which rows an index is limited. Older drivers do not have it.
const FILTER_CONDITION: u16 = 13;

/// A column that rows can be cut by.
pub(super) struct Key<'a> {
    pub(super) column: &'a Column,
    /// What kind of key it is, for people.
    pub(super) what: &'static str,
}

/// The columns by which the table may be cut, the best first: the one that begins the primary key,
/// then those that are a unique index, then those that begin one.
pub(super) fn candidates<'a>(session: &Session, statement: &'a Statement, input: &Input) -> Vec<Key<'a>> {
    let Input::Table(parts) = input else { return Vec::new() };
    let Some((table, before)) = parts.split_last() else { return Vec::new() };
    let owner = before.last().map(String::as_str);
    let (catalog, schema) = if session.peer.driver.catalogues { (owner, None) } else { (None, owner) };
    let table = Table { catalog, schema, table };
    let primary = primary_key(session, &table).into_iter().map(|name| (name, "the primary key"));
    let names = primary.chain(unique_indexes(session, &table).into_iter().map(|name| (name, "a unique index")));
    let mut keys: Vec<Key<'a>> = Vec::new();
    for (name, what) in names {
        let column = statement.columns.iter().find(|column| column.name == name);
        if let Some(column) = column.filter(|column| column.domain().is_some())
            && !keys.iter().any(|key| key.column.name == name)
        {
            keys.push(Key { column, what });
        }
    }
    keys
}

struct Table<'a> {
    catalog: Option<&'a str>,
    schema: Option<&'a str>,
    table: &'a str,
}

/// The first column of the primary key. Not every driver knows keys.
fn primary_key(session: &Session, table: &Table<'_>) -> Option<String> {
    let mut asking = session.connection.preallocate().ok()?;
    let keys = asking.primary_keys(table.catalog, table.schema, table.table).ok()?;
    let mut keys = keys.take(MOST_ROWS).map_while(std::result::Result::ok);
    keys.find(|key| key.key_seq == 1)?.column.as_str().ok().flatten().map(str::to_owned)
}

/// The first columns of the unique indexes over all rows, those of one column first. Without any
/// where the driver does not answer.
fn unique_indexes(session: &Session, table: &Table<'_>) -> Vec<String> {
    first_columns(&index_places(session, table).unwrap_or_default())
}

fn first_columns(places: &[Place]) -> Vec<String> {
    let length = |index: &str| places.iter().filter(|place| place.index == index).count();
    let mut firsts: Vec<_> = places.iter().filter(|place| place.ordinal == 1).collect();
    firsts.sort_by_key(|first| (length(&first.index), &first.index));
    firsts.into_iter().map(|first| first.column.clone()).collect()
}

/// A column's place in a unique index.
struct Place {
    index: String,
    ordinal: i16,
    column: String,
}

fn index_places(session: &Session, table: &Table<'_>) -> Result<Vec<Place>, odbc_api::Error> {
    let mut asking = session.connection.preallocate()?.into_handle();
    let mut statement = asking.as_stmt_ref();
    raw::statistics(&mut statement, table.catalog, table.schema, table.table)?;
    let mut places = Vec::new();
    for _ in 0..MOST_ROWS {
        if !raw::fetch_row(&mut statement)? {
            break;
        }
        // In the order of the columns: not every driver can go back.
        let named = text(&mut statement, 3)?;
        let not_unique = fixed::<i16>(&mut statement, 4)?;
        let index = text(&mut statement, 6)?;
        let ordinal = fixed::<i16>(&mut statement, 8)?;
        let column = text(&mut statement, 9)?;
        let condition = text(&mut statement, FILTER_CONDITION).ok().flatten().unwrap_or_default();
        let ours = named.as_deref() == Some(table.table) && not_unique == Some(0) && condition.is_empty();
        if let (true, Some(index), Some(ordinal), Some(column)) = (ours, index, ordinal, column) {
            places.push(Place { index, ordinal, column });
        }
    }
    Ok(places)
}

/// The text of a cell of the current row.
fn text(statement: &mut StatementRef<'_>, column: u16) -> Result<Option<String>, odbc_api::Error> {
    let mut value = Vec::new();
    let present = variable::<Text>(statement, column, &mut value)?;
    Ok(present.then(|| String::from_utf8_lossy(&value).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_indexes_come_first_and_nonsense_not_at_all() {
        let place = |index: &str, ordinal, column: &str| Place { index: index.into(), ordinal, column: column.into() };
        let places = [
            place("a_pair", 1, "tenant"),
            place("a_pair", 2, "id"),
            place("single", 1, "number"),
            place("headless", 2, "x"),
            place("zero", 0, "y"),
        ];
        assert_eq!(first_columns(&places), ["number", "tenant"]);
        assert!(first_columns(&[]).is_empty());
    }
}
