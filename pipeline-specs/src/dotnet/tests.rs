use proptest::prelude::*;

use super::{ClockTime, TimeFormat, TimeKind};

const SECOND: i64 = 10_000_000;
const DAY: i64 = 86_400 * SECOND;
/// 2024-02-29, a Thursday.
const LEAP_DAY: i64 = 738_944 * DAY;
/// Behind 9999-12-31.
const END: i64 = 3_652_059 * DAY;

fn at(ticks: i64) -> ClockTime {
    ClockTime { ticks, offset: None }
}

fn format(kind: TimeKind, pattern: &str) -> TimeFormat {
    TimeFormat::of(kind, pattern).unwrap()
}

fn written(format: &TimeFormat, time: ClockTime) -> String {
    let mut text = String::new();
    format.write(time, &mut text);
    text
}

#[test]
fn custom_formats_are_read_and_written() {
    let afternoon = LEAP_DAY + (13 * 3_600 + 4 * 60 + 5) * SECOND + 1_230_000;
    for (pattern, text, ticks) in [
        ("yyyy-MM-dd", "2024-02-29", LEAP_DAY),
        ("dd/MM/yyyy", "29/02/2024", LEAP_DAY),
        ("d.M.yyyy", "29.2.2024", LEAP_DAY),
        ("yyyyMMddHHmmssfff", "20240229130405123", afternoon),
        ("yyyy-MM-dd HH:mm:ss.FFFFFFF", "2024-02-29 13:04:05.123", afternoon),
        ("yyyy-MM-dd HH:mm:ss.FFF", "2024-02-29 00:00:00", LEAP_DAY),
        ("M/d/yyyy h:mm:ss.fff tt", "2/29/2024 1:04:05.123 PM", afternoon),
        ("dddd, d MMMM yyyy 'at' H.mm.ss.fff", "Thursday, 29 February 2024 at 13.04.05.123", afternoon),
        ("ddd dd-MMM-yyyy", "Thu 29-Feb-2024", LEAP_DAY),
        (r"yyyy\yMM", "2024y02", LEAP_DAY - 28 * DAY),
        ("s", "2024-02-29T00:00:00", LEAP_DAY),
        ("o", "2024-02-29T13:04:05.1230000", afternoon),
        ("u", "2024-02-29 00:00:00Z", LEAP_DAY),
        ("d", "2/29/2024", LEAP_DAY),
        ("yyyy-MM-dd", "0001-01-01", 0),
        ("yyyy-MM-dd HH:mm:ss.fffffff", "9999-12-31 23:59:59.9999999", END - 1),
    ] {
        let format = format(TimeKind::DateTime, pattern);
        assert_eq!(written(&format, at(ticks)), text, "{pattern}");
        if format.unreadable().is_none() {
            assert_eq!(format.read(text), Some(at(ticks)), "{pattern}");
        }
    }
}

#[test]
fn offsets_are_kept() {
    let ahead = ClockTime { ticks: LEAP_DAY + 3_600 * SECOND, offset: Some(330) };
    let behind = ClockTime { ticks: LEAP_DAY, offset: Some(-90) };
    for (pattern, time, text) in [
        ("yyyy-MM-dd HH:mm zzz", ahead, "2024-02-29 01:00 +05:30"),
        ("o", ahead, "2024-02-29T01:00:00.0000000+05:30"),
        ("yyyy-MM-dd HH:mmK", behind, "2024-02-29 00:00-01:30"),
    ] {
        let format = format(TimeKind::DateTimeOffset, pattern);
        assert_eq!(written(&format, time), text);
        assert_eq!(format.read(text), Some(time), "{pattern}");
    }
    // What shows UTC and nothing else shows the time there.
    assert_eq!(written(&format(TimeKind::DateTimeOffset, "u"), ahead), "2024-02-28 19:30:00Z");
}

#[test]
fn a_text_in_another_form_is_no_time() {
    for (pattern, text) in [
        ("yyyy-MM-dd", "2024-02-30"),
        ("yyyy-MM-dd", "2024-2-29"),
        ("yyyy-MM-dd", "2024-02-29 "),
        ("yyyy-MM-dd", "2024-02-29T00:00"),
        ("yyyy-MM-dd", "24-02-29"),
        ("yyyy-MM-dd", ""),
        ("dd/MM/yyyy", "02/29/2024"),
        ("dddd d/M/yyyy", "Friday 29/2/2024"),
        ("yyyy-MM-dd HH:mm", "2024-02-29 24:00"),
        ("yyyy-MM-dd hh:mm tt", "2024-02-29 13:00 PM"),
        ("yyyy-MM-dd HH:mm:ss.fff", "2024-02-29 00:00:00.12"),
        ("yyyy-MM-dd yyyy", "2024-02-29 2023"),
        ("yyyy-MM-ddzzz", "2024-02-29+15:00"),
        ("yyyy-MM-dd", "\u{0662}024-02-29"),
    ] {
        assert_eq!(format(TimeKind::DateTime, pattern).read(text), None, "{pattern}: {text}");
    }
}

