//! `typeConversionSettings`, and the formats and cultures of columns.

use serde_json::{Map, Value};

use super::{
    Reporter,
    column::{given, text},
};
use crate::{
    diagnostic::property,
    dotnet::{TimeFormat, TimeKind},
    schema::get,
};

/// How values are converted.
#[derive(Clone, Debug, PartialEq)]
pub struct ConversionSettings {
    /// Digits that the new type does not have are cut off.
    pub allow_data_truncation: bool,
    /// Booleans are the texts `1` and `0`.
    pub treat_boolean_as_number: bool,
    /// How dates are written; `None` if nobody says.
    pub date: Option<TimeFormat>,
    /// The same of dates with a time.
    pub date_time: Option<TimeFormat>,
    /// The same with an offset.
    pub date_time_offset: Option<TimeFormat>,
    /// The same of spans.
    pub time_span: Option<TimeFormat>,
}

impl Default for ConversionSettings {
    fn default() -> Self {
        Self {
            allow_data_truncation: true,
            treat_boolean_as_number: false,
            date: None,
            date_time: None,
            date_time_offset: None,
            time_span: None,
        }
    }
}

/// Cultures whose texts Ropeway reads and writes: they agree on numbers and dates.
const CULTURES: [&str; 4] = ["en-us", "en", "invariant", "iv"];

pub(super) fn read(translator: &Map<String, Value>, on: bool, path: &str, to: &mut Reporter<'_>) -> ConversionSettings {
    const NAME: &str = "typeConversionSettings";
    let path = property(path, NAME);
    let Some(settings) = get(translator, NAME).and_then(Value::as_object).filter(|settings| !settings.is_empty())
    else {
        return ConversionSettings::default();
    };
    let says = |name| given(settings, name).is_some_and(|value| *value != Value::Bool(false));
    let formats = ["dateTimeFormat", "dateTimeOffsetFormat", "timeSpanFormat", "dateFormat", "timeFormat"];
    if !on {
        if formats.into_iter().any(says) || says("treatBooleanAsNumber") {
            to.ignored(
                &path,
                "'typeConversionSettings' is ignored, as Data Factory does: 'typeConversion' is not true",
            );
        }
        return ConversionSettings::default();
    }
    if says("timeFormat") {
        let message = "'timeFormat' is not supported by Ropeway yet; use 'timeSpanFormat'";
        to.unsupported("unsupported-property", &property(&path, "timeFormat"), message);
    }
    culture(settings, &path, to);
    let mut format = |name, kind| format(settings, name, kind, &path, to);
    let date_time = format("dateTimeFormat", TimeKind::DateTime);
    ConversionSettings {
        // A date was a DateTime before it had a format of its own.
        date: format("dateFormat", TimeKind::Date).or_else(|| date_time.clone()),
        date_time,
        date_time_offset: format("dateTimeOffsetFormat", TimeKind::DateTimeOffset),
        time_span: format("timeSpanFormat", TimeKind::TimeSpan),
        allow_data_truncation: flag(settings, "allowDataTruncation", &path, to).unwrap_or(true),
        treat_boolean_as_number: flag(settings, "treatBooleanAsNumber", &path, to).unwrap_or(false),
    }
}

/// A format, checked.
pub(super) fn format(
    object: &Map<String, Value>,
    name: &str,
    kind: TimeKind,
    path: &str,
    to: &mut Reporter<'_>,
) -> Option<TimeFormat> {
    let pattern = text(object, name, path, to)?;
    match TimeFormat::of(kind, &pattern) {
        Ok(format) => Some(format),
        Err(problem) => {
            to.unsupported(
                "wrong-format",
                &property(path, name),
                &format!("'{name}' {problem}; write it as .NET does"),
            );
            None
        }
    }
}

/// Refuses a culture in which dates or numbers would be written otherwise.
pub(super) fn culture(object: &Map<String, Value>, path: &str, to: &mut Reporter<'_>) {
    let Some(culture) = text(object, "culture", path, to) else { return };
    if !CULTURES.iter().any(|known| known.eq_ignore_ascii_case(&culture)) {
        let message = format!(
            "the culture '{culture}' is not supported by Ropeway yet; use 'en-us', with a format where dates are written \
             otherwise"
        );
        to.unsupported("unsupported-culture", &property(path, "culture"), &message);
    }
}

/// A property that is true or false, or an expression's text of it.
pub(super) fn flag(object: &Map<String, Value>, name: &str, path: &str, to: &mut Reporter<'_>) -> Option<bool> {
    match given(object, name)? {
        value if to.is_open(value) => None,
        Value::Bool(it) => Some(*it),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => {
            to.unsupported("wrong-value", &property(path, name), &format!("'{name}' must be true or false"));
            None
        }
    }
}
