//! Values in another type, if they are the same there.

use arrow::{
    array::{Array as _, ArrayRef},
    compute::cast,
    datatypes::DataType,
    error::ArrowError,
};

/// The values in this type; `None` if one of them is another one there.
///
/// # Errors
/// Arrow's, if it converts no values of the one type to the other, or back.
pub fn exactly(values: &ArrayRef, to: &DataType) -> Result<Option<ArrayRef>, ArrowError> {
    if values.data_type() == to {
        return Ok(Some(ArrayRef::clone(values)));
    }
    let converted = cast(values, to)?;
    // What does not fit has become null, and what was rounded comes back as another value.
    let back = cast(&converted, values.data_type())?;
    Ok((*back == **values).then_some(converted))
}
