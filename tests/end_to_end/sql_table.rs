//! A table of SQL Server that an example fills, as its readers see it: whole chunks appear one by one.

use super::{
    csv_files::ask,
    example::Example,
    kill::Destination,
    oracle::{Row, same_rows},
    orders::Orders,
};

/// What rounds write to.
pub(crate) struct SqlTable<'a> {
    pub(crate) orders: &'a Orders,
    /// Prepares a round.
    pub(crate) make: &'a dyn Fn(&str, &mut Example),
    /// The query for the rows of a round.
    pub(crate) query: &'a dyn Fn(&str) -> String,
    /// Rows that may be seen before the end: each as often as it stands here.
    pub(crate) allowed: Vec<Row>,
}

impl Destination for SqlTable<'_> {
    fn make(&self, round: &str, example: &mut Example) {
        (self.make)(round, example);
    }

    fn rows(&self, round: &str) -> Option<Vec<Row>> {
        let rows = ask(self.orders, &(self.query)(round));
        let is_known = !ask(self.orders, "SELECT name FROM sys.schemas WHERE name = N'_cpy'").is_empty();
        let ended = format!("SELECT run_id FROM [_cpy].[run] WHERE run_id LIKE N'{round}.%' AND state = N'succeeded'");
        if is_known && !ask(self.orders, &ended).is_empty() {
            return Some(rows);
        }
        let extra = same_rows(&rows, &self.allowed).err().map_or(0, |difference| difference.extra);
        assert_eq!(extra, 0, "rows are visible that are none of the source's, or too often");
        None
    }
}
