//! A mapping as it is applied to every batch: columns are chosen, added and converted, blind to what they are.

use std::{num::NonZeroU32, sync::Arc};

use arrow::{
    array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray, new_null_array},
    datatypes::{DataType, SchemaRef},
    util::display::{ArrayFormatter, FormatOptions},
};

use super::convert::Conversion;
use crate::{
    Error, ErrorKind, Result,
    chunk::BatchLimit,
    run::columns,
    skipping::{
        Portion,
        misfits::{self, Misfit},
    },
};

/// Which columns a batch of the source becomes.
pub(super) struct Plan {
    /// The columns of the source.
    pub(super) source: SchemaRef,
    /// The mapped columns.
    pub(super) schema: SchemaRef,
    /// How each of them is made.
    pub(super) steps: Vec<Step>,
}

/// How a mapped column is made.
pub(super) struct Step {
    pub(super) from: From,
    pub(super) conversion: Option<Conversion>,
}

/// Where its values come from.
#[derive(Clone, Debug)]
pub(super) enum From {
    /// A column of the source.
    Column(usize),
    /// The same text in every row, or null.
    Text(Option<String>),
    /// The path of the file.
    File,
}

/// Bytes of the path of a file, about.
const PATH: u64 = 256;

/// Mapped columns, and values of the source that have no place in them.
struct Mapped {
    columns: Vec<ArrayRef>,
    misfits: Vec<Misfit>,
}

impl Plan {
    /// The mapped rows.
    ///
    /// # Errors
    /// The first value that has no place in its new type; the columns of the source are others than were announced.
    pub(super) fn rows(&self, rows: &RecordBatch, file: Option<&str>) -> Result<RecordBatch> {
        let Mapped { columns, misfits } = self.mapped(rows, file)?;
        match misfits.first() {
            Some(misfit) => Err(self.refused(misfit)),
            None => self.batch(columns, rows.num_rows()),
        }
    }

    /// The same, with rows that have such values left out.
    pub(super) fn portion(&self, portion: Portion, file: Option<&str>) -> Result<Portion> {
        let Portion { read, rows, mut skipped, left_out } = portion;
        let Mapped { columns, misfits } = self.mapped(&rows, file)?;
        let fields = self.source.fields().iter();
        let of_source: Vec<_> =
            fields.zip(rows.columns()).map(|(field, values)| (field.name().as_str(), Arc::clone(values))).collect();
        let (columns, more) = misfits::part(columns, &of_source, misfits)?;
        let left = rows.num_rows() - more.len();
        skipped.extend(more);
        Ok(Portion { read, rows: self.batch(columns, left)?, skipped, left_out })
    }

    /// What the source may read at once, so that mapped batches keep the limit.
    pub(super) fn limit(&self, limit: BatchLimit) -> BatchLimit {
        let (added, copies) = (self.added(), self.copies());
        if added == 0 && copies <= 1 {
            return limit;
        }
        // One half for what the source reads, one for what comes to it.
        let bytes = if added == 0 { limit.bytes } else { limit.bytes / 2 };
        let rows = bytes.checked_div(added).unwrap_or(u64::MAX).clamp(1, limit.rows.get().into());
        let rows = u32::try_from(rows).ok().and_then(NonZeroU32::new).unwrap_or(limit.rows);
        BatchLimit { rows, bytes: (bytes / copies).max(1) }
    }

    /// Bytes beside the batch of the source while it is mapped, and the texts of rows that are left out.
    pub(super) fn working_set(&self, limit: BatchLimit) -> u64 {
        if self.is_plain() { 0 } else { limit.bytes.saturating_mul(2) }
    }

    /// True if columns are merely chosen and renamed.
    pub(super) fn is_plain(&self) -> bool {
        self.steps.iter().all(|step| step.conversion.is_none() && matches!(step.from, From::Column(_)))
    }

