//! What the catalogue says about rows: how many each partition holds, and histograms.

use super::super::SqlError;
use super::super::convert::convert;
use super::super::sql_type::SqlType;
use super::{TableEntry, find, partition_function, physical, quoted, views};
use rusqlite::types::Value;
use rusqlite::{Connection, params};

/// SQLite text for the rows of `sys.partitions` or `sys.dm_db_partition_stats`, counted when it runs.
pub(crate) fn partition_rows(sqlite: &Connection, database: &str, view: &str) -> Result<Option<String>, SqlError> {
    let of_stats = view.eq_ignore_ascii_case("dm_db_partition_stats");
    if !of_stats && !view.eq_ignore_ascii_case("partitions") {
        return Ok(None);
    }
    let query = format!(
        "SELECT i.object_id, i.index_id, t.schema, t.name FROM {} i JOIN ropeway_tables t ON t.object_id = i.object_id AND t.database = ?1",
        physical(database, "sys", "indexes")
    );
    let mut statement = sqlite.prepare(&query)?;
    let mut indexes = statement.query([database])?;
    let mut selects = Vec::new();
    while let Some(index) = indexes.next()? {
        let (object_id, index_id): (i64, i64) = (index.get(0)?, index.get(1)?);
        let (schema, name): (String, String) = (index.get(2)?, index.get(3)?);
        let Some(entry) = find(sqlite, &vec![schema, name], database)? else { continue };
        for (number, condition) in partitions_of(sqlite, &entry)? {
            let rows = format!("(SELECT count(*) FROM {}{condition})", entry.physical());
            let id = object_id * 65_536 + index_id * 256 + number;
            let head = format!(
                "SELECT {id} AS partition_id, {object_id} AS object_id, {index_id} AS index_id, {number} AS partition_number"
            );
            selects.push(if of_stats {
                let pages = format!("({rows} / 100 + 1)");
                format!(
                    "{head}, {pages} AS in_row_data_page_count, {pages} AS in_row_used_page_count, {pages} AS in_row_reserved_page_count, \
                     0 AS lob_used_page_count, 0 AS lob_reserved_page_count, 0 AS row_overflow_used_page_count, \
                     0 AS row_overflow_reserved_page_count, {pages} AS used_page_count, {pages} AS reserved_page_count, {rows} AS row_count"
                )
            } else {
                format!(
                    "{head}, {id} AS hobt_id, {rows} AS \"rows\", 0 AS filestream_filegroup_id, 0 AS data_compression, 'NONE' AS data_compression_desc"
                )
            });
        }
    }
    Ok(Some(if selects.is_empty() {
        format!("(SELECT * FROM {} WHERE 0)", physical(database, "sys", view))
    } else {
        format!("({})", selects.join(" UNION ALL "))
    }))
}

/// Numbers of the partitions, each with the condition of its rows.
fn partitions_of(sqlite: &Connection, entry: &TableEntry) -> Result<Vec<(i64, String)>, SqlError> {
    let Some((scheme, column)) = &entry.partition else { return Ok(vec![(1, String::new())]) };
    let function = match views::scheme_function(sqlite, &entry.database, scheme)? {
        Some((_, name)) => partition_function(sqlite, &entry.database, &name)?,
        None => None,
    };
    let Some(function) = function else { return Ok(vec![(1, String::new())]) };
    let number = function.number_of(&quoted(column));
    Ok((1..=function.boundaries.len() as i64 + 1).map(|n| (n, format!(" WHERE {number} = {n}"))).collect())
}

/// SQL Server keeps at most 200 steps.
const STEPS: usize = 200;

/// Computes the histogram of a column with a full scan.
pub(super) fn update_histogram(
    sqlite: &Connection,
    entry: &TableEntry,
    stats_id: i64,
    column: &str,
) -> Result<(), SqlError> {
    let Some(definition) = entry.column(column) else { return Ok(()) };
    let histogram = entry.view("dm_db_stats_histogram");
    sqlite.execute(
        &format!("DELETE FROM {histogram} WHERE object_id = ?1 AND stats_id = ?2"),
        params![entry.object_id, stats_id],
    )?;
    let name = quoted(&definition.name);
    let key = if matches!(definition.of, SqlType::DateTimeOffset(_)) {
        format!("substr({name}, 1, 8)")
    } else {
        name.clone()
    };
    let mut statement =
        sqlite.prepare(&format!("SELECT {name}, count(*) FROM {} GROUP BY {key} ORDER BY {key}", entry.physical()))?;
    let groups = statement.query_map([], |row| Ok((row.get::<_, Value>(0)?, row.get::<_, i64>(1)?)))?;
    let groups: Vec<(Value, i64)> = groups.collect::<Result<_, _>>()?;
    let every = groups.len().div_ceil(STEPS - 2).max(1);
    let insert = format!("INSERT INTO {histogram} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    let (mut step, mut range_rows, mut distinct) = (0_i64, 0_i64, 0_i64);
    for (index, (value, rows)) in groups.iter().enumerate() {
        let is_step = index % every == 0 || index + 1 == groups.len() || *value == Value::Null;
        if !is_step {
            range_rows += rows;
            distinct += 1;
            continue;
        }
        step += 1;
        let average = if distinct == 0 { 1.0 } else { range_rows as f64 / distinct as f64 };
        let key = convert(value.into(), definition.of, SqlType::SqlVariant).unwrap_or(Value::Null);
        sqlite.execute(
            &insert,
            params![entry.object_id, stats_id, step, key, range_rows as f64, *rows as f64, distinct, average],
        )?;
        (range_rows, distinct) = (0, 0);
    }
    Ok(())
}
