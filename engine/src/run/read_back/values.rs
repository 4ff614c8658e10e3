//! The values of a table as the columns of a run had them: every one exactly, or an error.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, make_array},
    compute::can_cast_types,
    datatypes::{DataType, Field, Schema, SchemaRef},
};

use crate::{Error, ErrorKind, Result, digest::value_type, exact::exactly, source::SOURCE_TYPE};

/// Which column of the table gives the values of each column of the run.
#[derive(Clone, Debug)]
pub(super) struct Values {
    positions: Vec<usize>,
    run: SchemaRef,
}

impl Values {
    /// Columns go by name: the same one, or else the only one that differs in case alone.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for a column of the run that the table lacks, or one whose values come back as others.
    pub(super) fn of(run: &SchemaRef, table: &SchemaRef) -> Result<Self> {
        let (mut positions, mut fields) = (Vec::new(), Vec::new());
        for field in run.fields() {
            let position = position(field.name(), table)
                .ok_or_else(|| refused("the table does not give this column back", field, None))?;
            let given = table.field(position);
            let plain =
                value_type(field.data_type()).filter(|plain| gives_back((field, plain), given)).ok_or_else(|| {
                    refused("the table gives the values of a column back in another form", field, Some(given))
                })?;
            positions.push(position);
            fields.push(Field::new(field.name(), plain, true));
        }
        Ok(Self { positions, run: Arc::new(Schema::new(fields)) })
    }

    /// A batch of the table with the columns of the run.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] for a value that the run's column does not have.
    pub(super) fn of_the_run(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = self.positions.iter().zip(self.run.fields()).map(|(&position, field)| {
            in_type(batch.column(position), field.data_type()).map_err(|error| foreign(field.name(), error))
        });
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.run), columns.collect::<Result<_>>()?, &options)
            .map_err(|error| Error::new(ErrorKind::Bug, "rows that were read back make no batch").caused_by(error))
    }
}

fn position(name: &str, table: &SchemaRef) -> Option<usize> {
    if let Some((position, _)) = table.column_with_name(name) {
        return Some(position);
    }
    let lower = name.to_lowercase();
    let mut alike = table.fields().iter().enumerate().filter(|(_, field)| field.name().to_lowercase() == lower);
    match (alike.next(), alike.next()) {
        (Some((position, _)), None) => Some(position),
        _ => None,
    }
}

fn refused(why: &'static str, field: &Field, given: Option<&Field>) -> Error {
    let refused = Error::new(
        ErrorKind::Spec,
        format!(
            "{why}, so that it cannot be compared; give the source's column the type of the table's (CAST, or the \
             mapping's type conversion), or remove validateDataConsistency: rows and digests are compared anyway as they \
             are written"
        ),
    )
    .with("column", field.name().escape_debug())
    .with("from", shown(field));
    match given {
        Some(given) => refused.with("in the table", shown(given)),
        None => refused,
    }
}

fn shown(field: &Field) -> String {
    match declaration(field) {
        "" => field.data_type().to_string(),
        declaration => declaration.escape_debug().to_string(),
    }
}

fn foreign(column: &str, error: Error) -> Error {
    Error::new(ErrorKind::Data, "the table has a value that no row of the source can have")
        .with("column", column.escape_debug())
        .caused_by(error)
}

/// Whether every value that the column of a run had comes back from the table's as the same one.
fn gives_back((run, plain): (&Field, &DataType), table: &Field) -> bool {
    let Some(given) = value_type(table.data_type()) else { return false };
    match (plain, &given) {
        (DataType::Utf8, DataType::Utf8) => keeps_texts(run, table),
        (DataType::Binary, DataType::Binary) => keeps_bytes(run, table),
        (plain, given) if is_number(plain) && is_number(given) => is_possible(plain, given),
        (plain, given) if plain.is_floating() && given.is_floating() => is_possible(plain, given),
        (plain, given) if is_moment(plain) && is_moment(given) => is_possible(plain, given),
        (DataType::Time32(_) | DataType::Time64(_), DataType::Time32(_) | DataType::Time64(_)) => {
            is_possible(plain, &given)
        }
        _ => false,
    }
}

fn is_number(plain: &DataType) -> bool {
    plain.is_integer() || plain.is_decimal() || *plain == DataType::Boolean
}

