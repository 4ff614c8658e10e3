//! Whether the columns are still those of the plan, and whether the sink can hold them.

use arrow::datatypes::{Field, SchemaRef};

use super::Job;
use crate::{Error, ErrorKind, Result, Side, mapping::MAPPED_FROM, sink::ColumnFit, source::SOURCE_TYPE};

/// Refuses columns that the sink cannot hold.
///
/// # Errors
/// [`ErrorKind::Data`] if a column loses something and nobody allowed it.
pub(super) fn held(job: &Job, schema: &SchemaRef, fits: &[ColumnFit]) -> Result<()> {
    if job.settings.lossy {
        return Ok(());
    }
    let losses: Vec<_> = schema
        .fields()
        .iter()
        .zip(fits)
        .filter_map(|(field, fit)| Some(format!("{}: {}", field.name().escape_debug(), fit.loss.as_ref()?)))
        .collect();
    if losses.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Data,
        format!(
            "the sink cannot hold every value of {}; cast these columns in the query, or accept the loss with --lossy allow",
            losses.join("; ")
        ),
    )
    .on(Side::Sink))
}

/// Refuses to go on with other columns than those of the plan.
///
/// # Errors
/// [`ErrorKind::Data`] that names the first column that differs.
pub(super) fn unchanged(planned: &SchemaRef, now: &SchemaRef) -> Result<()> {
    let same = |a: &Field, b: &Field| {
        [SOURCE_TYPE, MAPPED_FROM].iter().all(|key| a.metadata().get(*key) == b.metadata().get(*key))
    };
    match first_difference(planned, now, same) {
        None => Ok(()),
        Some(difference) => Err(Error::new(
            ErrorKind::Data,
            format!("the columns of the source changed since this run was planned: {difference}; start a new run"),
        )
        .on(Side::Source)),
    }
}

/// Refuses a batch that does not have the columns that the source announced.
///
/// # Errors
/// [`ErrorKind::Data`] that names the first column that differs.
pub(crate) fn announced(schema: &SchemaRef, batch: &SchemaRef) -> Result<()> {
    if std::sync::Arc::ptr_eq(schema, batch) {
        return Ok(());
    }
    match first_difference(schema, batch, |_, _| true) {
        None => Ok(()),
        Some(difference) => Err(Error::new(
            ErrorKind::Data,
            format!("the columns of the source changed while it was read: {difference}; start a new run"),
        )
        .on(Side::Source)),
    }
}

fn first_difference(old: &SchemaRef, new: &SchemaRef, also: impl Fn(&Field, &Field) -> bool) -> Option<String> {
    let describe = |field: &Field| {
        let null = if field.is_nullable() { "" } else { " not null" };
        let source = field.metadata().get(SOURCE_TYPE).map(|name| format!(" from {name}")).unwrap_or_default();
        let mapped = field.metadata().get(MAPPED_FROM);
        let mapped = mapped.map(|from| format!(", mapped from {}", from.escape_debug())).unwrap_or_default();
        format!("'{}' {}{null}{source}{mapped}", field.name().escape_debug(), field.data_type())
    };
    let same = |a: &Field, b: &Field| {
        a.name() == b.name() && a.data_type() == b.data_type() && a.is_nullable() == b.is_nullable() && also(a, b)
    };
    (0..old.fields().len().max(new.fields().len())).find_map(|i| match (old.fields().get(i), new.fields().get(i)) {
        (Some(a), Some(b)) if same(a, b) => None,
        (Some(a), Some(b)) => Some(format!("column {} is now {}", describe(a), describe(b))),
        (Some(a), None) => Some(format!("column {} is gone", describe(a))),
        (None, Some(b)) => Some(format!("column {} is new", describe(b))),
        (None, None) => None,
    })
}
