//! Which Avro type holds which Arrow column, decided once per schema.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit},
};
use arrow_avro::schema::{AVRO_NAME_METADATA_KEY, AVRO_NAMESPACE_METADATA_KEY, AvroSchema};
use ropeway_engine::{Error, ErrorKind, Result, exact::exactly, sink::ColumnFit, source::is_uuid};

use super::settings::RecordName;

/// The columns of a file.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// The columns as `arrow-avro` gets them.
    pub(super) stored: SchemaRef,
}

impl Columns {
    /// # Errors
    /// A column whose type Avro has no exact place for, or whose name it has not.
    pub(super) fn of(schema: &SchemaRef, record: &RecordName) -> Result<Self> {
        let fields: Vec<FieldRef> = schema.fields().iter().map(stored).collect::<Result<_>>()?;
        let mut metadata = HashMap::from([(AVRO_NAME_METADATA_KEY.to_owned(), record.name.clone())]);
        if let Some(namespace) = &record.namespace {
            metadata.insert(AVRO_NAMESPACE_METADATA_KEY.to_owned(), namespace.clone());
        }
        let mut names = std::collections::HashSet::new();
        if let Some(twice) = fields.iter().find(|field| !names.insert(field.name())) {
            return Err(refused(twice, "a record cannot have two fields of one name; rename a column"));
        }
        Ok(Self { stored: Arc::new(Schema::new_with_metadata(fields, metadata)) })
    }

    /// The Avro type of every column, and its loss: none, for what has no exact place was refused.
    pub(super) fn fit(&self) -> Vec<ColumnFit> {
        self.stored.fields().iter().map(|field| ColumnFit { sink_type: type_name(field), loss: None }).collect()
    }

    /// The schema as its file has it.
    pub(super) fn avro_schema(&self) -> Result<String> {
        AvroSchema::try_from(self.stored.as_ref()).map(|schema| schema.json_string).map_err(|error| {
            Error::new(ErrorKind::Data, "the columns have no Avro schema; see the cause").caused_by(error)
        })
    }

    /// The batch with the stored types.
    pub(super) fn convert(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = self.stored.fields().iter().zip(batch.columns()).map(|(field, values)| {
            let converted = exactly(values, field.data_type()).map_err(|error| bug(field).caused_by(error))?;
            converted.ok_or_else(|| refused(field, "a value has no place in the Avro type of its column"))
        });
        RecordBatch::try_new(Arc::clone(&self.stored), columns.collect::<Result<_>>()?).map_err(|error| {
            Error::new(ErrorKind::Bug, "the Avro columns do not fit together; please report it").caused_by(error)
        })
    }
}

/// True for what may be the name of a field or record.
pub(super) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The field as it is stored: small numbers become `int`, those beyond `long` decimals, and times of which Avro has not
/// all digits their texts.
fn stored(field: &FieldRef) -> Result<FieldRef> {
    use DataType as T;
    if !is_name(field.name()) {
        return Err(refused(
            field,
            "names of Avro fields are made of letters, digits and underscores; rename the column in the query or the mapping",
        ));
    }
    let data_type = match field.data_type() {
        T::Int8 | T::Int16 | T::UInt8 | T::UInt16 => T::Int32,
        T::UInt32 => T::Int64,
        T::UInt64 => T::Decimal128(20, 0),
        T::LargeUtf8 | T::Utf8View => T::Utf8,
        T::Dictionary(_, values) if values.is_string() => T::Utf8,
        T::LargeBinary | T::BinaryView => T::Binary,
        T::Time32(TimeUnit::Second) => T::Time32(TimeUnit::Millisecond),
        T::Time64(TimeUnit::Nanosecond) => T::Utf8,
        T::Timestamp(TimeUnit::Second, zone) => T::Timestamp(TimeUnit::Millisecond, zone.clone()),
        T::Decimal128(precision, scale) if *scale < 0 || *scale > *precision as i8 => {
            return Err(refused(field, "a decimal needs a scale from 0 to its precision; cast it in the query"));
        }
        other if has_place(other) => other.clone(),
        _ => return Err(refused(field, "Avro has no exact type for this column; cast it in the query")),
    };
    let metadata =
        if is_uuid(field) { HashMap::from([("logicalType".to_owned(), "uuid".to_owned())]) } else { HashMap::new() };
    Ok(Arc::new(Field::new(field.name(), data_type, field.is_nullable()).with_metadata(metadata)))
}

fn has_place(data_type: &DataType) -> bool {
    use DataType as T;
    matches!(
        data_type,
        T::Null
            | T::Boolean
            | T::Int32
            | T::Int64
            | T::Float32
            | T::Float64
            | T::Utf8
            | T::Binary
            | T::FixedSizeBinary(_)
            | T::Decimal128(..)
            | T::Date32
            | T::Time32(_)
            | T::Time64(_)
            | T::Timestamp(..)
    )
}

fn refused(field: &Field, message: &'static str) -> Error {
    Error::new(ErrorKind::Data, message).with("column", field.name().escape_debug()).with("type", field.data_type())
}

fn bug(field: &Field) -> Error {
    Error::new(ErrorKind::Bug, "a column cannot be brought into its Avro type; please report it")
        .with("column", field.name().escape_debug())
}

/// `long timestamp-micros`, `bytes decimal(38,10)`, `string`.
pub(super) fn type_name(field: &Field) -> String {
    use DataType as T;
    let moment = |unit: &TimeUnit| match unit {
        TimeUnit::Second => "seconds",
        TimeUnit::Millisecond => "millis",
        TimeUnit::Microsecond => "micros",
        TimeUnit::Nanosecond => "nanos",
    };
    match field.data_type() {
        T::Null => "null".to_owned(),
        T::Boolean => "boolean".to_owned(),
        T::Int32 => "int".to_owned(),
        T::Int64 => "long".to_owned(),
        T::Float32 => "float".to_owned(),
        T::Float64 => "double".to_owned(),
        T::Utf8 => "string".to_owned(),
        T::Binary => "bytes".to_owned(),
        T::FixedSizeBinary(16) if field.metadata().get("logicalType").is_some_and(|name| name == "uuid") => {
            "uuid".to_owned()
        }
        T::FixedSizeBinary(length) => format!("fixed({length})"),
        T::Decimal128(precision, scale) | T::Decimal256(precision, scale) => format!("decimal({precision},{scale})"),
        T::Date32 => "int date".to_owned(),
        T::Time32(unit) => format!("int time-{}", moment(unit)),
        T::Time64(unit) => format!("long time-{}", moment(unit)),
        T::Timestamp(unit, Some(_)) => format!("long timestamp-{}", moment(unit)),
        T::Timestamp(unit, None) => format!("long local-timestamp-{}", moment(unit)),
        other => other.to_string(),
    }
}
