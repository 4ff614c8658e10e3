//! Rows as JSON, in the shapes that expressions of Data Factory meet.

use arrow::{
    array::{Array as _, ArrayRef, AsArray as _, RecordBatch, make_array},
    datatypes::{DataType, Schema},
    error::ArrowError,
    util::display::{ArrayFormatter, FormatOptions},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use ropeway_engine::{
    Error, ErrorKind, Result,
    text::json::{decimal, moment, number},
};
use serde_json::{Map, Value};

/// The rows of a batch, one object each.
pub(super) fn of(schema: &Schema, batch: &RecordBatch) -> Result<Vec<Value>> {
    let mut rows = vec![Map::new(); batch.num_rows()];
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        let values = column_values(column).map_err(|error| {
            Error::new(ErrorKind::Data, "a column has a type that a Lookup cannot show; cast it to text")
                .with("column", field.name())
                .with("type", field.data_type())
                .caused_by(error)
        })?;
        for (row, value) in rows.iter_mut().zip(values) {
            row.insert(field.name().clone(), value);
        }
    }
    Ok(rows.into_iter().map(Value::Object).collect())
}

/// How a column becomes JSON.
#[derive(Clone, Copy)]
enum Form {
    /// As numbers.
    Number,
    /// As numbers where those of JSON hold all digits, else as texts.
    Decimal,
    /// As true and false.
    Boolean,
    /// As dates and times of .NET, in UTC.
    Moment,
    /// As their text.
    Text,
    /// As Base64, as .NET writes bytes.
    Bytes,
}

fn form(data_type: &DataType) -> Form {
    match data_type {
        DataType::Boolean => Form::Boolean,
        DataType::Decimal128(..) | DataType::Decimal256(..) => Form::Decimal,
        DataType::Dictionary(_, values) => form(values),
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Form::Moment,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => Form::Bytes,
        it if it.is_numeric() => Form::Number,
        _ => Form::Text,
    }
}

fn column_values(column: &ArrayRef) -> Result<Vec<Value>, ArrowError> {
    let form = form(column.data_type());
    let column = &plain(column)?;
    let options = FormatOptions::default()
        .with_timestamp_format(Some("%Y-%m-%dT%H:%M:%S%.9f"))
        .with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.9f"))
        .with_datetime_format(Some("%Y-%m-%dT%H:%M:%S%.9f"))
        .with_date_format(Some("%Y-%m-%dT00:00:00"));
    let shown = ArrayFormatter::try_new(column, &options)?;
    let value = |row: usize| {
        if column.is_null(row) {
            return Ok(Value::Null);
        }
        let text = || shown.value(row).try_to_string();
        Ok(match form {
            Form::Boolean => column.as_boolean().value(row).into(),
            Form::Number => number(&text()?),
            Form::Decimal => decimal(&text()?),
            Form::Moment => moment(&text()?),
            Form::Text => text()?.into(),
            Form::Bytes => BASE64_STANDARD.encode(bytes_of(column, row)?).into(),
        })
    };
    (0..column.len()).map(value).collect()
}

/// Without dictionaries, and without names of zones, which the formatter does not know.
fn plain(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match column.data_type() {
        DataType::Dictionary(_, values) => arrow::compute::cast(column, values),
        DataType::Timestamp(unit, Some(_)) => {
            let utc = DataType::Timestamp(*unit, Some("+00:00".into()));
            column.to_data().into_builder().data_type(utc).build().map(make_array)
        }
        _ => Ok(ArrayRef::clone(column)),
    }
}

fn bytes_of(column: &ArrayRef, row: usize) -> Result<&[u8], ArrowError> {
    Ok(match column.data_type() {
        DataType::Binary => column.as_binary::<i32>().value(row),
        DataType::LargeBinary => column.as_binary::<i64>().value(row),
        DataType::BinaryView => column.as_binary_view().value(row),
        DataType::FixedSizeBinary(_) => column.as_fixed_size_binary().value(row),
        other => return Err(ArrowError::CastError(format!("{other} has no bytes"))),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{
            BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray,
            TimestampNanosecondArray,
        },
        datatypes::Field,
    };
    use serde_json::json;

    use super::*;

    #[test]
    fn values_have_data_factorys_shapes() {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("n", Arc::new(Int64Array::from(vec![Some(i64::MAX), None]))),
            ("f", Arc::new(Float64Array::from(vec![1.5, f64::NAN]))),
            ("b", Arc::new(BooleanArray::from(vec![true, false]))),
            ("t", Arc::new(StringArray::from(vec!["a", "b"]))),
            ("d", Arc::new(Date32Array::from(vec![0, 1]))),
            ("m", Arc::new(TimestampNanosecondArray::from(vec![1_500_000_000, 123_456_700]).with_timezone("UTC"))),
            ("x", Arc::new(BinaryArray::from(vec![&b"hello"[..], b""]))),
            (
                "c",
                Arc::new(
                    Decimal128Array::from(vec![1250, 1_234_567_890_123_456_789])
                        .with_precision_and_scale(19, 2)
                        .unwrap(),
                ),
            ),
        ];
        let fields: Vec<_> = columns.iter().map(|(name, it)| Field::new(*name, it.data_type().clone(), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(schema.clone(), columns.into_iter().map(|(_, it)| it).collect()).unwrap();
        assert_eq!(
            of(&schema, &batch).unwrap(),
            [
                json!({"n": i64::MAX, "f": 1.5, "b": true, "t": "a", "d": "1970-01-01T00:00:00Z",
                    "m": "1970-01-01T00:00:01.5Z", "x": "aGVsbG8=", "c": 12.5}),
                json!({"n": null, "f": "NaN", "b": false, "t": "b", "d": "1970-01-02T00:00:00Z",
                    "m": "1970-01-01T00:00:00.1234567Z", "x": "", "c": "12345678901234567.89"}),
            ]
        );
    }
}
