//! Slices: how long one is, and the expressions for its ends.

use serde_json::{Value, json};

use crate::{older::Part, v1::slice};

/// The parameters of a pipeline that say which slice it runs.
const PARAMETERS: [&str; 4] = ["sliceStart", "sliceEnd", "windowStart", "windowEnd"];

/// How often a slice comes, such as every 15 minutes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    unit: Unit,
    interval: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Minute,
    Hour,
    Day,
    Week,
    Month,
}

impl Schedule {
    /// From `availability` or `scheduler`; `None` when it does not say how often.
    pub(super) fn read(part: &Part) -> Option<Self> {
        let unit = match part.peek("frequency")?.as_str()?.to_ascii_lowercase().as_str() {
            "minute" => Unit::Minute,
            "hour" => Unit::Hour,
            "day" => Unit::Day,
            "week" => Unit::Week,
            "month" => Unit::Month,
            _ => return None,
        };
        let interval = match part.peek("interval") {
            None => 1,
            Some(Value::String(text)) => text.trim().parse().ok()?,
            Some(value) => value.as_i64()?,
        };
        (1..=1_000_000).contains(&interval).then_some(Self { unit, interval })
    }

    /// An expression for the end of the slice that begins at the moment of another expression.
    fn end(&self, start: &str) -> String {
        let Self { unit, interval } = self;
        match unit {
            Unit::Minute => format!("addMinutes({start}, {interval})"),
            Unit::Hour => format!("addHours({start}, {interval})"),
            Unit::Day => format!("addDays({start}, {interval})"),
            Unit::Week => format!("addDays({start}, {})", interval * 7),
            Unit::Month => slice::months(start, *interval),
        }
    }

    /// As a person says it.
    pub(super) fn describe(&self) -> String {
        format!("{} x {:?}", self.interval, self.unit)
    }
}

/// Expressions for the ends of the slice, without their `@`.
#[derive(Clone, Debug)]
pub(super) struct Window {
    slice_start: String,
    slice_end: Option<String>,
    /// Start and end, where they differ from the slice's.
    window: Option<(String, Option<String>)>,
}

impl Window {
    /// In a dataset: its parameters.
    pub(super) fn of_dataset() -> Self {
        Self {
            slice_start: "dataset().sliceStart".to_owned(),
            slice_end: Some("dataset().sliceEnd".to_owned()),
            window: None,
        }
    }

    /// In an activity: the pipeline's parameters, and what follows from them.
    pub(super) fn of_activity(schedule: Option<&Schedule>) -> Self {
        let start = "pipeline().parameters.sliceStart";
        let or_given = |name: &str, otherwise: String| {
            format!("if(empty(pipeline().parameters.{name}), {otherwise}, pipeline().parameters.{name})")
        };
        let slice_end = schedule.map(|schedule| or_given("sliceEnd", schedule.end(start)));
        let window_end = slice_end.clone().map(|end| or_given("windowEnd", end));
        Self {
            slice_start: start.to_owned(),
            slice_end,
            window: Some((or_given("windowStart", start.to_owned()), window_end)),
        }
    }

    /// The expression of a variable.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn variable(&self, name: &str) -> Result<String, String> {
        let (start, end) = match &self.window {
            Some((start, end)) => (start, end),
            None => (&self.slice_start, &self.slice_end),
        };
        let value = match name.to_ascii_lowercase().as_str() {
            "slicestart" => Some(&self.slice_start),
            "sliceend" => self.slice_end.as_ref(),
            "windowstart" => Some(start),
            "windowend" => end.as_ref(),
            _ => {
                return Err(format!(
                    "'{name}' is no variable of a slice: there are SliceStart, SliceEnd, WindowStart and WindowEnd"
                ));
            }
        };
        value.cloned().ok_or_else(|| {
            format!("'{name}' is not known: neither the activity's 'scheduler' nor its output's 'availability' says how long a slice is")
        })
    }

    /// What an activity gives to the parameters of a dataset that names slices.
    pub(super) fn arguments(&self) -> Result<Value, String> {
        let (start, end) = (self.variable("SliceStart")?, self.variable("SliceEnd")?);
        Ok(json!({ "sliceStart": format!("@{start}"), "sliceEnd": format!("@{end}") }))
    }
}

/// The parameters of a dataset that names slices.
pub(super) fn dataset_parameters() -> Value {
    json!({ "sliceStart": { "type": "String" }, "sliceEnd": { "type": "String" } })
}

/// The parameters of a pipeline: the slice is the first one of its `start`, unless another one is given.
pub(super) fn pipeline_parameters(start: Option<&str>) -> Value {
    let specification = |name: &str| match (name, start) {
        ("sliceStart", None) => json!({ "type": "String" }),
        ("sliceStart", Some(start)) => json!({ "type": "String", "defaultValue": start }),
        _ => json!({ "type": "String", "defaultValue": "" }),
    };
    PARAMETERS.iter().map(|name| ((*name).to_owned(), specification(name))).collect::<serde_json::Map<_, _>>().into()
}
