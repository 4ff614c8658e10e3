//! Which rows of a stage have a key that is taken: the table has it, or an earlier row of the stage.
//!
//! A stage that is asked has three columns more: one counts its rows, and two are the digest of a row, by which the engine
//! recognises it when it reads the chunk again.

use mssql_tds::query::metadata::ColumnMetadata;
use ropeway_engine::{Error, ErrorKind, Result, digest::Digest, skipping::Clash};

use super::{
    super::wire::{Limits, Query, Session, TextRow},
    encode::Column,
    table::{Table, TableColumn},
};
use crate::sql::quote_ident;

/// What the columns of a mark are called, unless the table has such columns.
const NUMBER: &str = "ropeway_row";
const LOW: &str = "ropeway_digest_low";
const HIGH: &str = "ropeway_digest_high";

/// The unique keys of a table, and the marks of the rows that are staged for it.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// The table, quoted.
    target: String,
    keys: Vec<Key>,
    /// Quoted.
    number: String,
    digest: [String; 2],
    /// As the server describes the two columns of the digest.
    metadata: Vec<ColumnMetadata>,
}

#[derive(Clone, Debug)]
struct Key {
    /// Quoted, each with whether it takes nulls.
    columns: Vec<(String, bool)>,
    /// The column of a batch that has the values of the first one.
    source: usize,
}

impl Keys {
    /// The unique keys of which every column is copied; `None` if there are none. Of a key with columns that the server
    /// fills nobody can tell beforehand.
    pub(crate) async fn of(
        session: &mut Session,
        table: &Table,
        columns: &[(Column, TableColumn)],
    ) -> Result<Option<Self>> {
        let copied = |name: &String| columns.iter().find(|(_, to)| to.name() == name);
        let mut keys = Vec::new();
        for key in &table.unique {
            let Some(of) = key.iter().map(copied).collect::<Option<Vec<_>>>() else { continue };
            let quoted = of.iter().map(|(_, to)| Ok((quote_ident(to.name())?, to.metadata.is_nullable())));
            let Some((first, _)) = of.first() else { continue };
            keys.push(Key { columns: quoted.collect::<Result<_>>()?, source: first.source });
        }
        if keys.is_empty() {
            return Ok(None);
        }
        let name = |name: &str| quote_ident(&free_name(name, columns));
        let digest = [name(LOW)?, name(HIGH)?];
        let [low, high] = &digest;
        let described = format!("SELECT CAST(NULL AS bigint) AS {low}, CAST(NULL AS bigint) AS {high}");
        let metadata = session.start(Query::new(described, []), Limits::default()).await?;
        session.finish().await?;
        Ok(Some(Self { target: table.name.clone(), keys, number: name(NUMBER)?, digest, metadata }))
    }

    /// The columns of a stage that are marks, with their declarations.
    pub(crate) fn declarations(&self) -> [String; 3] {
        let [low, high] = &self.digest;
        [
            format!("{} bigint IDENTITY(1, 1) NOT NULL", self.number),
            format!("{low} bigint NULL"),
            format!("{high} bigint NULL"),
        ]
    }

    /// Those that a bulk load gives, behind all others.
    pub(crate) fn loaded(&self) -> impl Iterator<Item = (ColumnMetadata, Option<String>)> {
        self.metadata.iter().map(|metadata| (metadata.clone(), None))
    }

    /// The rows of a stage whose keys are taken by rows of the table; if there are none, those whose keys earlier rows
    /// of the stage have.
    pub(crate) async fn taken(&self, session: &mut Session, stage: &str) -> Result<Vec<Clash>> {
        for find in [Self::in_the_table, Self::in_the_stage] {
            let mut found = Vec::<(i64, Clash)>::new();
            for key in &self.keys {
                for row in session.rows(Query::new(find(self, key, stage), [])).await? {
                    found.push(clash(&row, key.source)?);
                }
            }
            // A row may share more than one of its keys.
            found.sort_by_key(|(number, _)| *number);
            found.dedup_by_key(|(number, _)| *number);
            if !found.is_empty() {
                return Ok(found.into_iter().map(|(_, clash)| clash).collect());
            }
        }
        Ok(Vec::new())
    }

    /// Nulls are one value to a unique key. A comparison that heeds them finds no index, so it is for rows that have some.
    fn in_the_table(&self, key: &Key, stage: &str) -> String {
        let Self { target, number, digest: [low, high], .. } = self;
        let there = |same: Vec<String>| format!("EXISTS (SELECT 1 FROM {target} AS t WHERE {})", same.join(" AND "));
        let equal = |column: &str| format!("t.{column} = s.{column}");
        let mut taken = there(key.columns.iter().map(|(column, _)| equal(column)).collect());
        let nullable = || key.columns.iter().filter(|(_, nullable)| *nullable);
        if nullable().next().is_some() {
            let has_null: Vec<_> = nullable().map(|(column, _)| format!("s.{column} IS NULL")).collect();
            let same = key.columns.iter().map(|(column, nullable)| {
                if *nullable {
                    format!("({} OR (t.{column} IS NULL AND s.{column} IS NULL))", equal(column))
                } else {
                    equal(column)
                }
            });
            taken = format!("{taken} OR (({}) AND {})", has_null.join(" OR "), there(same.collect()));
        }
        format!("SELECT s.{number} AS number, s.{low} AS low, s.{high} AS high FROM {stage} AS s WHERE {taken}")
    }

    fn in_the_stage(&self, key: &Key, stage: &str) -> String {
        let Self { number, digest: [low, high], .. } = self;
        let columns: Vec<_> = key.columns.iter().map(|(column, _)| format!("s.{column}")).collect();
        format!(
            "SELECT q.number AS number, q.low AS low, q.high AS high FROM (\
             SELECT s.{number} AS number, s.{low} AS low, s.{high} AS high, \
             ROW_NUMBER() OVER (PARTITION BY {} ORDER BY s.{number}) AS place FROM {stage} AS s) AS q WHERE q.place > 1",
            columns.join(", ")
        )
    }
}

/// The two halves of a digest, as a stage keeps them.
pub(crate) fn halves(digest: Digest) -> [i64; 2] {
    let bytes = digest.to_bytes();
    let half = |from: usize| i64::from_le_bytes(std::array::from_fn(|at| bytes[from + at]));
    [half(0), half(8)]
}

fn whole([low, high]: [i64; 2]) -> Digest {
    let (low, high) = (low.to_le_bytes(), high.to_le_bytes());
    Digest::from_bytes(std::array::from_fn(|at| if at < 8 { low[at] } else { high[at - 8] }))
}

fn clash(row: &TextRow, column: usize) -> Result<(i64, Clash)> {
    let number = |name: &str| {
        row.number(name).ok_or_else(|| Error::new(ErrorKind::Unavailable, "a staged row came back without its mark"))
    };
    Ok((number("number")?, Clash { row: whole([number("low")?, number("high")?]), column }))
}

/// A name that none of the columns has.
pub(crate) fn free_name(name: &str, columns: &[(Column, TableColumn)]) -> String {
    let mut name = name.to_owned();
    while columns.iter().any(|(_, to)| to.name().eq_ignore_ascii_case(&name)) {
        name.push('_');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_comes_back_from_its_halves() {
        for bytes in [[0; 16], [255; 16], std::array::from_fn(|at| at as u8 * 17)] {
            let digest = Digest::from_bytes(bytes);
            assert_eq!(whole(halves(digest)), digest);
        }
    }
}
