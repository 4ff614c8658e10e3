//! What a column means beyond its Arrow type.

use arrow::datatypes::{DataType, Field};
use ropeway_engine::source::SOURCE_TYPE;

/// True for 16 bytes that are a uuid: by Arrow's extension name, or because the source says so.
pub(crate) fn is_uuid(field: &Field) -> bool {
    let says = |key: &str, names: &[&str]| {
        field.metadata().get(key).is_some_and(|name| names.iter().any(|known| name.eq_ignore_ascii_case(known)))
    };
    *field.data_type() == DataType::FixedSizeBinary(16)
        && (says("ARROW:extension:name", &["arrow.uuid"])
            || says(SOURCE_TYPE, &["uniqueidentifier", "uuid", "guid", "FIXED_LEN_BYTE_ARRAY(16) UUID"]))
}
