//! Rows that the sink cannot hold. They are left out before anything is digested, so that from there on they are like
//! those that the source left out.

use arrow::{
    array::{Array as _, BooleanArray, RecordBatch},
    compute::filter_record_batch,
    error::ArrowError,
    util::display::array_value_to_string,
};

use crate::{
    Error, ErrorKind, Result,
    sink::SinkRun,
    skipping::{Misfit, SkippedRow},
};

/// Rows that are left out of a batch. They become texts one by one, so that they take no memory at once.
pub(super) struct Unfit {
    batch: RecordBatch,
    /// One for every row.
    misfits: Vec<Misfit>,
}

/// Parts the rows that the sink can hold from those that it cannot, and those that are `others`.
pub(super) fn part(
    target: &dyn SinkRun,
    batch: RecordBatch,
    others: impl FnOnce(&RecordBatch) -> Result<Vec<Misfit>>,
) -> Result<(RecordBatch, Unfit)> {
    let mut misfits = target.misfits(&batch)?;
    misfits.extend(others(&batch)?);
    if misfits.is_empty() {
        return Ok((batch.clone(), Unfit { batch, misfits }));
    }
    misfits.sort_by_key(|misfit| (misfit.row, misfit.column));
    misfits.dedup_by_key(|misfit| misfit.row);
    let mut fits = vec![true; batch.num_rows()];
    for misfit in &misfits {
        *fits.get_mut(misfit.row).ok_or_else(no_such_row)? = false;
    }
    let rows = filter_record_batch(&batch, &BooleanArray::from(fits)).map_err(odd)?;
    Ok((rows, Unfit { batch, misfits }))
}

impl Unfit {
    pub(super) fn len(&self) -> usize {
        self.misfits.len()
    }

    pub(super) fn into_rows(self) -> impl Iterator<Item = Result<SkippedRow>> {
        let Self { batch, misfits } = self;
        misfits.into_iter().map(move |misfit| row(&batch, misfit))
    }
}

fn row(batch: &RecordBatch, Misfit { row, column, reason }: Misfit) -> Result<SkippedRow> {
    let texts = batch.columns().iter();
    let texts = texts.map(|values| values.is_valid(row).then(|| array_value_to_string(values, row)).transpose());
    let cells = texts.collect::<Result<Vec<_>, _>>().map_err(odd)?;
    let value = cells.get(column).ok_or_else(no_such_row)?.clone();
    let schema = batch.schema_ref();
    Ok(SkippedRow::invalid(cells, schema.field(column).name(), value.as_deref().unwrap_or("NULL"), reason))
}

fn no_such_row() -> Error {
    Error::new(ErrorKind::Bug, "the sink refuses a value that it was not asked for; please report it")
}

fn odd(error: ArrowError) -> Error {
    Error::new(ErrorKind::Bug, "a row that the sink cannot hold cannot be left out; please report it").caused_by(error)
}
