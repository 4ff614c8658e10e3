//! Columns of text, each as wide as its widest cell.

use std::fmt::Display;

use crate::terminal::Safe;

/// Longer cells end in an ellipsis.
const WIDEST: usize = 60;

/// Rows of cells below their headings.
pub(crate) struct Table(Vec<Vec<String>>);

impl Table {
    /// A table with these headings and no row.
    pub(crate) fn new<'a>(headings: impl IntoIterator<Item = &'a str>) -> Self {
        Self(vec![headings.into_iter().map(cell).collect()])
    }

    /// Adds a row; control characters in it are escaped.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl Display>) {
        self.0.push(cells.into_iter().map(cell).collect());
    }

    /// The table as lines that begin with `indent`.
    pub(crate) fn print(&self, indent: &str) -> String {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let width =
            |column: usize| self.0.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        let line = |row: &Vec<String>| {
            let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            format!("{indent}{}", padded.collect::<Vec<_>>().join("  ")).trim_end().to_owned() + "\n"
        };
        self.0.iter().map(line).collect()
    }
}

fn cell(value: impl Display) -> String {
    let text = Safe(value).to_string();
    match text.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_line_up_and_stay_on_their_line() {
        let mut table = Table::new(["name", "type"]);
        table.row(["id", "bigint"]);
        table.row(["a\nb", &"x".repeat(61)]);
        let long = "x".repeat(60);
        assert_eq!(table.print(" "), format!(" name  type\n id    bigint\n a\\nb  {long}…\n"));
    }
}
