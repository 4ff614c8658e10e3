//! Whether a copy has the rows of its source, each as often as there.

use std::collections::BTreeMap;

/// A row as text; `None` is null.
pub(crate) type Row = Vec<Option<String>>;

/// Compares two multisets of rows.
///
/// # Errors
/// How many rows are missing or too many, with one of each.
pub(crate) fn same_rows(found: &[Row], expected: &[Row]) -> Result<(), String> {
    let mut balance: BTreeMap<&Row, i64> = BTreeMap::new();
    for row in expected {
        *balance.entry(row).or_default() -= 1;
    }
    for row in found {
        *balance.entry(row).or_default() += 1;
    }
    let sum = |sign: i64| balance.values().map(|times| (times * sign).max(0)).sum::<i64>();
    let some = |sign: i64| balance.iter().find(|(_, times)| **times * sign > 0).map(|(row, _)| row);
    let (missing, extra) = (sum(-1), sum(1));
    if (missing, extra) == (0, 0) {
        return Ok(());
    }
    Err(format!(
        "{} rows instead of {}: {missing} missing, such as {:?}; {extra} too many, such as {:?}",
        found.len(),
        expected.len(),
        some(-1),
        some(1)
    ))
}

/// Fails unless the copy is right, and unless the comparison would have noticed a row too few, one twice,
/// one changed.
#[track_caller]
pub(crate) fn assert_same(mut found: Vec<Row>, expected: &[Row]) {
    same_rows(&found, expected).unwrap_or_else(|difference| panic!("{difference}"));
    let row = found.pop().expect("a copy has rows");
    assert!(same_rows(&found, expected).is_err(), "the oracle does not see a dropped row");
    found.extend([row.clone(), row]);
    assert!(same_rows(&found, expected).is_err(), "the oracle does not see a doubled row");
    found.pop();
    found[0][0] = Some("another value".to_owned());
    assert!(same_rows(&found, expected).is_err(), "the oracle does not see a changed row");
}