fn is_moment(plain: &DataType) -> bool {
    matches!(plain, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
}

fn is_possible(plain: &DataType, given: &DataType) -> bool {
    can_cast_types(plain, given) && can_cast_types(given, plain)
}

/// The type as source or table declares it, `char(10)`, or nothing.
fn declaration(field: &Field) -> &str {
    field.metadata().get(SOURCE_TYPE).map_or("", String::as_str)
}

/// `char` and 10 of `char(10)`.
fn parts(field: &Field) -> (String, String) {
    let declaration = declaration(field).to_ascii_lowercase();
    let (base, length) = declaration.split_once('(').unwrap_or((&declaration, ""));
    let base = match base.trim() {
        "uuid" => "uniqueidentifier",
        base => base,
    };
    (base.to_owned(), length.trim_end_matches(')').trim().to_owned())
}

/// A column of fixed length pads, and one of another kind (`xml`, `uniqueidentifier`, `jsonb`) has a form of its own: what
/// comes from a column like it has that form already.
fn keeps_texts(run: &Field, table: &Field) -> bool {
    let ((base, length), (from, from_length)) = (parts(table), parts(run));
    let is_fixed = |base: &str| matches!(base, "char" | "nchar" | "bpchar" | "character");
    if is_fixed(&base) {
        return is_fixed(&from) && from_length == length;
    }
    let is_free = ["varchar", "text", "varying", "sysname"].iter().any(|free| base.contains(free));
    is_free || (base == from && length == from_length)
}

fn keeps_bytes(run: &Field, table: &Field) -> bool {
    let ((base, length), (from, from_length)) = (parts(table), parts(run));
    if base != "binary" {
        return true;
    }
    let is_as_long = matches!(run.data_type(), DataType::FixedSizeBinary(bytes) if bytes.to_string() == length);
    is_as_long || (base == from && length == from_length)
}

/// The values as this type has them.
fn in_type(values: &ArrayRef, plain: &DataType) -> Result<ArrayRef> {
    let values = without_zone(values)?;
    if value_type(values.data_type()).as_ref() == Some(plain) {
        return Ok(values);
    }
    exactly(&values, plain)
        .map_err(changed)?
        .ok_or_else(|| Error::new(ErrorKind::Data, "it is another one in the run's type"))
}

fn changed(error: arrow::error::ArrowError) -> Error {
    Error::new(ErrorKind::Data, "it is none of the run's type").caused_by(error)
}

/// A zone says how an instant is shown, and a cast would move the clock.
fn without_zone(values: &ArrayRef) -> Result<ArrayRef> {
    let DataType::Timestamp(unit, Some(_)) = values.data_type() else { return Ok(Arc::clone(values)) };
    let plain = values.to_data().into_builder().data_type(DataType::Timestamp(*unit, None));
    plain.build().map(make_array).map_err(changed)
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::{
            BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int32Array, Int64Array,
            StringArray, TimestampMicrosecondArray, TimestampNanosecondArray, UInt64Array,
        },
        datatypes::TimeUnit,
    };

    use super::*;

    fn field(data_type: DataType, declaration: &str) -> Field {
        Field::new("c", data_type, true)
            .with_metadata(std::collections::HashMap::from([(SOURCE_TYPE.to_owned(), declaration.to_owned())]))
    }

    fn is_kept(run: Field, table: Field) -> bool {
        let schema = |field: Field| Arc::new(Schema::new(vec![field]));
        match Values::of(&schema(run), &schema(table)) {
            Ok(_) => true,
            Err(error) => {
                assert!(error.to_string().contains("validateDataConsistency"), "{error}");
                false
            }
        }
    }

    #[test]
    fn columns_that_pad_or_reshape_are_compared_only_with_their_like() {
        use DataType::{Binary, FixedSizeBinary, Int32, Utf8};
        for (from, to) in [
            (field(Utf8, ""), field(Utf8, "nvarchar(50)")),
            (field(Utf8, "xml"), field(Utf8, "text")),
            (field(Utf8, "char(10)"), field(Utf8, "nchar(10)")),
            (field(Utf8, "datetimeoffset(3)"), field(Utf8, "datetimeoffset(3)")),
            (field(Utf8, "uniqueidentifier"), field(Utf8, "uniqueidentifier")),
            (field(DataType::LargeUtf8, ""), field(Utf8, "character varying(9)")),
            (field(Binary, "binary(4)"), field(Binary, "varbinary(9)")),
            (field(FixedSizeBinary(4), ""), field(Binary, "binary(4)")),
        ] {
            assert!(is_kept(from.clone(), to.clone()), "{from} in {to}");
        }
        for (from, to) in [
            (field(Utf8, "char(9)"), field(Utf8, "char(10)")),
            (field(Utf8, "nvarchar(10)"), field(Utf8, "nchar(10)")),
            (field(Utf8, ""), field(Utf8, "uniqueidentifier")),
            (field(Utf8, "datetimeoffset(7)"), field(Utf8, "datetimeoffset(3)")),
            (field(Utf8, ""), field(Utf8, "xml")),
            (field(Utf8, ""), field(Int32, "int")),
            (field(Int32, "int"), field(Utf8, "varchar(9)")),
            (field(Binary, ""), field(Binary, "binary(4)")),
            (field(FixedSizeBinary(3), ""), field(Binary, "binary(4)")),
            (field(DataType::Float64, ""), field(DataType::Decimal128(9, 2), "decimal(9,2)")),
        ] {
            assert!(!is_kept(from.clone(), to.clone()), "{from} in {to}");
        }
    }

    #[test]
    fn a_column_is_found_by_its_name() {
        let named = |names: &[&str]| {
            let fields: Vec<_> = names.iter().map(|name| Field::new(*name, DataType::Int64, true)).collect();
            Arc::new(Schema::new(fields))
        };
        let found = |run: &[&str], table: &[&str]| Values::of(&named(run), &named(table)).ok().map(|it| it.positions);
        assert_eq!(found(&["b", "a"], &["x", "a", "b"]), Some(vec![2, 1]));
        assert_eq!(found(&["ID"], &["x", "Id"]), Some(vec![1]));
        assert_eq!(found(&["ID"], &["id", "Id"]), None);
        assert_eq!(found(&["a"], &["b"]), None);
    }

    #[test]
    fn values_are_the_same_in_both_types_or_an_error() {
        use DataType as T;
        let moment = T::Timestamp(TimeUnit::Microsecond, None);
        let kept: [(ArrayRef, T, ArrayRef); 7] = [
            (
                Arc::new(Int64Array::from(vec![Some(7), None])),
                T::Int32,
                Arc::new(Int32Array::from(vec![Some(7), None])),
            ),
            (
                Arc::new(Decimal128Array::from(vec![u64::MAX as i128]).with_precision_and_scale(20, 0).unwrap()),
                T::UInt64,
                Arc::new(UInt64Array::from(vec![u64::MAX])),
            ),
            (Arc::new(Int64Array::from(vec![0, 1])), T::Boolean, Arc::new(BooleanArray::from(vec![false, true]))),
            (
                Arc::new(Float64Array::from(vec![f64::from(0.1_f32), f64::NAN, -0.0])),
                T::Float32,
                Arc::new(Float32Array::from(vec![0.1, f32::NAN, -0.0])),
            ),
            (
                Arc::new(TimestampNanosecondArray::from(vec![-1_000, 5_000]).with_timezone("+02:00")),
                moment.clone(),
                Arc::new(TimestampMicrosecondArray::from(vec![-1, 5])),
            ),
            (
                Arc::new(TimestampMicrosecondArray::from(vec![-86_400_000_000])),
                T::Date32,
                Arc::new(Date32Array::from(vec![-1])),
            ),
            (Arc::new(StringArray::from(vec!["a "])), T::Utf8, Arc::new(StringArray::from(vec!["a "]))),
        ];
        for (given, to, expected) in kept {
            let found = in_type(&given, &to).unwrap_or_else(|error| panic!("{to}: {error}"));
            assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{to}");
        }
        let foreign: [(ArrayRef, T); 5] = [
            (Arc::new(Int64Array::from(vec![i64::from(i32::MAX) + 1])), T::Int32),
            (Arc::new(Decimal128Array::from(vec![15]).with_precision_and_scale(4, 1).unwrap()), T::Int32),
            (Arc::new(Int64Array::from(vec![2])), T::Boolean),
            (Arc::new(Float64Array::from(vec![0.1])), T::Float32),
            (Arc::new(TimestampNanosecondArray::from(vec![1])), moment),
        ];
        for (given, to) in foreign {
            let error = in_type(&given, &to).err().unwrap_or_else(|| panic!("{given:?} is none of {to}"));
            assert_eq!(error.kind(), ErrorKind::Data);
        }
    }
}