#[test]
fn general_forms_are_iso_and_the_month_first() {
    let general = TimeFormat::general(TimeKind::DateTime);
    for (text, ticks) in [
        ("2024-02-29", LEAP_DAY),
        ("2024-02-29T01:00:00", LEAP_DAY + 3_600 * SECOND),
        ("2024-02-29 00:00:00.1234567", LEAP_DAY + 1_234_567),
        ("2024-02-29 00:00:00.12345670", LEAP_DAY + 1_234_567),
        ("2/29/2024", LEAP_DAY),
        ("02/29/2024 1:00:00 AM", LEAP_DAY + 3_600 * SECOND),
    ] {
        assert_eq!(general.read(text), Some(at(ticks)), "{text}");
    }
    let offset = Some(ClockTime { ticks: LEAP_DAY, offset: Some(120) });
    assert_eq!(general.read("2024-02-29T00:00:00+02:00"), offset);
    for text in [
        "29/02/2024",
        "02/29/24",
        "24-02-29",
        "2024-02-29 00:00:00.12345678",
        "2024-02-29 00:00:00.0000000001",
        "yesterday",
        "12:00",
        "2024-02-29T00:00:60",
    ] {
        assert_eq!(general.read(text), None, "{text}");
    }
    let texts = [
        (TimeKind::Date, "2024-02-29"),
        (TimeKind::DateTime, "2024-02-29 00:00:00.0000000"),
        (TimeKind::DateTimeOffset, "2024-02-29 00:00:00.0000000 +00:00"),
    ];
    for (kind, text) in texts {
        assert_eq!(written(&TimeFormat::general(kind), at(LEAP_DAY)), text);
    }
}

#[test]
fn what_cannot_be_read_says_why() {
    for pattern in ["yy-MM-dd", "HH:mm", "yyyy-MM", "yyyy-MM-dd hh:mm", "yyyy-MM-dd g", "yyyy dddd MM"] {
        assert!(format(TimeKind::DateTime, pattern).unreadable().is_some(), "{pattern}");
    }
    for pattern in ["yyyy-MM-dd", "%d MMM yyyy", "o", "G"] {
        assert_eq!(format(TimeKind::DateTime, pattern).unreadable(), None, "{pattern}");
    }
    for (kind, pattern) in [
        (TimeKind::DateTime, "'open"),
        (TimeKind::DateTime, "x"),
        (TimeKind::DateTime, "ffffffff"),
        (TimeKind::DateTime, r"yyyy\"),
        (TimeKind::TimeSpan, "hh:mm"),
        (TimeKind::TimeSpan, "g"),
        (TimeKind::TimeSpan, "hhh"),
    ] {
        assert!(TimeFormat::of(kind, pattern).is_err(), "{pattern}");
    }
}

#[test]
fn spans_are_read_and_written() {
    let time = (13 * 3_600 + 4 * 60 + 5) * SECOND;
    for (pattern, text, ticks) in [
        (r"hh\:mm\:ss", "13:04:05", time),
        (r"h\.m\.s", "13.4.5", time),
        ("hh':'mm':'ss'.'fff", "13:04:05.120", time + 1_200_000),
        (r"d\.hh\:mm", "0.13:04", time - 5 * SECOND),
        ("c", "13:04:05", time),
        ("c", "13:04:05.0000001", time + 1),
    ] {
        let format = format(TimeKind::TimeSpan, pattern);
        assert_eq!(written(&format, at(ticks)), text, "{pattern}");
        assert_eq!(format.read(text), Some(at(ticks)), "{pattern}");
    }
    let general = TimeFormat::general(TimeKind::TimeSpan);
    assert_eq!(written(&general, at(time)), "13:04:05.0000000");
    assert_eq!(general.read("13:04"), Some(at(time - 5 * SECOND)));
    for text in ["24:00", "12:60", "12", "-1:00", "12:00:00.12345678", ""] {
        assert_eq!(general.read(text), None, "{text}");
    }
    assert_eq!(format(TimeKind::TimeSpan, r"hh\:mm").read("25:00"), None);
}

proptest! {
    /// Whatever has every part comes back as it was.
    #[test]
    fn a_full_format_loses_nothing(ticks in 0..END, offset in -840_i16..=840, pattern in prop::sample::select(vec![
        "o",
        "yyyy-MM-dd HH:mm:ss.fffffff zzz",
        "dddd dd MMMM yyyy hh:mm:ss.FFFFFFF tt zzz",
        "fffffff ss mm HH dd MMM yyyy K",
    ])) {
        let (format, time) = (format(TimeKind::DateTimeOffset, pattern), ClockTime { ticks, offset: Some(offset) });
        prop_assert_eq!(format.read(&written(&format, time)), Some(time));
    }

    /// Nothing that a person can write makes it panic.
    #[test]
    fn any_format_and_any_text_are_taken(pattern in ".{0,20}", text in ".{0,20}") {
        for kind in [TimeKind::DateTime, TimeKind::TimeSpan] {
            if let Ok(format) = TimeFormat::of(kind, &pattern) {
                let _ = format.read(&text);
                let _ = written(&format, at(LEAP_DAY % DAY));
            }
            let _ = TimeFormat::general(kind).read(&text);
        }
    }
}
