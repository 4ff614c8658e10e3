//! Which Parquet column holds which Arrow column, decided once per schema.

use std::sync::Arc;

use arrow::{
    array::RecordBatch,
    compute::cast,
    datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit},
};
use parquet::{
    arrow::ArrowSchemaConverter,
    basic::{LogicalType, TimeUnit as ParquetTimeUnit},
    file::metadata::KeyValue,
    schema::types::{ColumnDescriptor, SchemaDescPtr, SchemaDescriptor, Type},
};
use ropeway_engine::{
    Error, ErrorKind, Result,
    sink::ColumnFit,
    source::{SOURCE_TYPE, is_uuid},
};

/// The key of the file's metadata under which the types of the source stand, as a JSON object from
/// column to type.
const SOURCE_TYPES: &str = "ropeway.source_types";

/// The columns of a file.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// The columns as the Arrow writer gets them.
    pub(super) stored: SchemaRef,
    /// The columns as the file describes them.
    pub(super) descriptor: SchemaDescPtr,
    /// True if some batch column must be converted to its stored type.
    converts: bool,
    source_types: Vec<(String, String)>,
}

impl Columns {
    /// # Errors
    /// A column whose type Parquet has no exact place for.
    pub(super) fn of(schema: &SchemaRef) -> Result<Self> {
        let fields: Vec<FieldRef> = schema.fields().iter().map(stored).collect::<Result<_>>()?;
        let converts = fields.iter().zip(schema.fields()).any(|(to, from)| to.data_type() != from.data_type());
        let stored = Arc::new(Schema::new(fields));
        let plain = ArrowSchemaConverter::new().schema_root("schema").convert(&stored).map_err(bug)?;
        let source_types = schema
            .fields()
            .iter()
            .filter_map(|field| field.metadata().get(SOURCE_TYPE).map(|source| (field.name().clone(), source.clone())));
        Ok(Self {
            descriptor: Arc::new(with_uuids(&plain, &stored)?),
            stored,
            converts,
            source_types: source_types.collect(),
        })
    }

    /// The Parquet type of every column, and its loss: none, for what has no exact place was refused.
    pub(super) fn fit(&self) -> Vec<ColumnFit> {
        let columns = self.descriptor.columns().iter();
        columns.map(|column| ColumnFit { sink_type: type_name(column), loss: None }).collect()
    }

    /// The batch with the stored types.
    pub(super) fn convert(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        if !self.converts {
            return Ok(batch.clone());
        }
        let columns = self.stored.fields().iter().zip(batch.columns());
        let converted = columns
            .map(|(field, column)| cast(column, field.data_type()))
            .collect::<Result<_, _>>()
            .map_err(|error| Error::new(ErrorKind::Data, "a value does not fit its column").caused_by(error))?;
        RecordBatch::try_new(Arc::clone(&self.stored), converted).map_err(bug)
    }

    /// The file's own key-value pairs.
    pub(super) fn key_values(&self) -> Vec<KeyValue> {
        if self.source_types.is_empty() {
            return Vec::new();
        }
        let types: serde_json::Map<_, _> =
            self.source_types.iter().map(|(name, source)| (name.clone(), source.as_str().into())).collect();
        vec![KeyValue::new(SOURCE_TYPES.to_owned(), serde_json::Value::Object(types).to_string())]
    }
}

fn bug(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Bug, "the Parquet columns do not fit together; please report it").caused_by(error)
}

/// The field as it is stored: Parquet has no seconds, so they become milliseconds.
fn stored(field: &FieldRef) -> Result<FieldRef> {
    let data_type = match field.data_type() {
        DataType::Timestamp(TimeUnit::Second, zone) => DataType::Timestamp(TimeUnit::Millisecond, zone.clone()),
        DataType::Time32(TimeUnit::Second) => DataType::Time32(TimeUnit::Millisecond),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale)
            if *scale < 0 || *scale > *precision as i8 =>
        {
            return Err(refused(field, "a decimal needs a scale from 0 to its precision; cast it in the query"));
        }
        other if has_place(other) => other.clone(),
        _ => return Err(refused(field, "Parquet has no exact type for this column; cast it in the query")),
    };
    Ok(Arc::new(Field::new(field.name(), data_type, field.is_nullable()).with_metadata(field.metadata().clone())))
}

