//! Whether a copy has the rows of its source, each as often as there.

use std::{collections::HashMap, fmt};

/// A row as text; `None` is null.
pub(crate) type Row = Vec<Option<String>>;

/// How two multisets of rows differ.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) missing: u64,
    pub(crate) extra: u64,
    /// Both, with one row of each.
    text: String,
}

/// Compares two multisets of rows.
///
/// # Errors
/// How many rows are missing or too many, with one of each.
pub(crate) fn same_rows(found: &[Row], expected: &[Row]) -> Result<(), Difference> {
    let mut balance: HashMap<&Row, i64> = HashMap::new();
    for row in expected {
        *balance.entry(row).or_default() -= 1;
    }
    for row in found {
        *balance.entry(row).or_default() += 1;
    }
    let sum = |sign: i64| balance.values().map(|times| (times * sign).max(0) as u64).sum::<u64>();
    let some = |sign: i64| balance.iter().find(|(_, times)| **times * sign > 0).map(|(row, _)| row);
    let (missing, extra) = (sum(-1), sum(1));
    if (missing, extra) == (0, 0) {
        return Ok(());
    }
    let text = format!(
        "{} rows instead of {}: {missing} missing, such as {:?}; {extra} too many, such as {:?}",
        found.len(),
        expected.len(),
        some(-1),
        some(1)
    );
    Err(Difference { missing, extra, text })
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// Fails unless the copy is right.
#[track_caller]
pub(crate) fn assert_same(found: &[Row], expected: &[Row]) {
    same_rows(found, expected).unwrap_or_else(|difference| panic!("{difference}"));
}

/// Fails unless copies of these rows that are not right are told apart from those that are.
#[track_caller]
pub(crate) fn assert_teeth(expected: &[Row]) {
    let mut wrong = expected.to_vec();
    let dropped = wrong.pop().expect("a copy has rows");
    assert!(same_rows(&wrong, expected).is_err(), "the oracle does not see a dropped row");
    wrong.extend([dropped.clone(), dropped]);
    assert!(same_rows(&wrong, expected).is_err(), "the oracle does not see a doubled row");
    wrong.pop();
    assert!(same_rows(&wrong, expected).is_ok(), "the order does not matter");
    wrong[0][0] = Some("another value".to_owned());
    assert!(same_rows(&wrong, expected).is_err(), "the oracle does not see a changed row");
    let twice = [expected, expected].concat();
    assert!(same_rows(&twice, expected).is_err(), "the oracle does not see the parts of two runs in one folder");
}
