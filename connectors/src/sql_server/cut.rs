//! How an input is cut into chunks: what the definition says, the clustered or a unique key, or shares.
//!
//! Ranges are half-open, `(after, upto]`, the first and the last are open, nulls are a chunk of their
//! own; the server compares, in its own collation. So every row belongs to exactly one chunk whatever
//! the bounds are, and bounds only decide how even the chunks are.

mod key;
mod order;
mod ranges;
mod recipe;
mod shares;
mod strides;

use mssql_tds::datatypes::sqltypes::SqlType;
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{Chunk, ChunkId},
    source::ChunkTarget,
};

use self::ranges::Ranges;
pub(crate) use self::{key::Key, ranges::parts, recipe::Recipe};
use super::{
    errors::{lacks_permission, number},
    input::{CONDITION, Input},
    snapshot,
    spec::PartitionSettings,
    statements::{self, TABLE},
    wire::{Query, Session, TextRow, text},
};
use crate::sql::quote_ident;

/// Rows below which a chunk is not worth a query of its own.
const FEWEST_ROWS: u64 = 1_000;
/// Chunks of a plan at most: each is a line in the checkpoint.
const MOST_CHUNKS: u64 = 20_000;
const PAGE: u64 = 8_192;

/// What the definition says of cutting.
#[derive(Clone, Debug)]
pub(crate) enum PartitionOption {
    /// Nothing: Ropeway decides.
    Unset,
    /// One chunk.
    None,
    /// One chunk per physical partition.
    PhysicalPartitionsOfTable,
    /// Ranges of a column.
    DynamicRange(PartitionSettings),
}

impl PartitionOption {
    /// The option by its name in the definition.
    pub(crate) fn of(name: Option<&str>, settings: Option<PartitionSettings>) -> Result<Self> {
        match name.map(str::to_ascii_lowercase).as_deref() {
            None | Some("") => Ok(Self::Unset),
            Some("none") => Ok(Self::None),
            Some("physicalpartitionsoftable") => Ok(Self::PhysicalPartitionsOfTable),
            Some("dynamicrange") => Ok(Self::DynamicRange(settings.unwrap_or_default())),
            Some(other) => {
                Err(Error::new(ErrorKind::Spec, "«partitionOption» is None, PhysicalPartitionsOfTable or DynamicRange")
                    .with("partitionOption", other.escape_debug()))
            }
        }
    }
}

/// A plan, and how it came about.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) recipes: Vec<Recipe>,
    /// For people: `by [OrderId], the clustered key`.
    pub(crate) why: String,
}

impl Cut {
    fn whole(why: impl Into<String>) -> Self {
        Self { recipes: vec![Recipe::Whole], why: why.into() }
    }

    /// The chunks, numbered from 0.
    pub(crate) fn chunks(&self) -> Result<Vec<Chunk>> {
        let number = |(id, recipe): (usize, &Recipe)| {
            Ok(Chunk { id: ChunkId(id as u32), label: recipe.label(), recipe: recipe.to_json()? })
        };
        self.recipes.iter().enumerate().map(number).collect()
    }
}

/// Plans the cut of one input.
pub(crate) struct Planner<'a> {
    pub(crate) session: &'a mut Session,
    pub(crate) input: &'a Input,
    pub(crate) target: ChunkTarget,
    /// `parallelCopies` of the definition.
    pub(crate) copies: Option<u32>,
    /// Whether all chunks have to show one state.
    pub(crate) one_state: bool,
}

/// How large an input is.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    rows: u64,
    bytes: u64,
}

