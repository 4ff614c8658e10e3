//! The table again, transcribed from the vendor's lists and not from the code: every row is looked up.

use ropeway_engine::testing::retry_table::letter;

use super::*;

/// The transient numbers of EF Core, SqlClient and Microsoft's documentation.
#[rustfmt::skip]
const DOCUMENTED: [(u32, char); 176] = [
    (20, 'P'), (64, 'R'), (121, 'R'), (203, 'R'), (233, 'R'), (539, 'X'), (601, 'T'), (615, 'R'), (617, 'R'),
    (669, 'T'), (921, 'R'), (926, 'R'), (927, 'R'), (941, 'R'), (952, 'R'), (982, 'R'), (988, 'R'), (997, 'R'),
    (1203, 'X'), (1204, 'L'), (1205, 'X'), (1215, 'T'), (1216, 'T'), (1221, 'X'), (1222, 'L'), (1232, 'T'),
    (1404, 'H'), (1413, 'T'), (1421, 'T'), (1438, 'T'), (1532, 'X'), (1533, 'X'), (1534, 'X'), (1535, 'X'),
    (1807, 'T'), (2021, 'X'), (2816, 'X'), (3429, 'T'), (3635, 'T'), (3935, 'X'), (3941, 'P'), (3947, 'X'),
    (3948, 'X'), (3950, 'X'), (3953, 'T'), (3957, 'P'), (3960, 'X'), (3966, 'X'), (3980, 'R'), (4060, 'R'),
    (4117, 'T'), (4184, 'T'), (4221, 'R'), (5280, 'T'), (5529, 'T'), (6292, 'T'), (7951, 'T'), (8628, 'L'),
    (8645, 'L'), (8651, 'L'), (9020, 'T'), (9515, 'T'), (9985, 'H'), (10053, 'R'), (10054, 'R'), (10060, 'R'),
    (10922, 'T'), (10928, 'H'), (10929, 'H'), (10930, 'H'), (10936, 'H'), (11001, 'R'), (11539, 'T'), (14355, 'H'),
    (14817, 'T'), (14868, 'P'), (14906, 'T'), (16528, 'T'), (16554, 'T'), (16555, 'T'), (17065, 'T'), (17066, 'T'),
    (17067, 'T'), (17197, 'R'), (17889, 'R'), (18401, 'R'), (18858, 'T'), (19413, 'T'), (19416, 'T'), (19494, 'T'),
    (20041, 'X'), (21503, 'T'), (22225, 'T'), (22226, 'T'), (22335, 'H'), (22353, 'T'), (22355, 'T'), (22358, 'T'),
    (22427, 'T'), (22430, 'T'), (22491, 'T'), (22493, 'T'), (22498, 'H'), (22754, 'T'), (22758, 'T'), (22759, 'T'),
    (22760, 'T'), (22984, 'T'), (25003, 'P'), (25738, 'H'), (25740, 'H'), (30080, 'T'), (30085, 'H'), (33123, 'P'),
    (35216, 'T'), (35218, 'T'), (35256, 'T'), (35293, 'T'), (37202, 'T'), (37327, 'H'), (39025, 'T'), (39108, 'H'),
    (39110, 'H'), (39151, 'T'), (39152, 'T'), (40106, 'T'), (40143, 'R'), (40189, 'H'), (40197, 'R'), (40501, 'H'),
    (40540, 'R'), (40613, 'R'), (40623, 'R'), (40642, 'H'), (40648, 'H'), (40671, 'R'), (40675, 'H'), (40890, 'H'),
    (40903, 'H'), (40918, 'T'), (40938, 'T'), (41301, 'O'), (41302, 'O'), (41305, 'O'), (41325, 'O'), (41339, 'X'),
    (41383, 'T'), (41614, 'T'), (41619, 'T'), (41640, 'T'), (41700, 'T'), (41701, 'T'), (41823, 'H'), (41839, 'O'),
    (41840, 'H'), (42029, 'T'), (42108, 'R'), (42109, 'R'), (45153, 'T'), (45156, 'H'), (45157, 'H'), (45161, 'H'),
    (45179, 'T'), (45182, 'H'), (45319, 'H'), (45547, 'T'), (47132, 'T'), (47137, 'T'), (47139, 'T'), (49510, 'T'),
    (49802, 'R'), (49918, 'H'), (49919, 'H'), (49920, 'H'), (49977, 'H'), (49983, 'T'),
];

