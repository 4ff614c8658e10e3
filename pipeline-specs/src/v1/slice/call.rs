//! What the functions and variables of macros are in version 2.

use super::{Pieces, parser::Macro, quoted};
use crate::v1::schedule::Window;

/// How a moment is written where nobody says how: as .NET does in the invariant culture.
const GENERAL: &str = "MM/dd/yyyy HH:mm:ss";

/// A converted macro.
pub(super) enum Converted {
    /// An expression whose value is a moment, as text.
    Moment(String),
    /// An expression whose value is a whole number.
    Number(String),
    Text(Pieces),
}

/// A macro that stands for a whole string.
pub(super) fn pieces(source: &Macro, window: &Window) -> Result<Pieces, String> {
    Ok(match convert(source, window)? {
        Converted::Text(pieces) => pieces,
        Converted::Moment(expression) | Converted::Number(expression) => {
            let mut pieces = Pieces::default();
            pieces.push_expression(expression);
            pieces
        }
    })
}

fn convert(source: &Macro, window: &Window) -> Result<Converted, String> {
    match source {
        Macro::Text(text) => Ok(Converted::Text(Pieces::text(text.as_str()))),
        Macro::Number(number) => Ok(Converted::Number(number.to_string())),
        Macro::Variable(name) => window.variable(name).map(Converted::Moment),
        Macro::Call(name, arguments) => call(name, arguments, window),
    }
}

fn call(name: &str, arguments: &[Macro], window: &Window) -> Result<Converted, String> {
    let lower = name.to_ascii_lowercase();
    if lower == "text.format" {
        let Some((Macro::Text(format), values)) = arguments.split_first() else {
            return Err("Text.Format needs a text in quotes first".to_owned());
        };
        let values = values.iter().map(|value| convert(value, window)).collect::<Result<Vec<_>, _>>()?;
        return composite(format, &values).map(Converted::Text);
    }
    if lower == "datetime.from" {
        return match arguments {
            [Macro::Text(text)] => Ok(Converted::Moment(quoted(text))),
            _ => Err("DateTime.From needs a text in quotes".to_owned()),
        };
    }
    let Some((first, rest)) = arguments.split_first() else { return Err(format!("{name} needs a date")) };
    let Converted::Moment(moment) = convert(first, window)? else {
        return Err(format!("the first argument of {name} is no date"));
    };
    match rest {
        [] => of_moment(&lower, &moment),
        [Macro::Number(count)] => moved(&lower, &moment, *count).map(Converted::Moment),
        _ => None,
    }
    .ok_or_else(|| format!("the function {name} with {} arguments has no equal in version 2", arguments.len()))
}

/// A function of a date alone.
fn of_moment(lower: &str, moment: &str) -> Option<Converted> {
    Some(match lower {
        "time.startofhour" => Converted::Moment(format!("startOfHour({moment})")),
        "date.startofday" => Converted::Moment(format!("startOfDay({moment})")),
        "date.startofmonth" => Converted::Moment(format!("startOfMonth({moment})")),
        "date.day" => Converted::Number(format!("dayOfMonth({moment})")),
        "date.dayofyear" => Converted::Number(format!("dayOfYear({moment})")),
        "date.daysinmonth" => {
            let next = format!("addToTime(startOfMonth({moment}), 1, 'Month')");
            Converted::Number(format!("dayOfMonth(addDays({next}, -1))"))
        }
        _ => return None,
    })
}

/// A function that moves a date.
fn moved(lower: &str, moment: &str, count: i64) -> Option<String> {
    let times = |factor| count.checked_mul(factor);
    Some(match lower {
        "time.addminutes" => format!("addMinutes({moment}, {count})"),
        "time.addhours" => format!("addHours({moment}, {count})"),
        "date.adddays" => format!("addDays({moment}, {count})"),
        "date.addweeks" => format!("addDays({moment}, {})", times(7)?),
        "date.addmonths" => months(moment, count),
        "date.addquarters" => months(moment, times(3)?),
        "date.addyears" => months(moment, times(12)?),
        _ => return None,
    })
}

/// The moment some months later, or earlier for a negative count.
pub(in crate::v1) fn months(moment: &str, count: i64) -> String {
    let function = if count < 0 { "subtractFromTime" } else { "addToTime" };
    format!("{function}({moment}, {}, 'Month')", count.unsigned_abs())
}

/// .NET's composite format: `{0:yyyy}` is the first value, `{{` a brace.
fn composite(format: &str, values: &[Converted]) -> Result<Pieces, String> {
    let mut pieces = Pieces::default();
    let mut rest = format;
    while let Some(at) = rest.find(['{', '}']) {
        pieces.push_text(&rest[..at]);
        let brace = &rest[at..=at];
        let behind = &rest[at + 1..];
        if let Some(after) = behind.strip_prefix(brace) {
            pieces.push_text(brace);
            rest = after;
            continue;
        }
        let Some((item, after)) = behind.split_once('}').filter(|_| brace == "{") else {
            return Err(format!("'{format}' has a brace without its partner"));
        };
        pieces.append(formatted(item, values)?);
        rest = after;
    }
    pieces.push_text(rest);
    Ok(pieces)
}

/// One item of a composite format: `0` or `0:yyyy`.
fn formatted(item: &str, values: &[Converted]) -> Result<Pieces, String> {
    let (index, format) = item.split_once(':').map_or((item, None), |(index, format)| (index, Some(format)));
    let value = index.trim().parse().ok().and_then(|index: usize| values.get(index));
    let mut pieces = Pieces::default();
    match (value, format) {
        (Some(Converted::Moment(moment)), format) => {
            pieces.push_expression(format!("formatDateTime({moment}, {})", quoted(format.unwrap_or(GENERAL))));
        }
        (Some(Converted::Number(number)), None) => pieces.push_expression(format!("string({number})")),
        (Some(Converted::Text(text)), None) => pieces = text.clone(),
        (Some(_), Some(format)) => return Err(format!("the format '{format}' is for dates only")),
        (None, _) => return Err(format!("'{{{item}}}' names no argument of Text.Format")),
    }
    Ok(pieces)
}
