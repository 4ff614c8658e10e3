//! SQL Server's error numbers and what they mean for a copy.
//!
//! From the transient lists of EF Core, SqlClient and Microsoft's documentation, with what they omit.
//! Number 20 (no encryption) is permanent although EF Core lists it: it may be an attack.

use ropeway_engine::{ErrorKind, retry::RetryClass};

/// What a number means, or `None` for a number that no list names.
pub(crate) fn meaning(number: u32) -> Option<(ErrorKind, RetryClass)> {
    LISTS.iter().find(|(list, ..)| list.binary_search(&number).is_ok()).map(|(_, kind, class)| (*kind, *class))
}

/// What an unlisted error of this severity means.
pub(crate) fn meaning_of_severity(severity: i32) -> (ErrorKind, RetryClass) {
    match severity {
        20.. => (ErrorKind::Unavailable, RetryClass::Reconnect),
        17 => (ErrorKind::Unavailable, RetryClass::Throttled),
        _ => (ErrorKind::Spec, RetryClass::Permanent),
    }
}

type List = (&'static [u32], ErrorKind, RetryClass);

/// The most severe first: an error set means what its first member in this order means.
pub(crate) const LISTS: [List; 11] = [
    (CORRUPT, ErrorKind::Data, RetryClass::Permanent),
    (LOGIN, ErrorKind::Auth, RetryClass::Permanent),
    (PERMISSION, ErrorKind::Auth, RetryClass::Permanent),
    (DEFINITION, ErrorKind::Spec, RetryClass::Permanent),
    (DATA, ErrorKind::Data, RetryClass::Permanent),
    (THROTTLED, ErrorKind::Unavailable, RetryClass::Throttled),
    (RECONNECT, ErrorKind::Unavailable, RetryClass::Reconnect),
    (SHRINK, ErrorKind::Unavailable, RetryClass::Shrink),
    (REDO, ErrorKind::Unavailable, RetryClass::Redo),
    (TRANSIENT, ErrorKind::Unavailable, RetryClass::Transient),
    (CONFLICT, ErrorKind::Unavailable, RetryClass::Conflict),
];

/// The position of a number in the order of severity; unlisted numbers come last.
pub(crate) fn rank(number: u32) -> usize {
    LISTS.iter().position(|(list, ..)| list.binary_search(&number).is_ok()).unwrap_or(LISTS.len())
}

/// R: the session or the database is gone; a new connection may find it again.
#[rustfmt::skip]
const RECONNECT: &[u32] = &[
    53, 64, 121, 203, 233, 258, 596, 615, 617, 921, 926, 927, 941, 952, 976, 978, 979, 982, 983, 988, 997, 1236,
    3906, 3908, 3980, 4060, 4221, 6005, 6006, 10051, 10053, 10054, 10060, 10061, 10065, 11001, 11002, 11004, 17142,
    17197, 17889, 18401, 40020, 40143, 40166, 40174, 40197, 40540, 40613, 40623, 40671, 42108, 42109, 49802,
];

/// X: the server rolled the work back.
#[rustfmt::skip]
const REDO: &[u32] = &[
    539, 1203, 1205, 1221, 1532, 1533, 1534, 1535, 2021, 2816, 3935, 3947, 3948, 3950, 3960, 3966, 3971, 3998, 20041,
    41339,
];

/// L: locks, memory or the optimizer timed out, or the service ended the session for using too much.
#[rustfmt::skip]
const SHRINK: &[u32] = &[
    1204, 1222, 8628, 8645, 8651, 40549, 40550, 40551, 40552, 40553,
];

/// H: the server governs its resources.
#[rustfmt::skip]
const THROTTLED: &[u32] = &[
    1101, 1105, 1404, 3257, 9002, 9985, 10928, 10929, 10930, 10936, 14355, 22335, 22498, 25738, 25740, 30085, 37327,
    39108, 39110, 40189, 40501, 40544, 40642, 40648, 40675, 40890, 40903, 41823, 41840, 45156, 45157, 45161, 45182,
    45319, 49918, 49919, 49920, 49977,
];

/// O: optimistic conflicts of in-memory tables.
#[rustfmt::skip]
const CONFLICT: &[u32] = &[
    41301, 41302, 41305, 41325, 41839,
];

/// T: the server says «retry».
#[rustfmt::skip]
const TRANSIENT: &[u32] = &[
    601, 669, 1215, 1216, 1232, 1413, 1421, 1438, 1807, 3429, 3635, 3953, 4117, 4184, 5280, 5529, 6292, 7951, 9020,
    9515, 10922, 11539, 14817, 14906, 16528, 16554, 16555, 17065, 17066, 17067, 18858, 19413, 19416, 19494, 21503,
    22225, 22226, 22353, 22355, 22358, 22427, 22430, 22491, 22493, 22754, 22758, 22759, 22760, 22984, 30080, 35216,
    35218, 35256, 35293, 37202, 39025, 39151, 39152, 40106, 40918, 40938, 41383, 41614, 41619, 41640, 41700, 41701,
    42029, 45153, 45179, 45547, 47132, 47137, 47139, 49510, 49983,
];

/// P: the login is refused. Never tried again: an account may be locked out.
#[rustfmt::skip]
const LOGIN: &[u32] = &[
    18450, 18452, 18456, 18470, 18487, 18488, 40531, 40532, 40615,
];

/// P: the login lacks a permission.
#[rustfmt::skip]
const PERMISSION: &[u32] = &[
    229, 230, 262, 297, 300, 916,
];

/// P: the query, an object of it or a setting is wrong.
#[rustfmt::skip]
const DEFINITION: &[u32] = &[
    20, 102, 156, 170, 207, 208, 2812, 3941, 3952, 3957, 3961, 4902, 14868, 25003, 33123,
];

/// P: a value does not fit.
#[rustfmt::skip]
const DATA: &[u32] = &[
    220, 241, 242, 245, 515, 547, 2601, 2627, 2628, 4815, 4819, 7339, 8016, 8114, 8115, 8152, 8672,
];

/// F: the database is damaged; nothing may be skipped.
#[rustfmt::skip]
const CORRUPT: &[u32] = &[
    605, 823, 824, 7105, 8646, 51001,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_in_one_list_only_and_lists_are_sorted() {
        let mut seen = std::collections::BTreeSet::new();
        for (list, ..) in LISTS {
            assert!(list.is_sorted());
            for number in list {
                assert!(seen.insert(number), "{number} is listed twice");
            }
        }
        assert!(seen.len() > 200);
    }

    #[test]
    fn numbers_mean_what_the_vendor_documents() {
        for (number, kind, class) in [
            (1205, ErrorKind::Unavailable, RetryClass::Redo),
            (1222, ErrorKind::Unavailable, RetryClass::Shrink),
            (10928, ErrorKind::Unavailable, RetryClass::Throttled),
            (40501, ErrorKind::Unavailable, RetryClass::Throttled),
            (40613, ErrorKind::Unavailable, RetryClass::Reconnect),
            (10054, ErrorKind::Unavailable, RetryClass::Reconnect),
            (41302, ErrorKind::Unavailable, RetryClass::Conflict),
            (601, ErrorKind::Unavailable, RetryClass::Transient),
            (18456, ErrorKind::Auth, RetryClass::Permanent),
            (229, ErrorKind::Auth, RetryClass::Permanent),
            (208, ErrorKind::Spec, RetryClass::Permanent),
            (20, ErrorKind::Spec, RetryClass::Permanent),
            (245, ErrorKind::Data, RetryClass::Permanent),
            (824, ErrorKind::Data, RetryClass::Permanent),
        ] {
            assert_eq!(meaning(number), Some((kind, class)), "{number}");
        }
        assert_eq!(meaning(50_000), None);
        assert_eq!(meaning_of_severity(16), (ErrorKind::Spec, RetryClass::Permanent));
        assert_eq!(meaning_of_severity(21), (ErrorKind::Unavailable, RetryClass::Reconnect));
    }
}