/// What those lists omit, and what is never tried again.
#[rustfmt::skip]
const ADDED: &[(&[u32], char)] = &[
    (&[53, 258, 1236, 10051, 10061, 11002, 11004, 10065], 'R'),
    (&[596, 6005, 6006, 17142, 976, 978, 979, 983, 3906, 3908, 40020, 40166, 40174], 'R'),
    (&[40549, 40550, 40551, 40552, 40553], 'L'),
    (&[9002, 1105, 1101, 3257, 40544], 'H'),
    (&[18456, 18452, 18450, 18470, 18487, 18488, 40531, 40532, 40615], 'P'),
    (&[229, 230, 262, 297, 300, 916, 207, 208, 2812, 4902, 102, 156, 170], 'P'),
    (&[2627, 2601], 'P'),
    (&[515, 547, 245, 8114, 8115, 8152, 2628, 241, 242, 220, 4815, 4819, 8016, 7339], 'P'),
    (&[8672], 'P'),
    (&[823, 824, 825, 605, 7105, 8646], 'F'),
    (&[51001, 51006], 'F'),
    (&[51002, 51007], 'X'),
    (&[51003, 51004, 51005], 'P'),
    // A procedure that ends what it did not begin does so every time.
    (&[266], 'P'),
    (&[3998, 3971, 3961], 'X'),
    // The document has X and «fall back to another isolation»; there is no such fall-back.
    (&[3952], 'P'),
];

fn rows() -> Vec<(u32, char)> {
    let added = ADDED.iter().flat_map(|(numbers, class)| numbers.iter().map(|number| (*number, *class)));
    DOCUMENTED.into_iter().chain(added).collect()
}

#[test]
fn every_row_has_its_class_and_no_number_has_none() {
    let rows = rows();
    for (number, class) in &rows {
        let meaning = meaning(*number, true).unwrap_or_else(|| panic!("{number} is missing"));
        assert_eq!(letter(meaning.class), *class, "{number}");
        assert_eq!(meaning.kind == ErrorKind::Unavailable, !matches!(class, 'P' | 'F'), "{number}");
    }
    let mut listed: Vec<u32> = LISTS.iter().flat_map(|(list, ..)| list.iter().copied()).collect();
    listed.sort_unstable();
    let mut expected: Vec<u32> = rows.iter().map(|row| row.0).collect();
    expected.sort_unstable();
    assert_eq!(listed, expected, "a number stands in one list, and in one row");
    assert!(LISTS.iter().all(|(list, ..)| list.is_sorted()), "they are searched by halving");
    assert_eq!(meaning(50_000, true), None);
}

#[test]
fn some_numbers_are_worth_few_attempts() {
    // Numbers, whether a session existed before, attempts, what it is then, seconds to wait at least.
    for (numbers, worked_before, attempts, then, pause) in [
        (&[4060][..], false, Some(3), ErrorKind::Spec, 0),
        (&[4060], true, None, ErrorKind::Unavailable, 0),
        (&[53, 258, 1236, 10051, 10061, 11002, 11004, 10065], false, Some(3), ErrorKind::Unavailable, 0),
        (&[53, 258, 1236, 10051, 10061, 11002, 11004, 10065], true, None, ErrorKind::Unavailable, 0),
        (&[41823, 41840, 10928], true, Some(5), ErrorKind::Unavailable, 0),
        (&[9002, 1105, 1101, 3257, 40544], true, Some(2), ErrorKind::Unavailable, 60),
        (&[40613, 40501], false, None, ErrorKind::Unavailable, 0),
    ] {
        for number in numbers {
            let error = meaning(*number, worked_before).unwrap().put_on(Error::new(ErrorKind::Unavailable, "no"));
            assert_eq!(error.attempts_allowed(), attempts, "{number}");
            assert_eq!(error.pause_asked().unwrap_or_default(), Duration::from_secs(pause), "{number}");
            let last = error.after(attempts.unwrap_or(1_000));
            assert_eq!(last.kind(), then, "{number}");
            assert_eq!(last.retry_class() == RetryClass::Permanent, attempts.is_some(), "{number}");
        }
    }
}

#[test]
fn unlisted_errors_mean_what_their_severity_means() {
    for (severity, connecting, class, attempts) in [
        (20, false, 'R', None),
        (25, false, 'R', None),
        (17, false, 'H', Some(2)),
        (16, false, 'P', None),
        (11, false, 'P', None),
        (15, false, 'P', None),
        // Nothing is known of a login that fails: it is not tried again, for accounts are locked out.
        (20, true, 'P', None),
        (17, true, 'P', None),
        (14, true, 'P', None),
    ] {
        let meaning = meaning_of_unlisted(49_999, severity, connecting);
        assert_eq!((letter(meaning.class), meaning.limit.map(|limit| limit.attempts)), (class, attempts), "{severity}");
        assert_ne!(meaning.kind, ErrorKind::Data);
    }
    let raised = meaning_of_unlisted(50_000, 16, false);
    assert_eq!((raised.kind, letter(raised.class)), (ErrorKind::Data, 'P'), "a procedure refuses rows");
}

#[test]
fn the_order_of_severity_is_that_of_the_document() {
    let order: Vec<char> = LISTS.iter().map(|(.., class)| letter(*class)).collect();
    let mut once = order.clone();
    once.dedup();
    assert_eq!(once.iter().collect::<String>(), "FPHRLXTO");
    assert!(rank(824) < rank(229) && rank(229) < rank(40501) && rank(40501) < rank(40613));
    assert!(rank(40613) < rank(1222) && rank(1222) < rank(1205) && rank(1205) < rank(601));
    assert!(rank(41302) < rank(50_000));
}
