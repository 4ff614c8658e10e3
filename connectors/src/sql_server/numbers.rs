//! SQL Server's error numbers and what they mean for a copy.
//!
//! From the transient lists of EF Core, SqlClient and Microsoft's documentation, with what they omit.
//! Number 20 (no encryption) is permanent although EF Core lists it: it may be an attack.

use std::time::Duration;

use ropeway_engine::{Error, ErrorKind, retry::RetryClass};

/// What an error is to a copy, and how often it is worth a try if that is not for its class to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) kind: ErrorKind,
    pub(crate) class: RetryClass,
    limit: Option<Limit>,
}

/// An error that does not go away for long is another one than it seemed to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limit {
    attempts: u32,
    /// Its kind after that; it is permanent then.
    then: ErrorKind,
    pause: Option<Duration>,
}

impl Meaning {
    const fn new(kind: ErrorKind, class: RetryClass) -> Self {
        Self { kind, class, limit: None }
    }

    const fn at_most(self, attempts: u32, then: ErrorKind) -> Self {
        Self { limit: Some(Limit { attempts, then, pause: None }), ..self }
    }

    /// Gives an error this meaning.
    pub(crate) fn put_on(self, error: Error) -> Error {
        let error = error.class(self.class);
        let Some(Limit { attempts, then, pause }) = self.limit else { return error };
        let error = error.at_most(attempts, then, RetryClass::Permanent);
        match pause {
            Some(pause) => error.retry_after(pause),
            None => error,
        }
    }
}

/// What a number means, or `None` for a number that no list names. `worked_before` is true once a
/// session existed: a host or a database that was there comes back, one that never was is a wrong name.
pub(crate) fn meaning(number: u32, worked_before: bool) -> Option<Meaning> {
    let (_, kind, class) = LISTS.iter().find(|(list, ..)| list.binary_search(&number).is_ok())?;
    let meaning = Meaning::new(*kind, *class);
    Some(match number {
        4060 if !worked_before => meaning.at_most(3, ErrorKind::Spec),
        _ if FIRST_CONTACT.contains(&number) && !worked_before => meaning.at_most(3, ErrorKind::Unavailable),
        _ if QUOTA.contains(&number) => meaning.at_most(5, ErrorKind::Unavailable),
        _ if FULL.contains(&number) => Meaning {
            limit: Some(Limit { attempts: 2, then: ErrorKind::Unavailable, pause: Some(Duration::from_secs(60)) }),
            ..meaning
        },
        _ => meaning,
    })
}

/// What an unlisted error of this severity means: a procedure or a trigger of the database refuses rows, or else it is one
/// of the server's. While logging in nothing unlisted is tried again.
pub(crate) fn meaning_of_unlisted(number: u32, severity: i32, connecting: bool) -> Meaning {
    match severity {
        ..=16 if number >= USERS => Meaning::new(ErrorKind::Data, RetryClass::Permanent),
        20.. if !connecting => Meaning::new(ErrorKind::Unavailable, RetryClass::Reconnect),
        17 if !connecting => {
            Meaning::new(ErrorKind::Unavailable, RetryClass::Throttled).at_most(2, ErrorKind::Unavailable)
        }
        _ => Meaning::new(ErrorKind::Spec, RetryClass::Permanent),
    }
}

/// From here on numbers are those that procedures and triggers raise on their own.
const USERS: u32 = 50_000;
/// Network errors that a wrong name explains as well.
const FIRST_CONTACT: [u32; 8] = [53, 258, 1236, 10051, 10061, 10065, 11002, 11004];
/// Quotas that may be used up for good.
const QUOTA: [u32; 3] = [10928, 41823, 41840];
/// A log, a disk or a database that is full: once more after a minute.
const FULL: [u32; 5] = [1101, 1105, 3257, 9002, 40544];

type List = (&'static [u32], ErrorKind, RetryClass);

/// The most severe first, F > P > U > H > R > L > X > T > O: an error set means what its first member
/// in this order means.
const LISTS: [List; 11] = [
    (CORRUPT, ErrorKind::Data, RetryClass::Fatal),
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

/// The position of a number in the order of severity; unlisted numbers come last, for a known number
/// says more than a severity.
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

/// X: the server rolled the work back (51002 and 51007, our own: the transaction to commit, or to read in, was gone).
#[rustfmt::skip]
const REDO: &[u32] = &[
    539, 1203, 1205, 1221, 1532, 1533, 1534, 1535, 2021, 2816, 3935, 3947, 3948, 3950, 3960, 3961, 3966, 3971, 3998,
    20041, 41339, 51002, 51007,
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

/// P: the query, an object of it or a setting is wrong (51005, our own: a stored procedure swallowed an error, or ended a
/// transaction that it had not begun).
#[rustfmt::skip]
const DEFINITION: &[u32] = &[
    20, 102, 156, 170, 207, 208, 266, 2812, 3941, 3952, 3957, 4902, 14868, 25003, 33123, 51005,
];

/// P: a value does not fit.
#[rustfmt::skip]
const DATA: &[u32] = &[
    220, 241, 242, 245, 515, 547, 2601, 2627, 2628, 4815, 4819, 7339, 8016, 8114, 8115, 8152, 8672,
    51003, 51004,
];

/// F: the database is damaged and nothing may be skipped, or (our own) another process took the run over (51001), or a
/// stored procedure committed a chunk without its row in the ledger (51006).
#[rustfmt::skip]
const CORRUPT: &[u32] = &[
    605, 823, 824, 825, 7105, 8646, 51001, 51006,
];

#[cfg(test)]
mod tests;
