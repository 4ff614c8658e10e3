//! Windows time zones, by the map that Unicode keeps to the zones of IANA.

use chrono::{MappedLocalTime, NaiveDateTime, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};
use windows_timezones::WindowsTimezone;

use super::dotnet_date::Moment;

/// The local time in a zone at a moment in UTC.
pub(super) fn from_utc(utc: NaiveDateTime, zone: &str) -> Result<Moment, String> {
    let tz = find(zone)?;
    Ok(Moment { at: tz.from_utc_datetime(&utc).naive_local(), utc: tz == Tz::UTC })
}

/// The moment in UTC of a local time in a zone. What is in UTC already stays. In the hour that a clock shows
/// twice, winter time is meant, as in .NET; the hour that it skips is an error.
pub(super) fn to_utc(local: Moment, zone: &str) -> Result<Moment, String> {
    let tz = find(zone)?;
    if local.utc {
        return Ok(local);
    }
    let at = match tz.from_local_datetime(&local.at) {
        MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(_, at) => at.naive_utc(),
        MappedLocalTime::None => return Err(format!("needs a time that exists in '{zone}': clocks skip {}", local.at)),
    };
    Ok(Moment { at, utc: true })
}

/// By its name as Windows writes it, or by the same letters and digits in any case: people leave the dot out.
fn find(name: &str) -> Result<Tz, String> {
    let zone = name.trim().parse::<WindowsTimezone>().ok().or_else(|| similar(name));
    zone.map(Tz::from)
        .ok_or_else(|| format!("needs a Windows time zone such as 'W. Europe Standard Time', got '{name}'"))
}

fn similar(name: &str) -> Option<WindowsTimezone> {
    let wanted = letters(name);
    let mut zones = TZ_VARIANTS.iter().filter_map(|tz| WindowsTimezone::try_from(*tz).ok());
    zones.find(|zone| letters(zone.name()) == wanted)
}

fn letters(name: &str) -> String {
    // The signs tell UTC-11 from UTC+11.
    let kept = name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-'));
    kept.map(|c| c.to_ascii_lowercase()).collect()
}
