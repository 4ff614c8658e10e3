//! Values that a table cannot hold, found before they are sent.

use arrow::array::{Array as _, ArrayRef};
use ropeway_engine::skipping::Misfit;

/// Which rows tables leave out, in words.
pub(crate) const OF_A_TABLE: &str = "rows with a value that its column of the table cannot hold";

/// The same of tables that can be asked which keys are taken.
pub(crate) const OF_A_TABLE_WITH_KEYS: &str =
    "rows with a value that its column of the table cannot hold, or with a key that another row has";

/// The values of a column, the one of this number in its batch, that `check` refuses: what is refused as a whole is
/// halved until single rows are left.
///
/// # Errors
/// The reason why not even a column without a row passes.
pub(crate) fn refused(
    (number, column): (usize, &ArrayRef),
    check: &dyn Fn(&ArrayRef) -> Result<(), &'static str>,
) -> Result<Vec<Misfit>, &'static str> {
    let mut found = Vec::new();
    let mut parts = vec![(0, column.len())];
    if let Err(reason) = check(column) {
        check(&column.slice(0, 0)).map_err(|_| reason)?;
        while let Some((row, rows)) = parts.pop() {
            match check(&column.slice(row, rows)) {
                Ok(()) => {}
                Err(reason) if rows == 1 => found.push(Misfit { row, column: number, reason }),
                Err(_) => parts.extend([(row + rows / 2, rows - rows / 2), (row, rows / 2)]),
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{AsArray as _, Int32Array},
        datatypes::Int32Type,
    };

    use super::*;

    #[test]
    fn values_that_are_refused_are_found_one_by_one() {
        let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(0..1_000));
        let small = |column: &ArrayRef| {
            let values = column.as_primitive::<Int32Type>().values();
            if values.iter().any(|value| value % 137 == 5) { Err("too odd") } else { Ok(()) }
        };
        let rows: Vec<_> = refused((3, &numbers), &small).unwrap().iter().map(|unfit| unfit.row).collect();
        assert_eq!(rows, (0..1_000).filter(|row| row % 137 == 5).collect::<Vec<_>>());
        assert_eq!(refused((0, &numbers.slice(6, 100)), &small).unwrap(), []);
        assert_eq!(refused((0, &numbers), &|_| Err("no such type")).unwrap_err(), "no such type");
    }
}
