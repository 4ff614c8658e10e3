//! Formats of dates that .NET has, and the forms in which dates are read.

use serde_json::json;

use super::{evaluated, refused};

#[test]
fn date_formats() {
    let at = "'2018-03-05T09:07:04.1230000Z'";
    for (format, expected) in [
        ("o", "2018-03-05T09:07:04.1230000Z"),
        ("s", "2018-03-05T09:07:04"),
        ("u", "2018-03-05 09:07:04Z"),
        ("R", "Mon, 05 Mar 2018 09:07:04 GMT"),
        ("d", "3/5/2018"),
        ("t", "9:07 AM"),
        ("G", "3/5/2018 9:07:04 AM"),
        ("yyyyMMdd", "20180305"),
        ("yy-M-d", "18-3-5"),
        ("ddd MMM", "Mon Mar"),
        ("dddd, MMMM", "Monday, March"),
        ("h:mm tt", "9:07 AM"),
        ("HH'h'mm", "09h07"),
        ("fff", "123"),
        ("ss.FFFFFFF", "04.123"),
        ("yyyy\\d", "2018d"),
        ("%d", "5"),
        ("K", "K"),
        ("yyyyK", "2018Z"),
        ("yyyy/MM/dd/HH", "2018/03/05/09"),
    ] {
        if format == "K" {
            assert!(refused(&format!("@formatDateTime({at}, 'K')")).contains("does not know the date format 'K'"));
            continue;
        }
        assert_eq!(
            evaluated(&format!("@formatDateTime({at}, '{}')", format.replace('\'', "''"))),
            json!(expected),
            "{format}"
        );
    }
    for (text, expected) in [
        ("2018-03-15", "2018-03-15T00:00:00.0000000"),
        ("2018-03-15 12:30", "2018-03-15T12:30:00.0000000"),
        ("2018-03-15T12:30:00+02:00", "2018-03-15T10:30:00.0000000Z"),
        ("3/5/2018 1:02:03 PM", "2018-03-05T13:02:03.0000000"),
        ("2018-03-15T12:30:00.1234567Z", "2018-03-15T12:30:00.1234567Z"),
        ("2018/3/5 1:02 am", "2018-03-05T01:02:00.0000000"),
        ("Thu, 15 Mar 2018 13:00:00 GMT", "2018-03-15T13:00:00.0000000Z"),
        ("Thursday, March 15, 2018", "2018-03-15T00:00:00.0000000"),
        ("mar 5 2018 1:02:03.5 PM", "2018-03-05T13:02:03.5000000"),
        ("15 March 2018 13:00 -01:30", "2018-03-15T14:30:00.0000000Z"),
        ("2018-03-15T12:30:00 +1400", "2018-03-14T22:30:00.0000000Z"),
    ] {
        assert_eq!(evaluated(&format!("@formatDateTime('{text}')")), json!(expected), "{text}");
    }
}

#[test]
fn texts_that_are_no_dates_are_refused() {
    for text in [
        "Wed, 15 Mar 2018 13:00:00 GMT",
        "15 Mar 18",
        "March 2018",
        "32 Mar 2018",
        "2018-03-15T12:30:00+14:01",
        "2018-03-15T12:30:00+01:60",
        "2018-03-15T12:30:00+1",
        "2018-03-15T24:00:00",
        "2018-03-15T12:30:60",
        "3/5/18",
        "12:30",
        "",
    ] {
        assert!(refused(&format!("@formatDateTime('{text}')")).contains("needs a date such as"), "{text}");
    }
}

#[test]
fn every_standard_format_is_known() {
    for (format, expected) in [
        ("", "3/5/2018 9:07:04 PM"),
        ("d", "3/5/2018"),
        ("D", "Monday, March 5, 2018"),
        ("f", "Monday, March 5, 2018 9:07 PM"),
        ("F", "Monday, March 5, 2018 9:07:04 PM"),
        ("g", "3/5/2018 9:07 PM"),
        ("G", "3/5/2018 9:07:04 PM"),
        ("m", "March 5"),
        ("M", "March 5"),
        ("o", "2018-03-05T21:07:04.1200000Z"),
        ("O", "2018-03-05T21:07:04.1200000Z"),
        ("r", "Mon, 05 Mar 2018 21:07:04 GMT"),
        ("R", "Mon, 05 Mar 2018 21:07:04 GMT"),
        ("s", "2018-03-05T21:07:04"),
        ("t", "9:07 PM"),
        ("T", "9:07:04 PM"),
        ("u", "2018-03-05 21:07:04Z"),
        ("U", "Monday, March 5, 2018 9:07:04 PM"),
        ("y", "March 2018"),
        ("Y", "March 2018"),
    ] {
        assert_eq!(
            evaluated(&format!("@formatDateTime('2018-03-05T21:07:04.12Z', '{format}')")),
            json!(expected),
            "{format}"
        );
    }
}

