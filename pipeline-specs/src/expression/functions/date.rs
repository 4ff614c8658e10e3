//! Dates: text in, text out, by default as `yyyy-MM-ddTHH:mm:ss.fffffffK`.

use chrono::{Datelike, Months, TimeDelta, Timelike};
use serde_json::Value;

use super::{
    Function,
    argument::{integer, optional_text, text},
};
use crate::{
    dotnet::ROUND_TRIP,
    expression::{
        dotnet_date::{self, Moment},
        scope::Scope,
        time_zone,
    },
};

pub(super) const TABLE: &[Function] = &[
    Function { name: "utcNow", arguments: 0..=1, call: |a, scope| written(scope.now.into(), a, 0) },
    Function { name: "formatDateTime", arguments: 1..=2, call: |a, _| written(moment(a)?, a, 1) },
    Function { name: "addDays", arguments: 2..=3, call: |a, _| added(a, "Day") },
    Function { name: "addHours", arguments: 2..=3, call: |a, _| added(a, "Hour") },
    Function { name: "addMinutes", arguments: 2..=3, call: |a, _| added(a, "Minute") },
    Function { name: "addSeconds", arguments: 2..=3, call: |a, _| added(a, "Second") },
    Function { name: "addToTime", arguments: 3..=4, call: |a, _| moved(a, moment(a)?, 1, 1) },
    Function { name: "subtractFromTime", arguments: 3..=4, call: |a, _| moved(a, moment(a)?, 1, -1) },
    Function { name: "getFutureTime", arguments: 2..=3, call: |a, scope| moved(a, scope.now.into(), 0, 1) },
    Function { name: "getPastTime", arguments: 2..=3, call: |a, scope| moved(a, scope.now.into(), 0, -1) },
    Function { name: "startOfDay", arguments: 1..=2, call: |a, _| started(a, "Day") },
    Function { name: "startOfHour", arguments: 1..=2, call: |a, _| started(a, "Hour") },
    Function { name: "startOfMonth", arguments: 1..=2, call: |a, _| started(a, "Month") },
    Function {
        name: "dayOfWeek",
        arguments: 1..=1,
        call: |a, _| Ok(moment(a)?.at.weekday().num_days_from_sunday().into()),
    },
    Function { name: "dayOfMonth", arguments: 1..=1, call: |a, _| Ok(moment(a)?.at.day().into()) },
    Function { name: "dayOfYear", arguments: 1..=1, call: |a, _| Ok(moment(a)?.at.ordinal().into()) },
    Function { name: "ticks", arguments: 1..=1, call: |a, _| Ok(moment(a)?.ticks().into()) },
    Function { name: "convertFromUtc", arguments: 2..=3, call: convert_from_utc },
    Function { name: "convertToUtc", arguments: 2..=3, call: convert_to_utc },
    Function { name: "convertTimeZone", arguments: 3..=4, call: convert_time_zone },
];

fn convert_from_utc(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    written(time_zone::from_utc(moment(arguments)?.at, text(arguments, 1)?)?, arguments, 2)
}

fn convert_to_utc(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    written(time_zone::to_utc(moment(arguments)?, text(arguments, 1)?)?, arguments, 2)
}

fn convert_time_zone(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let utc = time_zone::to_utc(moment(arguments)?, text(arguments, 1)?)?;
    written(time_zone::from_utc(utc.at, text(arguments, 2)?)?, arguments, 3)
}

fn moment(arguments: &[Value]) -> Result<Moment, String> {
    dotnet_date::parse(text(arguments, 0)?)
}

/// The moment as text, by the format that stands at `index` when there is one.
fn written(moment: Moment, arguments: &[Value], index: usize) -> Result<Value, String> {
    let format = optional_text(arguments, index)?.unwrap_or(ROUND_TRIP);
    dotnet_date::format(moment, format).map(Value::from)
}

fn added(arguments: &[Value], unit: &str) -> Result<Value, String> {
    let moment = shift(moment(arguments)?, integer(arguments, 1)?, unit)?;
    written(moment, arguments, 2)
}

/// Moves by the count at `index` of the unit behind it; the format comes after both.
fn moved(arguments: &[Value], from: Moment, index: usize, sign: i64) -> Result<Value, String> {
    let count = integer(arguments, index)?.checked_mul(sign).ok_or("needs a smaller number")?;
    let moment = shift(from, count, text(arguments, index + 1)?)?;
    written(moment, arguments, index + 2)
}

fn shift(moment: Moment, count: i64, unit: &str) -> Result<Moment, String> {
    let at = match unit.to_ascii_lowercase().as_str() {
        "second" => TimeDelta::try_seconds(count).and_then(|by| moment.at.checked_add_signed(by)),
        "minute" => TimeDelta::try_minutes(count).and_then(|by| moment.at.checked_add_signed(by)),
        "hour" => TimeDelta::try_hours(count).and_then(|by| moment.at.checked_add_signed(by)),
        "day" => TimeDelta::try_days(count).and_then(|by| moment.at.checked_add_signed(by)),
        "week" => TimeDelta::try_weeks(count).and_then(|by| moment.at.checked_add_signed(by)),
        "month" => shift_months(moment, Some(count)),
        "year" => shift_months(moment, count.checked_mul(12)),
        _ => return Err(format!("knows the units Second, Minute, Hour, Day, Week, Month and Year, not '{unit}'")),
    };
    let at = at.filter(|at| (1..=9999).contains(&at.year()));
    at.map(|at| Moment { at, ..moment }).ok_or_else(|| "gives a date outside the years 1 to 9999".to_owned())
}

fn shift_months(moment: Moment, count: Option<i64>) -> Option<chrono::NaiveDateTime> {
    let count = count?;
    let months = Months::new(u32::try_from(count.unsigned_abs()).ok()?);
    if count < 0 { moment.at.checked_sub_months(months) } else { moment.at.checked_add_months(months) }
}

fn started(arguments: &[Value], unit: &str) -> Result<Value, String> {
    let moment = moment(arguments)?;
    let hour = if unit == "Hour" { moment.at.hour() } else { 0 };
    let day = if unit == "Month" { 1 } else { moment.at.day() };
    let at = moment.at.date().with_day(day).and_then(|date| date.and_hms_opt(hour, 0, 0));
    let at = at.ok_or_else(|| "needs a date that exists".to_owned())?;
    written(Moment { at, ..moment }, arguments, 1)
}