impl Planner<'_> {
    /// The chunks of the input.
    pub(crate) async fn plan(&mut self, option: &PartitionOption) -> Result<Cut> {
        let cut = self.cut(option).await?;
        let cut = self.in_order(cut).await?;
        if !self.one_state {
            return Ok(cut);
        }
        if cut.recipes.len() == 1 {
            // The only range has all rows, and no other to go with.
            return Ok(Cut { recipes: vec![Recipe::Whole], ..cut });
        }
        let Input::Table(table) = self.input else {
            return Ok(Cut::whole(
                "one chunk: «isolationLevel» is Snapshot, and which tables a query reads is not known for certain, so that \
                 several chunks cannot share a snapshot; name the table in the dataset, or remove «isolationLevel»",
            ));
        };
        if matches!(cut.recipes.first(), Some(Recipe::Share { .. })) {
            // They are only made where nothing is in their way.
            return Ok(cut);
        }
        Ok(self.obstacle(table).await?.unwrap_or(cut))
    }

    /// One chunk, if something keeps several chunks of a table from showing one state.
    async fn obstacle(&mut self, table: &str) -> Result<Option<Cut>> {
        if let Some(obstacle) = snapshot::obstacle(self.session, table).await? {
            return Ok(Some(Cut::whole(format!(
                "one chunk: «isolationLevel» is Snapshot, and several chunks cannot share a snapshot: {obstacle}"
            ))));
        }
        // Where the database allows no snapshots, the plan says so already.
        self.session.run(&statements::look(table)).await.map(|()| None)
    }

    async fn cut(&mut self, option: &PartitionOption) -> Result<Cut> {
        match option {
            PartitionOption::None => Ok(Cut::whole("one chunk: «partitionOption» is None")),
            PartitionOption::PhysicalPartitionsOfTable => self.by_partition().await,
            PartitionOption::DynamicRange(settings) => self.by_range(settings).await,
            PartitionOption::Unset => match self.input {
                Input::Table(table) => self.by_key(table).await,
                Input::Query(query) if query.contains(CONDITION) => Err(needs_dynamic_range()),
                Input::Query(_) => Ok(Cut::whole(format!(
                    "one chunk: a query is only cut with «partitionOption» DynamicRange and {CONDITION} in it"
                ))),
                Input::Procedure { .. } => Ok(Cut::whole("one chunk: a stored procedure cannot be cut")),
            },
        }
    }

    async fn by_partition(&mut self) -> Result<Cut> {
        let Input::Table(table) = self.input else {
            return Err(no_partitions(
                "only a table has physical partitions; name the table in the dataset and remove the query",
            ));
        };
        let rows = self.ask(statements::PARTITIONS, table).await?;
        let recipe = |row: &TextRow| {
            Ok(Recipe::Partition {
                function: row.required("function_name")?.to_owned(),
                column: row.required("column_name")?.to_owned(),
                number: row.number("partition_number").unwrap_or(1),
            })
        };
        let recipes = rows.iter().map(recipe).collect::<Result<Vec<_>>>()?;
        if recipes.is_empty() {
            return Err(no_partitions(
                "the table has no physical partitions; use DynamicRange or leave «partitionOption» out",
            )
            .with("table", table));
        }
        Ok(Cut { why: format!("by its {} physical partitions", recipes.len()), recipes })
    }

    async fn by_range(&mut self, settings: &PartitionSettings) -> Result<Cut> {
        if !self.input.has_place_for_range() {
            return Err(Error::new(
                ErrorKind::Spec,
                format!(
                    "DynamicRange needs the place of the range in the query: add «WHERE {CONDITION}» to «sqlReaderQuery»"
                ),
            ));
        }
        let key = match &settings.partition_column_name {
            Some(column) => self.named_key(column).await?,
            None => self.detected_key().await?,
        };
        if !key.has_positions() {
            return Err(no_key("DynamicRange needs a whole number or a date as «partitionColumnName»")
                .with("column", &key.column));
        }
        let given = |text: &Option<String>| text.as_ref().map(|text| key.position_of_bound(text)).transpose();
        let (low, up) = (given(&settings.partition_lower_bound)?, given(&settings.partition_upper_bound)?);
        let ranges = match (low, up) {
            (Some(low), Some(up)) => {
                Ranges::new(key.clone(), strides::documented(low, up, self.copies.unwrap_or(self.target.chunks).into()))
            }
            (low, up) => {
                let (size, bounds) = self.bounds(&key).await?;
                let (least, greatest) = bounds.unwrap_or((0, 0));
                let pieces = self.pieces(size).max(self.copies.unwrap_or(1).into());
                Ranges::new(key.clone(), strides::even(low.unwrap_or(least), up.unwrap_or(greatest), pieces))
            }
        };
        Ok(ranges.cut(format!("by ranges of [{}]", key.column)))
    }

    async fn by_key(&mut self, table: &str) -> Result<Cut> {
        let rows = match self.ask(statements::KEYS, table).await {
            Ok(rows) => rows,
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => return Ok(Cut::whole(without_catalogue(&error))),
        };
        let Some((row, key)) = rows.iter().find_map(|row| Some((row, Key::of(row).ok().flatten()?))) else {
            let keyless = match rows.is_empty() {
                true => "the table has no clustered or unique index",
                false => "no key of the table has a type that cuts exactly",
            };
            return self.by_shares(table, keyless).await;
        };
        let name = if row.number::<u8>("index_type") == Some(1) { "the clustered key" } else { "a unique key" };
        let (size, note) = self.size(table).await?;
        // The catalogue may know nothing of a table that is full: its statistics were never made, or
        // the server has none.
        let (size, ends) = match size.rows {
            0 if key.has_positions() => self.bounds(&key).await?,
            _ => (size, None),
        };
        let pieces = self.pieces(size);
        if pieces <= 1 {
            return Ok(Cut::whole(format!("one chunk: about {} rows fit in one", size.rows)));
        }
        let index = row.number::<i32>("index_id").unwrap_or(1);
        let mut why = format!("by [{}], {name}", key.column);
        let mut bounds = self.histogram(table, index, &key, size.rows.div_ceil(pieces)).await?;
        if bounds.is_empty() && key.has_positions() {
            let ends = match ends {
                Some(ends) => Some(ends),
                None => self.bounds(&key).await?.1,
            };
            let (least, greatest) = ends.unwrap_or((0, 0));
            bounds = strides::even(least, greatest, pieces).into_iter().map(|at| key.text_at(at)).collect();
            why.push_str(", between its least and its greatest value (no histogram to be seen)");
        } else if bounds.is_empty() {
            return Ok(Cut::whole(format!(
                "one chunk: [{}] has no statistics; UPDATE STATISTICS would allow more",
                key.column
            )));
        }
        why.push_str(note);
        Ok(Ranges { key, bounds }.cut(why))
    }

    /// Rows and bytes of a table as the catalogue knows them, and what to say if that is little. No
    /// rows if it does not know.
    async fn size(&mut self, table: &str) -> Result<(Size, &'static str)> {
        let (rows, note) = match self.known(statements::SIZE, table).await? {
            Some(rows) => (rows, ""),
            None => {
                let rows = self.known(statements::CATALOGUE_SIZE, table).await?;
                (rows.unwrap_or_default(), " (without VIEW DATABASE STATE)")
            }
        };
        let number = |column| rows.first().and_then(|row| row.number::<u64>(column)).unwrap_or(0);
        Ok((Size { rows: number("row_count"), bytes: number("used_pages") * PAGE }, note))
    }

    /// Bounds at the histogram's steps, so that each range has about so many rows. Empty if there is
    /// no histogram or the login may not see it.
    async fn histogram(&mut self, table: &str, index: i32, key: &Key, rows_each: u64) -> Result<Vec<String>> {
        let sql = statements::histogram(&key.declaration, &key.collate()?);
        let parameters = [(TABLE, text(table)), ("@index", SqlType::Int(Some(index)))];
        match self.session.rows(Query::new(sql, parameters)).await {
            Ok(steps) => Ok(ranges::from_histogram(key, &steps, rows_each)),
            Err(error) if error.is_transient() => Err(error),
            // No permission, or a server older than the function.
            Err(_) => Ok(Vec::new()),
        }
    }

    /// Rows of the input, and the least and the greatest position of a key.
    async fn bounds(&mut self, key: &Key) -> Result<(Size, Option<(i128, i128)>)> {
        let sql = statements::bounds(&quote_ident(&key.column)?, &self.input.as_table());
        let rows = self.session.rows(Query::new(sql, [])).await?;
        let row = rows.first();
        let end = |column| row.and_then(|row| key.position(row.text(column)?));
        let size = Size { rows: row.and_then(|row| row.number("row_count")).unwrap_or(0), bytes: 0 };
        Ok((size, end("lowest").zip(end("greatest"))))
    }

    async fn named_key(&mut self, column: &str) -> Result<Key> {
        let found = match self.input {
            Input::Table(table) => {
                let parameters = [(TABLE, text(table)), ("@column", text(column))];
                let rows = self.session.rows(Query::new(statements::COLUMN, parameters)).await?;
                let named = rows.first().map(Key::of).transpose()?.flatten();
                // What the catalogue does not tell is no reason to fail: the order only allows more.
                let keys = self.known(statements::KEYS, table).await?.unwrap_or_default();
                let first = keys.first().map(Key::of).transpose()?.flatten();
                named.map(|named| Key { leads: first.is_some_and(|it| it.leads && it.column == named.column), ..named })
            }
            _ => self.column_of_query(column).await?,
        };
        found.ok_or_else(|| {
            no_key("«partitionColumnName» names a column that is not there, or that is neither a number nor a date")
                .with("column", column.escape_debug())
        })
    }

    /// A column of the query's own result.
    async fn column_of_query(&mut self, column: &str) -> Result<Option<Key>> {
        let described = super::describe::columns(self.session, self.input).await?;
        let found = described.iter().find(|known| known.name.eq_ignore_ascii_case(column));
        Ok(found.and_then(Key::of_column))
    }

    async fn detected_key(&mut self) -> Result<Key> {
        let rows = match self.input {
            Input::Table(table) => self.ask(statements::KEYS, table).await?,
            _ => Vec::new(),
        };
        rows.iter()
            .filter_map(|row| Key::of(row).ok().flatten())
            .find(Key::has_positions)
            .ok_or_else(|| no_key("no primary key or unique index has a number or a date; name «partitionColumnName»"))
    }

    /// What the catalogue says; `None` if the login may not ask, or the server has no such view.
    async fn known(&mut self, statement: &str, table: &str) -> Result<Option<Vec<TextRow>>> {
        match self.ask(statement, table).await {
            Ok(rows) => Ok(Some(rows)),
            Err(error) if error.is_transient() => Err(error),
            Err(_) => Ok(None),
        }
    }

    async fn ask(&mut self, statement: &str, table: &str) -> Result<Vec<TextRow>> {
        self.session.rows(Query::new(statement, [(TABLE, text(table))])).await
    }

    /// How many chunks an input of this size should have.
    fn pieces(&self, size: Size) -> u64 {
        let by_rows = size.rows.div_ceil(self.target.rows.max(1));
        let by_bytes = size.bytes.div_ceil(self.target.bytes.max(1));
        let enough_for_all = u64::from(self.target.chunks).min(size.rows / FEWEST_ROWS);
        by_rows.max(by_bytes).max(enough_for_all).clamp(1, MOST_CHUNKS.min(size.rows.max(1)))
    }
}

/// Why a table is not cut whose indexes cannot be seen: if the table itself is at fault, reading it
/// will say so.
fn without_catalogue(error: &Error) -> String {
    if lacks_permission(error) {
        return "one chunk: the login may not see the table's indexes; GRANT VIEW DEFINITION".to_owned();
    }
    let number = number(error).map_or_else(String::new, |number| format!(", error {number}"));
    format!("one chunk: the server does not tell the table's indexes{number}; «partitionOption» DynamicRange names one")
}

fn needs_dynamic_range() -> Error {
    Error::new(ErrorKind::Spec, format!("the query has {CONDITION}; set «partitionOption» to DynamicRange beside it"))
}

fn no_partitions(message: &'static str) -> Error {
    Error::new(ErrorKind::Spec, message).code("SqlParallelFailedToDetectPhysicalPartitions")
}

fn no_key(message: &'static str) -> Error {
    Error::new(ErrorKind::Spec, message).code("SqlParallelFailedToDetectPartitionColumn")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_options_are_named() {
        let error = PartitionOption::of(Some("Sometimes"), None).unwrap_err();
        assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("sometimes"));
    }
}
