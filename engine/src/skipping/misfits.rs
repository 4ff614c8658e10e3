//! Values that do not fit their column, and the rows that are left out for them.

use super::SkippedRow;
use crate::{Error, ErrorKind, Result};
use arrow::{
    array::{ArrayRef, BooleanArray},
    compute::filter,
    util::display::{ArrayFormatter, FormatOptions},
};

/// A value that does not fit. In its place stands a null.
#[derive(Debug)]
pub struct Misfit {
    /// Its row in the batch.
    pub row: usize,
    /// Its column in the source.
    pub column: usize,
    /// What is wrong with it, and what to do.
    pub reason: &'static str,
    /// The value.
    pub text: String,
}

impl Misfit {
    /// Memory that its row of so many columns takes as texts in the end, beside the bytes of its values.
    pub fn bytes(&self, columns: usize) -> usize {
        let message = self.text.len() + self.reason.len() + 100;
        size_of::<SkippedRow>() + columns * 2 * size_of::<Option<String>>() + 2 * self.text.len() + message
    }
}

/// Parts the rows with misfits from those that fit. `columns` are those of the source, each with its name and
/// its array; `all` are the arrays of the batch.
pub fn part(
    all: Vec<ArrayRef>,
    columns: &[(&str, ArrayRef)],
    mut misfits: Vec<Misfit>,
) -> Result<(Vec<ArrayRef>, Vec<SkippedRow>)> {
    if misfits.is_empty() {
        return Ok((all, Vec::new()));
    }
    misfits.sort_by_key(|misfit| (misfit.row, misfit.column));
    let options = FormatOptions::default().with_display_error(true);
    let texts = columns.iter().map(|(_, values)| ArrayFormatter::try_new(values.as_ref(), &options));
    let texts = texts.collect::<Result<Vec<_>, _>>().map_err(odd)?;
    let skipped = misfits.chunk_by(|a, b| a.row == b.row).map(|misfits| {
        let row = misfits[0].row;
        let mut cells: Vec<_> = columns
            .iter()
            .zip(&texts)
            .map(|((_, values), text)| values.is_valid(row).then(|| text.value(row).to_string()))
            .collect();
        for misfit in misfits {
            cells[misfit.column] = Some(misfit.text.clone());
        }
        let Misfit { column, reason, text, .. } = &misfits[0];
        SkippedRow::invalid(cells, columns[*column].0, text, reason)
    });
    let skipped = skipped.collect();
    let rows = all.first().map_or(0, |array| array.len());
    let mut fits = vec![true; rows];
    misfits.iter().for_each(|misfit| fits[misfit.row] = false);
    let fits = BooleanArray::from(fits);
    let all = all.iter().map(|array| filter(array.as_ref(), &fits).map_err(odd)).collect::<Result<_>>()?;
    Ok((all, skipped))
}

fn odd(error: arrow::error::ArrowError) -> Error {
    Error::new(ErrorKind::Bug, "a row that does not fit cannot be left out; please report it").caused_by(error)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{AsArray, Int32Array, StringArray};
    use arrow::datatypes::Int32Type;

    use super::*;

    #[test]
    fn a_row_is_left_out_once_with_all_its_values() {
        let ids: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(3), None]));
        let names: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, None, Some("d")]));
        let misfit = |row, column, text: &str| Misfit { row, column, reason: "no such number", text: text.into() };
        let columns = [("id", ids.clone()), ("name", names.clone())];
        let misfits = vec![misfit(3, 0, "x"), misfit(1, 1, "\u{fffd}"), misfit(1, 0, "y")];
        let (all, skipped) = part(vec![ids, names], &columns, misfits).unwrap();
        assert_eq!(all[0].as_primitive::<Int32Type>().values(), &[1, 3]);
        assert_eq!((all[0].null_count(), all[1].len()), (0, 2));
        let cells: Vec<_> = skipped.iter().map(|row| row.cells.clone()).collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(cells, [vec![text("y"), text("\u{fffd}")], vec![text("x"), text("d")]]);
        assert_eq!(skipped[0].message, "Column 'id' contains an invalid value 'y': no such number.");
    }
}
