//! The table again, transcribed from the standard and the vendors and not from the code.

use ErrorKind::{Auth, Bug, Data, Spec, Unavailable};

use ropeway_engine::testing::retry_table::letter;

use super::*;

fn complaint(state: &str, text: &str) -> Complaint {
    Complaint { state: state.to_owned(), text: text.to_owned(), number: None }
}

/// States, the kind, the class while reading, the class where a transaction ends.
const ROWS: &[(&[&str], ErrorKind, char, char)] = &[
    // Only connecting gives these; where a transaction ends, unknown is the careful reading.
    (&["08001", "08004", "HYT01"], Unavailable, 'R', 'U'),
    (&["08S01", "08003", "08006", "57P01", "57P02", "57P03", "40003"], Unavailable, 'R', 'U'),
    (&["08007"], Unavailable, 'U', 'U'),
    (&["HYT00"], Unavailable, 'L', 'U'),
    (&["40001", "40P01"], Unavailable, 'X', 'X'),
    (&["40002", "23000", "23505", "23503"], Data, 'P', 'P'),
    (&["25000", "25001", "25P01", "24000", "HY010"], Bug, 'F', 'F'),
    (&["25P03"], Unavailable, 'R', 'U'),
    (&["53000", "53100", "53200", "53300"], Unavailable, 'H', 'H'),
    (&["55P03", "55006"], Unavailable, 'L', 'L'),
    (&["57014"], Unavailable, 'L', 'L'),
    (&["22001", "22003", "22007", "22008", "22012", "22018", "22P02"], Data, 'P', 'P'),
    (&["28000", "28P01", "42501"], Auth, 'P', 'P'),
    (&["42S02", "42601", "42000", "IM002", "IM003", "HYC00"], Spec, 'P', 'P'),
    (&["HY090", "HY091", "HY092", "HY095", "HY096", "HY097", "HY098", "HY099"], Spec, 'P', 'P'),
    (&["HY100", "HY101", "HY103", "HY104", "HY105", "HY106"], Spec, 'P', 'P'),
    (&["HY000", "HY001", "58000", "58030", "XX000"], Unavailable, 'T', 'T'),
    (&["XX001", "XX002"], Data, 'F', 'F'),
    (&["01004", "01S07"], Data, 'F', 'F'),
    (&["ZZZZZ"], Unavailable, 'T', 'T'),
];

#[test]
fn every_state_has_its_class() {
    for (states, kind, reading, ending) in ROWS {
        for state in *states {
            let complaint = complaint(state, "anything");
            let read = complaint.class();
            assert_eq!((read.0, letter(read.1)), (*kind, *reading), "{state} while reading");
            assert_eq!(letter(complaint.class_at_commit().1), *ending, "{state} at a commit");
            let error = complaint.into_error("reading t");
            assert_eq!(error.attempts_allowed(), (*reading == 'T').then_some(3), "{state}");
            assert_eq!((error.is_transient(), error.is_fatal()), (*kind == Unavailable, *reading == 'F'), "{state}");
        }
    }
}

#[test]
fn the_number_of_sql_server_wins_over_the_state() {
    for (number, kind, class) in
        [(1205, Unavailable, 'X'), (40501, Unavailable, 'H'), (208, Spec, 'P'), (824, Data, 'F'), (50_000, Spec, 'P')]
    {
        let complaint = Complaint { number: Some(number), ..complaint("42000", "anything") };
        let (found, letter_of) = complaint.class();
        assert_eq!((found, letter(letter_of)), (kind, class), "{number}");
    }
}

#[test]
fn what_drivers_say_wins_over_their_state() {
    let refused = complaint("08001", "FATAL: password authentication failed for user \"u\"").class();
    assert_eq!(refused, (Auth, RetryClass::Permanent));
    let gone = complaint("HY000", "MySQL server has gone away").class();
    assert_eq!(gone, (Unavailable, RetryClass::Reconnect));
}

#[test]
fn no_value_of_a_row_is_repeated() {
    let error = complaint("22P02", "invalid input: \"4111 1111\"").into_error("reading t");
    assert_eq!(error.kind(), Data);
    assert!(!error.to_string().contains("4111"), "{error}");
}