/// The specifiers of .NET's article on custom formats, each in the runs that it has.
#[test]
fn every_custom_specifier_is_known() {
    for (format, expected) in [
        ("d|dd|ddd|dddd|ddddd", "5|05|Mon|Monday|Monday"),
        ("f|ff|fff|ffff|fffff|ffffff|fffffff", "1|12|120|1200|12000|120000|1200000"),
        ("F|FF|FFF|FFFF|FFFFF|FFFFFF|FFFFFFF", "1|12|12|12|12|12|12"),
        ("g|gg", "A.D.|A.D."),
        ("h|hh|H|HH", "9|09|21|21"),
        ("K", "Z"),
        ("m|mm", "7|07"),
        ("M|MM|MMM|MMMM|MMMMM", "3|03|Mar|March|March"),
        ("s|ss", "4|04"),
        ("t|tt", "P|PM"),
        ("y|yy|yyy|yyyy|yyyyy", "18|18|2018|2018|02018"),
        ("z|zz|zzz", "+0|+00|+00:00"),
        ("HH:mm/ss", "21:07/04"),
        ("''d''|\"d\"|\\d|%d", "d|d|d|5"),
        ("xX-_,;[é]", "xX-_,;[é]"),
    ] {
        // A specifier that stands alone is a standard format.
        let wrapped = format!("@formatDateTime('2018-03-05T21:07:04.12Z', '{format} ')");
        assert_eq!(evaluated(&wrapped), json!(format!("{expected} ")), "{format}");
    }
}

#[test]
fn windows_time_zones_follow_their_clocks() {
    for (utc, zone, expected) in [
        ("2018-01-01T00:00", "India Standard Time", "2018-01-01 05:30"),
        ("2018-01-01T00:00", "Nepal Standard Time", "2018-01-01 05:45"),
        ("2018-01-01T00:00", "Chatham Islands Standard Time", "2018-01-01 13:45"),
        ("2018-07-01T00:00", "Chatham Islands Standard Time", "2018-07-01 12:45"),
        ("2018-01-01T00:00", "Newfoundland Standard Time", "2017-12-31 20:30"),
        ("2018-07-01T00:00", "Newfoundland Standard Time", "2018-06-30 21:30"),
        ("2018-01-01T00:00", "Line Islands Standard Time", "2018-01-01 14:00"),
        ("2018-01-01T00:00", "UTC-11", "2017-12-31 13:00"),
        ("2018-01-01T00:00", "UTC+12", "2018-01-01 12:00"),
        ("2018-03-25T00:59", "W. Europe Standard Time", "2018-03-25 01:59"),
        ("2018-03-25T01:00", "W. Europe Standard Time", "2018-03-25 03:00"),
        ("2018-10-28T00:59", "w europe standard time", "2018-10-28 02:59"),
        ("2018-10-28T01:00", "W Europe Standard Time", "2018-10-28 02:00"),
        ("2018-01-01T00:00", "Coordinated Universal Time", ""),
    ] {
        let conversion = format!("@convertFromUtc('{utc}', '{zone}', 'yyyy-MM-dd HH:mm')");
        if expected.is_empty() {
            assert!(refused(&conversion).contains("needs a Windows time zone"), "{zone}");
        } else {
            assert_eq!(evaluated(&conversion), json!(expected), "{utc} {zone}");
        }
    }
    // The hour that comes twice is that of winter; the one that does not come is an error.
    let back = |local: &str| format!("@convertToUtc('{local}', 'W. Europe Standard Time', 'HH:mm')");
    assert_eq!(evaluated(&back("2018-10-28T02:30")), json!("01:30"));
    assert!(refused(&back("2018-03-25T02:30")).contains("clocks skip 2018-03-25 02:30:00"));
}
