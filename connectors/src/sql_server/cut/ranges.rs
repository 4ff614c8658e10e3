//! Ranges of a key from their bounds.

use super::{Cut, Key, Recipe, strides};
use crate::sql_server::wire::TextRow;

/// A key and the bounds between its ranges, in the server's order.
pub(super) struct Ranges {
    pub(super) key: Key,
    pub(super) bounds: Vec<String>,
}

impl Ranges {
    /// Ranges with bounds at these positions, which rise.
    pub(super) fn new(key: Key, positions: Vec<i128>) -> Self {
        let mut bounds: Vec<_> = positions.into_iter().map(|at| key.text_at(at)).collect();
        bounds.dedup();
        Self { key, bounds }
    }

    /// The rows of the key between these ends, in ranges.
    pub(super) fn within(&self, after: Option<String>, upto: Option<String>) -> Vec<Recipe> {
        let lows = std::iter::once(after).chain(self.bounds.iter().cloned().map(Some));
        let highs = self.bounds.iter().cloned().map(Some).chain(std::iter::once(upto));
        lows.zip(highs).map(|(after, upto)| Recipe::Range { key: self.key.clone(), after, upto }).collect()
    }

    /// All rows: before the first bound, between the bounds, after the last, and the nulls.
    pub(super) fn cut(self, why: String) -> Cut {
        let mut recipes = self.within(None, None);
        if self.key.nullable {
            recipes.push(Recipe::Nulls { column: self.key.column });
        }
        Cut { recipes, why }
    }
}

/// The rows of a range in about so many ranges of equal width, as its values lie between these positions: the lower end,
/// which is not part of it, and the greatest value.
pub(crate) fn parts(range: &Recipe, (low, greatest): (i128, i128), pieces: u64) -> Vec<Recipe> {
    let Recipe::Range { key, after, upto } = range else { return vec![range.clone()] };
    let mut positions = strides::even(low, greatest.max(low), pieces);
    positions.retain(|at| low < *at && *at < greatest);
    Ranges::new(key.clone(), positions).within(after.clone(), upto.clone())
}

/// Bounds at steps of a histogram so that each range has about `rows_each` rows. A step with many
/// more is divided where values can be counted.
pub(super) fn from_histogram(key: &Key, steps: &[TextRow], rows_each: u64) -> Vec<String> {
    let rows_each = rows_each.max(1) as f64;
    let mut bounds: Vec<String> = Vec::new();
    let mut gathered = 0.0;
    let mut previous: Option<i128> = None;
    for step in steps {
        let Some(boundary) = step.text("boundary") else { continue };
        let rows = |column| step.number::<f64>(column).unwrap_or(0.0);
        let position = key.position(boundary);
        let inner = rows("range_rows");
        if let (Some(from), Some(to)) = (previous, position)
            && inner > 1.5 * rows_each
        {
            let pieces = (inner / rows_each).round() as u64;
            bounds.extend(strides::even(from, to, pieces).into_iter().map(|at| key.text_at(at)));
            gathered = 0.0;
        } else {
            gathered += inner;
        }
        gathered += rows("equal_rows");
        if gathered >= rows_each {
            bounds.push(boundary.to_owned());
            gathered = 0.0;
        }
        previous = position;
    }
    // The greatest value ends no range: the last is open.
    if bounds.last().map(String::as_str) == steps.last().and_then(|step| step.text("boundary")) {
        bounds.pop();
    }
    bounds.dedup();
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key { column: "k".into(), declaration: "int".into(), collation: None, nullable: true, leads: true }
    }

    fn step(boundary: i32, range_rows: u32, equal_rows: u32) -> TextRow {
        TextRow::of(&[
            ("boundary", &boundary.to_string()),
            ("range_rows", &range_rows.to_string()),
            ("equal_rows", &equal_rows.to_string()),
        ])
    }

    /// Which recipes hold a value, as the server would decide it.
    fn holders(cut: &Cut, value: Option<i64>) -> usize {
        let number = |text: &Option<String>| text.as_ref().map(|text| text.parse::<i64>().unwrap());
        let holds = |recipe: &&Recipe| match (recipe, value) {
            (Recipe::Nulls { .. }, value) => value.is_none(),
            (Recipe::Range { after, upto, .. }, Some(value)) => {
                number(after).is_none_or(|after| value > after) && number(upto).is_none_or(|upto| value <= upto)
            }
            _ => false,
        };
        cut.recipes.iter().filter(holds).count()
    }

    #[test]
    fn every_value_is_in_exactly_one_range() {
        for bounds in [vec![], vec![10], vec![10, 10, 20], vec![-5, 0, 5]] {
            let cut = Ranges::new(key(), bounds.clone()).cut(String::new());
            for value in (-30..30).map(Some).chain([None, Some(i64::MIN), Some(i64::MAX)]) {
                assert_eq!(holders(&cut, value), 1, "{value:?} with {bounds:?}");
            }
        }
    }

    #[test]
    fn the_check_above_sees_a_wrong_cut() {
        let mut cut = Ranges::new(key(), vec![10, 20]).cut(String::new());
        cut.recipes.remove(1);
        assert_eq!(holders(&cut, Some(15)), 0);
    }

    #[test]
    fn what_is_left_of_a_range_is_parted_without_a_gap() {
        let rest =
            |upto: Option<&str>| Recipe::Range { key: key(), after: Some("10".into()), upto: upto.map(Into::into) };
        let ends = |rest: &Recipe, greatest| {
            let ends = |recipe: &Recipe| match recipe {
                Recipe::Range { after, upto, .. } => (after.clone().unwrap(), upto.clone().unwrap_or("end".into())),
                _ => panic!("no range"),
            };
            parts(rest, (10, greatest), 3).iter().map(ends).collect::<Vec<_>>()
        };
        let pair = |after: &str, upto: &str| (after.to_owned(), upto.to_owned());
        assert_eq!(ends(&rest(None), 40), [pair("10", "20"), pair("20", "30"), pair("30", "end")]);
        assert_eq!(ends(&rest(Some("90")), 40), [pair("10", "20"), pair("20", "30"), pair("30", "90")]);
        assert_eq!(ends(&rest(None), 11), [pair("10", "end")], "there is no value in between");
        assert_eq!(ends(&rest(Some("90")), 10), [pair("10", "90")]);
        assert_eq!(ends(&rest(Some("90")), 5), [pair("10", "90")], "rows went meanwhile");
    }

    #[test]
    fn steps_are_gathered_and_divided() {
        let steps = [step(0, 0, 1), step(10, 9, 1), step(20, 9, 1), step(1_020, 999, 1)];
        let bounds = from_histogram(&key(), &steps, 100);
        assert_eq!(bounds.len(), 9, "{bounds:?}");
        assert!(bounds.iter().map(|bound| bound.parse::<i64>().unwrap()).is_sorted());
        assert_eq!(from_histogram(&key(), &steps[..3], 10), ["10"]);
        assert!(from_histogram(&key(), &[], 10).is_empty());
    }
}
