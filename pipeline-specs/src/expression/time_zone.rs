//! Windows time zones, by the map that Unicode keeps to the zones of IANA.

use chrono::{MappedLocalTime, NaiveDateTime, TimeZone};
use chrono_tz::Tz;
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

fn find(name: &str) -> Result<Tz, String> {
    let zone: Result<WindowsTimezone, _> = name.trim().parse();
    zone.map(Tz::from).map_err(|_| format!("needs a Windows time zone such as 'W. Europe Standard Time', got '{name}'"))
}
