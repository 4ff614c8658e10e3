//! Decoded columns as those of the file: every value exactly, or an error that names the column.

use std::{io::BufReader, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    datatypes::{DataType, Date32Type, Decimal128Type, Field, SchemaRef},
};
use orc_rust::compression::Decompressor;
use ropeway_engine::Result;

use super::{
    damaged,
    integers::Integers,
    moments::{GREGORIAN_DAY, Moments, julian},
};

/// What becomes of the columns of a stripe.
pub(super) struct Values {
    pub(super) columns: SchemaRef,
    /// Of each column whose values have two parts.
    pub(super) seconds: Vec<Option<Second>>,
    /// True if the days of earlier centuries are counted by another calendar than everybody else's.
    pub(super) is_julian: bool,
}

/// The second parts of a column's values, and what is done with them.
pub(super) enum Second {
    Moments(Moments),
    /// How many digits behind the point each decimal is written with. `orc-rust` makes it as many as the column has, and
    /// drops those that are too many without a word.
    Scales(Integers<BufReader<Decompressor>>),
}

impl Values {
    /// The batch with the columns of the file.
    ///
    /// # Errors
    /// A value that its column has no place for.
    pub(super) fn finished(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let oldest = self.is_julian.then_some(GREGORIAN_DAY);
        let columns = self.columns.fields().iter().zip(batch.columns()).zip(&mut self.seconds);
        let columns = columns.map(|((field, values), second)| {
            column(field, values, second.as_mut(), oldest)
                .map_err(|error| error.with("column", field.name().escape_debug()))
        });
        RecordBatch::try_new(Arc::clone(&self.columns), columns.collect::<Result<_>>()?)
            .map_err(|error| damaged("its columns changed").caused_by(error))
    }
}

fn column(field: &Field, values: &ArrayRef, second: Option<&mut Second>, oldest: Option<i32>) -> Result<ArrayRef> {
    match (field.data_type(), second) {
        (DataType::Timestamp(_, zone), Some(Second::Moments(moments))) => {
            Ok(Arc::new(moments.of(values, oldest)?.with_timezone_opt(zone.clone())))
        }
        (DataType::Date32, _) => {
            let mut days = values.as_primitive::<Date32Type>().iter().flatten();
            let is_old = oldest.is_some_and(|oldest| days.any(|day| day < oldest));
            if is_old { Err(julian()) } else { Ok(Arc::clone(values)) }
        }
        (DataType::Decimal128(precision, scale), Some(Second::Scales(scales))) => {
            for _ in values.null_count()..values.len() {
                let written = scales.next().map_err(|error| damaged("a decimal cannot be decoded").caused_by(error))?;
                if written as i64 > i64::from(*scale) {
                    return Err(damaged("a decimal has more digits behind the point than its column"));
                }
            }
            let sound = values.as_primitive::<Decimal128Type>().validate_decimal_precision(*precision);
            sound.map_err(|error| damaged("a decimal has more digits than its column").caused_by(error))?;
            Ok(Arc::clone(values))
        }
        _ => Ok(Arc::clone(values)),
    }
}
