//! Rows that a target does not take because of other rows with the same keys. Only the target can tell, and only once it
//! has all rows of a chunk: the chunk is read again, and they are recognised by their digests.

use std::collections::HashMap;

use arrow::array::RecordBatch;

use crate::{
    Result,
    digest::{Digest, RowDigester},
    skipping::{Clash, Misfit},
};

const SAME_KEY: &str = "the table has a row with this key, or the source has an earlier one";

/// The rows of one chunk that are left out for their keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Clashes {
    /// How many rows are that row, and the column that is to blame.
    rows: HashMap<Digest, (usize, usize)>,
}

impl Extend<Clash> for Clashes {
    fn extend<T: IntoIterator<Item = Clash>>(&mut self, clashes: T) {
        for Clash { row, column } in clashes {
            self.rows.entry(row).or_insert((0, column)).0 += 1;
        }
    }
}

impl Clashes {
    /// Which rows of a batch these are. Of rows that are all the same it is the first ones: nobody can tell.
    pub(super) fn among(&mut self, batch: &RecordBatch, digester: &RowDigester) -> Result<Vec<Misfit>> {
        if self.rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut misfits = Vec::new();
        for (row, hash) in digester.rows(batch)?.into_iter().enumerate() {
            if let Some((left, column)) = self.rows.get_mut(&hash)
                && *left > 0
            {
                *left -= 1;
                misfits.push(Misfit { row, column: *column, reason: SAME_KEY });
            }
        }
        Ok(misfits)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;

    use super::*;

    #[test]
    fn of_rows_that_are_the_same_as_many_are_left_out_as_clashed() {
        let batch =
            |ids: &[i64]| RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from(ids.to_vec())) as _)]).unwrap();
        let (first, second) = (batch(&[1, 2, 1, 3]), batch(&[1, 2]));
        let digester = RowDigester::new(&first.schema()).unwrap();
        let hashes = digester.rows(&first).unwrap();
        assert_eq!(hashes.iter().copied().sum::<Digest>(), digester.digest(&first).unwrap());

        let mut clashes = Clashes::default();
        clashes.extend([hashes[0], hashes[1], hashes[2]].map(|row| Clash { row, column: 0 }));
        let rows = |misfits: Vec<Misfit>| misfits.iter().map(|misfit| misfit.row).collect::<Vec<_>>();
        assert_eq!(rows(clashes.among(&first, &digester).unwrap()), [0, 1, 2]);
        assert!(clashes.among(&second, &digester).unwrap().is_empty());
    }
}