    /// Whether a column holds the path of the file that its row comes from.
    pub(super) fn names_files(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.from, From::File))
    }

    /// Whether a value may have no place in its new type.
    pub(super) fn converts(&self) -> bool {
        self.steps.iter().any(|step| step.conversion.is_some())
    }

    /// Bytes that come to a row.
    fn added(&self) -> u64 {
        let of_step = |step: &Step| {
            let made = match &step.from {
                From::Column(_) => 0,
                From::Text(text) => text.as_ref().map_or(0, String::len) as u64 + 4,
                From::File => PATH,
            };
            made + step.conversion.as_ref().map_or(0, Conversion::width)
        };
        self.steps.iter().map(of_step).sum()
    }

    /// How often the column of the source that is most wanted is there in the end. Conversions of texts and bytes count
    /// twice: base64 and escapes are longer than what they stand for.
    fn copies(&self) -> u64 {
        let mut copies = vec![0; self.source.fields().len()];
        for step in &self.steps {
            if let From::Column(at) = step.from {
                copies[at] += if step.conversion.is_some() { 2 } else { 1 };
            }
        }
        copies.into_iter().max().unwrap_or(0).max(1)
    }

    fn mapped(&self, rows: &RecordBatch, file: Option<&str>) -> Result<Mapped> {
        columns::announced(&self.source, rows.schema_ref())?;
        let mut mapped = Mapped { columns: Vec::with_capacity(self.steps.len()), misfits: Vec::new() };
        for (position, step) in self.steps.iter().enumerate() {
            let values = step.values(rows, file)?;
            let Some(conversion) = &step.conversion else {
                mapped.columns.push(values);
                continue;
            };
            let converted = conversion.apply(&values)?;
            mapped.columns.push(converted.array);
            for row in converted.misfits {
                let misfit = step.misfit(&values, row).map_err(|error| error.with("column", self.name(position)))?;
                mapped.misfits.push(Misfit { reason: conversion.reason(), ..misfit });
            }
        }
        Ok(mapped)
    }

    fn batch(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).map_err(|error| {
            Error::new(ErrorKind::Bug, "mapped columns do not fit together; please report it").caused_by(error)
        })
    }

    fn name(&self, position: usize) -> String {
        self.schema.field(position).name().escape_debug().to_string()
    }

    fn refused(&self, misfit: &Misfit) -> Error {
        Error::new(
            ErrorKind::Data,
            "a value of the source has no place in the type that the mapping wants; correct it, change the type or its \
             format, or set enableSkipIncompatibleRow to leave such rows out",
        )
        .with("column", self.source.field(misfit.column).name().escape_debug())
        .with("problem", misfit.reason)
        .code("UserErrorInvalidDataValue")
    }
}

impl Step {
    fn values(&self, rows: &RecordBatch, file: Option<&str>) -> Result<ArrayRef> {
        let text = match &self.from {
            From::Column(at) => return Ok(Arc::clone(rows.column(*at))),
            From::Text(None) => return Ok(new_null_array(&DataType::Utf8, rows.num_rows())),
            From::Text(Some(text)) => text.as_str(),
            From::File => file.ok_or_else(|| {
                Error::new(
                    ErrorKind::Spec,
                    "$$FILEPATH is for sources of files, and this source does not tell which file a row comes from; \
                     remove it from additionalColumns",
                )
            })?,
        };
        Ok(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, rows.num_rows()))))
    }

    fn misfit(&self, values: &ArrayRef, row: usize) -> Result<Misfit> {
        let From::Column(column) = self.from else {
            return Err(Error::new(
                ErrorKind::Spec,
                "the value of an additional column has no place in the type of its column in the sink; correct it in \
                 additionalColumns",
            ));
        };
        let options = FormatOptions::default().with_display_error(true);
        let text = ArrayFormatter::try_new(values.as_ref(), &options).map(|texts| texts.value(row).to_string());
        Ok(Misfit { row, column, reason: "", text: text.unwrap_or_default() })
    }
}
