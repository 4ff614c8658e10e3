//! Shares of a table that no key cuts: a checksum of its columns says which share a row is in.

use ropeway_engine::Result;

use super::{Cut, Planner, Recipe};
use crate::sql_server::{errors::number, statements, wire::Query};

/// Shares of a table if the definition does not say how many copies run side by side. Each share scans the whole table, so
/// every one more has the server read it once more.
const SHARES: u32 = 4;

impl Planner<'_> {
    /// Shares of the table if all of them show one state, else one chunk. `keyless` says why no key cuts it.
    pub(super) async fn by_shares(&mut self, table: &str, keyless: &str) -> Result<Cut> {
        let whole = |why: &str| Ok(Cut::whole(format!("one chunk: {keyless}{why}")));
        // A row that is updated between two scans changes its share: without one state it is read twice or never. Of a
        // table with a key that only happens to rows whose key changes.
        if !self.one_state {
            return whole(
                "; «isolationLevel» Snapshot would allow shares of a table, «partitionOption» DynamicRange would cut it by a column",
            );
        }
        if let Some(cut) = self.obstacle(table).await? {
            return Ok(cut);
        }
        let (size, note) = self.size(table).await?;
        let pieces = u32::try_from(self.pieces(size)).unwrap_or(u32::MAX);
        let of = self.copies.unwrap_or(SHARES).min(pieces);
        if pieces <= 1 {
            return whole(&format!(", and about {} rows fit in one", size.rows));
        }
        if of <= 1 {
            return whole(", and «parallelCopies» wants no shares of it");
        }
        let Some(rows) = self.known(statements::CHECKED, table).await? else {
            return whole(", and the server does not tell its columns");
        };
        let columns = rows.iter().map(|row| Ok(row.required("column_name")?.to_owned()));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        if columns.is_empty() {
            return whole(", and no column that a checksum could be made of");
        }
        let share = |number| Recipe::Share { columns: columns.clone(), number, of };
        let (condition, parameters) = share(0).condition()?;
        let probe = Query { sql: statements::probe(table, &condition), parameters };
        match self.session.rows(probe).await {
            Ok(_) => Ok(Cut {
                recipes: (0..of).map(share).collect(),
                why: format!("in {of} shares by a checksum of its columns: {keyless}{note}"),
            }),
            Err(error) if error.is_transient() => Err(error),
            Err(error) => {
                let number = number(&error).map_or_else(String::new, |number| format!(", error {number}"));
                whole(&format!(", and the server makes no checksum of its columns{number}"))
            }
        }
    }
}