fn has_place(data_type: &DataType) -> bool {
    data_type.is_integer()
        || data_type.is_floating()
        || data_type.is_string()
        || data_type.is_binary()
        || data_type.is_decimal()
        || matches!(
            data_type,
            DataType::Null
                | DataType::Boolean
                | DataType::Date32
                | DataType::Timestamp(..)
                | DataType::Time32(_)
                | DataType::Time64(_)
                | DataType::FixedSizeBinary(_)
        )
}

fn refused(field: &Field, message: &'static str) -> Error {
    Error::new(ErrorKind::Data, message)
        .with("column", field.name().escape_debug())
        .with("type", field.data_type())
        .code("ParquetNotSupportedType")
}

/// The Arrow converter knows uuids only behind a feature that every other user of the crate would
/// get too; the logical type is all that is missing.
fn with_uuids(plain: &SchemaDescriptor, stored: &Schema) -> Result<SchemaDescriptor> {
    let columns = plain.root_schema().get_fields().iter().zip(stored.fields());
    let types = columns.map(|(column, field)| if is_uuid(field) { uuid(column) } else { Ok(Arc::clone(column)) });
    let root = Type::group_type_builder(plain.root_schema().name())
        .with_fields(types.collect::<Result<_>>()?)
        .build()
        .map_err(bug)?;
    Ok(SchemaDescriptor::new(Arc::new(root)))
}

fn uuid(column: &Type) -> Result<Arc<Type>> {
    Type::primitive_type_builder(column.name(), column.get_physical_type())
        .with_repetition(column.get_basic_info().repetition())
        .with_length(16)
        .with_logical_type(Some(LogicalType::Uuid))
        .build()
        .map(Arc::new)
        .map_err(bug)
}

/// `INT64 TIMESTAMP(MICROS)`, `FIXED_LEN_BYTE_ARRAY(16) UUID`, `DOUBLE`.
pub(super) fn type_name(column: &ColumnDescriptor) -> String {
    let physical = match column.type_length() {
        length if length > 0 => format!("{}({length})", column.physical_type()),
        _ => column.physical_type().to_string(),
    };
    match column.logical_type_ref() {
        None => physical,
        Some(logical) => format!("{physical} {}", logical_name(logical)),
    }
}

fn logical_name(logical: &LogicalType) -> String {
    let unit = |unit: &ParquetTimeUnit| match unit {
        ParquetTimeUnit::MILLIS => "MILLIS",
        ParquetTimeUnit::MICROS => "MICROS",
        ParquetTimeUnit::NANOS => "NANOS",
    };
    match logical {
        LogicalType::Timestamp(timestamp) if timestamp.is_adjusted_to_u_t_c => {
            format!("TIMESTAMP({}, UTC)", unit(&timestamp.unit))
        }
        LogicalType::Timestamp(timestamp) => format!("TIMESTAMP({})", unit(&timestamp.unit)),
        LogicalType::Time(time) => format!("TIME({})", unit(&time.unit)),
        LogicalType::Decimal(decimal) => format!("DECIMAL({},{})", decimal.precision, decimal.scale),
        LogicalType::Integer(integer) => {
            format!("INT({}, {})", integer.bit_width, if integer.is_signed { "signed" } else { "unsigned" })
        }
        LogicalType::String => "STRING".to_owned(),
        LogicalType::Uuid => "UUID".to_owned(),
        LogicalType::Date => "DATE".to_owned(),
        LogicalType::Float16 => "FLOAT16".to_owned(),
        LogicalType::Unknown => "NULL".to_owned(),
        other => format!("{other:?}"),
    }
}
