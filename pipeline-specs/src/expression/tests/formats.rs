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
    ] {
        assert_eq!(evaluated(&format!("@formatDateTime('{text}')")), json!(expected), "{text}");
    }
}
