//! Which of several exact forms a type takes, where a user has the choice: `ropeway run --set
//! source.dateTime2=microseconds`.

use arrow::datatypes::{DataType, Schema, TimeUnit};
use ropeway_engine::{Error, ErrorKind, Result, registry::Setting, source::is_uuid};

use super::spec::Ropeway;

/// The unit of datetime2(7), and of datetimeoffset(7) as an instant. Nanoseconds hold 1677-09-21 to
/// 2262-04-11; microseconds hold every date, and refuse a seventh digit that is not zero.
const DATE_TIME2: Setting = Setting { name: "dateTime2", values: &["nanoseconds", "microseconds"] };

/// datetimeoffset as ISO 8601 text, or as an instant in UTC and a second column, `NAME_offset`, with the
/// minutes of its offset.
const DATE_TIME_OFFSET: Setting = Setting { name: "dateTimeOffset", values: &["text", "utcAndOffset"] };

/// uniqueidentifier as text in lower case, or as 16 bytes.
const UNIQUEIDENTIFIER: Setting = Setting { name: "uniqueidentifier", values: &["text", "binary"] };

/// All of them.
pub(crate) const SETTINGS: &[Setting] = &[DATE_TIME2, DATE_TIME_OFFSET, UNIQUEIDENTIFIER];

/// Which of several exact forms a type takes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TypeSettings {
    /// uniqueidentifier as 16 bytes rather than as text.
    pub(crate) binary_uuid: bool,
    /// datetime2(7) in microseconds, for columns with dates beyond 1677 to 2262.
    pub(crate) microseconds: bool,
    /// datetimeoffset as an instant and its offset rather than as text.
    pub(crate) utc_and_offset: bool,
}

impl TypeSettings {
    /// What the definition says.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for a value that a setting does not take.
    pub(crate) fn of(ropeway: &Ropeway) -> Result<Self> {
        Ok(Self {
            binary_uuid: is_second(&UNIQUEIDENTIFIER, ropeway.uniqueidentifier.as_deref())?,
            microseconds: is_second(&DATE_TIME2, ropeway.date_time2.as_deref())?,
            utc_and_offset: is_second(&DATE_TIME_OFFSET, ropeway.date_time_offset.as_deref())?,
        })
    }
}

impl TypeSettings {
    /// The forms in which a table gives columns back as these are.
    pub(crate) fn like(schema: &Schema) -> Self {
        let types = || schema.fields().iter().map(|field| field.data_type());
        Self {
            binary_uuid: schema.fields().iter().any(|field| is_uuid(field)),
            // Nanoseconds cannot hold every date, so they are for columns that need them.
            microseconds: !types().any(|it| matches!(it, DataType::Timestamp(TimeUnit::Nanosecond, _))),
            utc_and_offset: types().any(|it| matches!(it, DataType::Timestamp(_, Some(_)))),
        }
    }
}

/// True for the second of a setting's two values, false for its default or nothing.
pub(crate) fn is_second(setting: &Setting, value: Option<&str>) -> Result<bool> {
    let Some(value) = value else { return Ok(false) };
    setting.values.iter().position(|known| known.eq_ignore_ascii_case(value)).map(|position| position > 0).ok_or_else(
        || {
            Error::new(ErrorKind::Spec, format!("«{}» is {}", setting.name, setting.values.join(" or ")))
                .with(setting.name, value.escape_debug())
        },
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn settings(ropeway: Value) -> Result<TypeSettings> {
        TypeSettings::of(&serde_json::from_value(ropeway).unwrap())
    }

    #[test]
    fn every_declared_setting_is_read_and_checked() {
        for setting in SETTINGS {
            let read = |value: &str| settings(json!({ setting.name: value }));
            let default = format!("{:?}", settings(json!({})).unwrap());
            assert_eq!(format!("{:?}", read(setting.values[0]).unwrap()), default);
            assert_ne!(format!("{:?}", read(setting.values[1]).unwrap()), default, "{}", setting.name);
            let error = read("otherwise").unwrap_err();
            assert!(error.kind() == ErrorKind::Spec && error.to_string().contains(setting.name), "{error}");
        }
    }
}
