//! Bounds at equal distances.

/// Data Factory's documented rule for given bounds: with `pieces` ranges, the first is `<= low`, the
/// last `> up`, and the others divide what lies between in equal strides.
pub(super) fn documented(low: i128, up: i128, pieces: u64) -> Vec<i128> {
    match pieces {
        0 | 1 => Vec::new(),
        2 => vec![low.midpoint(up)],
        _ => between(low, up, pieces - 2).collect(),
    }
}

/// So many equal ranges from the least to the greatest value.
pub(super) fn even(least: i128, greatest: i128, pieces: u64) -> Vec<i128> {
    // The first and the last of these would be ranges with one value only.
    let inner = between(least, greatest, pieces.max(1));
    let mut inner: Vec<_> =
        inner.skip(1).take(usize::try_from(pieces.saturating_sub(1)).unwrap_or(usize::MAX)).collect();
    inner.dedup();
    inner
}

/// `low`, then so many strides to `up`.
fn between(low: i128, up: i128, strides: u64) -> impl Iterator<Item = i128> {
    let (low, up) = (low.min(up), low.max(up));
    let strides = i128::from(strides.max(1));
    (0..=strides).map(move |n| low + (up - low) * n / strides)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_example_holds() {
        // `<= 20`, `21..50`, `51..80`, `>= 81`
        assert_eq!(documented(20, 80, 4), [20, 50, 80]);
        assert_eq!(documented(20, 80, 3), [20, 80]);
        assert_eq!(documented(20, 80, 2), [50]);
        assert_eq!(documented(20, 80, 1), []);
    }

    #[test]
    fn even_bounds_lie_inside_and_rise() {
        assert_eq!(even(1, 101, 4), [26, 51, 76]);
        assert_eq!(even(5, 5, 4), [5]);
        let wide = even(i64::MIN.into(), i64::MAX.into(), 16);
        assert!(wide.len() == 15 && wide.is_sorted());
    }
}
