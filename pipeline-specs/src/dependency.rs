//! Which activity may start when: dependency conditions, and an order that respects them.

use std::collections::BTreeMap;

use crate::inputs::{Outcomes, Status};

/// One entry of `dependsOn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The activity waited for.
    pub activity: String,
    /// Any of these satisfies it.
    pub conditions: Vec<Condition>,
}

/// How the activity waited for must have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed,
    /// It was skipped.
    Skipped,
    /// It succeeded or failed.
    Completed,
}

/// What to do with an activity now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Start it.
    Run,
    /// It will never run: a dependency ended otherwise.
    Skip,
    /// Some dependency has not ended.
    Wait,
}

/// What the outcomes so far mean for an activity with these dependencies: all must be satisfied, each by any of
/// its conditions.
pub fn ready(depends_on: &[Dependency], outcomes: &Outcomes) -> Next {
    let mut waiting = false;
    for dependency in depends_on {
        match outcomes.get(&dependency.activity) {
            None => waiting = true,
            Some(outcome) if dependency.conditions.iter().any(|condition| condition.holds(outcome.status)) => {}
            Some(_) => return Next::Skip,
        }
    }
    if waiting { Next::Wait } else { Next::Run }
}

impl Condition {
    /// The condition of that name, in any case.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let known = [
            ("Succeeded", Self::Succeeded),
            ("Failed", Self::Failed),
            ("Skipped", Self::Skipped),
            ("Completed", Self::Completed),
        ];
        known.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, condition)| condition)
    }

    fn holds(self, status: Status) -> bool {
        match self {
            Self::Succeeded => status == Status::Succeeded,
            Self::Failed => status == Status::Failed,
            Self::Skipped => status == Status::Skipped,
            Self::Completed => matches!(status, Status::Succeeded | Status::Failed),
        }
    }
}

/// The indexes of the activities so that each comes after what it depends on, otherwise in the given order.
/// A dependency on an unknown name is no constraint here. `Err` holds the indexes of a cycle's members.
pub(crate) fn order(activities: &[(&str, &[Dependency])]) -> Result<Vec<usize>, Vec<usize>> {
    let index: BTreeMap<&str, usize> = activities.iter().enumerate().map(|(at, (name, _))| (*name, at)).collect();
    let before = |at: usize| activities[at].1.iter().filter_map(|dependency| index.get(dependency.activity.as_str()));
    let mut ordered = Vec::with_capacity(activities.len());
    let mut placed = vec![false; activities.len()];
    while ordered.len() < activities.len() {
        let next = (0..activities.len()).find(|at| !placed[*at] && before(*at).all(|other| placed[*other]));
        let Some(next) = next else {
            return Err((0..activities.len()).filter(|at| !placed[*at]).collect());
        };
        placed[next] = true;
        ordered.push(next);
    }
    Ok(ordered)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::inputs::Outcome;

    fn on(activity: &str, conditions: &[Condition]) -> Dependency {
        Dependency { activity: activity.to_owned(), conditions: conditions.to_vec() }
    }

    fn outcomes(ended: &[(&str, Status)]) -> Outcomes {
        let outcome = |status| Outcome { status, output: Value::Null, error: Value::Null, secure: false };
        ended.iter().map(|(name, status)| ((*name).to_owned(), outcome(*status))).collect()
    }

    #[test]
    fn conditions_follow_the_documented_table() {
        use Condition::{Completed, Failed, Skipped, Succeeded};
        let table = [
            (Status::Succeeded, [(Succeeded, true), (Failed, false), (Skipped, false), (Completed, true)]),
            (Status::Failed, [(Succeeded, false), (Failed, true), (Skipped, false), (Completed, true)]),
            (Status::Skipped, [(Succeeded, false), (Failed, false), (Skipped, true), (Completed, false)]),
        ];
        for (status, expected) in table {
            for (condition, runs) in expected {
                let next = ready(&[on("a", &[condition])], &outcomes(&[("a", status)]));
                assert_eq!(next, if runs { Next::Run } else { Next::Skip }, "{status:?} {condition:?}");
            }
        }
    }

    #[test]
    fn conditions_are_alternatives_and_dependencies_add_up() {
        use Condition::{Failed, Skipped, Succeeded};
        let either = on("a", &[Failed, Skipped]);
        assert_eq!(ready(std::slice::from_ref(&either), &outcomes(&[("a", Status::Skipped)])), Next::Run);
        let both = [either, on("b", &[Succeeded])];
        assert_eq!(ready(&both, &outcomes(&[("a", Status::Failed)])), Next::Wait);
        assert_eq!(ready(&both, &outcomes(&[("a", Status::Failed), ("b", Status::Failed)])), Next::Skip);
        assert_eq!(ready(&both, &outcomes(&[("a", Status::Succeeded)])), Next::Skip, "no need to wait for b");
        assert_eq!(ready(&[], &outcomes(&[])), Next::Run);
    }

    #[test]
    fn orders_after_dependencies_and_finds_cycles() {
        let succeeded = [Condition::Succeeded];
        let (on_b, on_c) = ([on("b", &succeeded)], [on("c", &succeeded)]);
        let empty: [Dependency; 0] = [];
        assert_eq!(order(&[("a", &on_b), ("b", &on_c), ("c", &empty)]), Ok(vec![2, 1, 0]));
        assert_eq!(order(&[("a", &empty), ("b", &on_c), ("c", &on_b)]), Err(vec![1, 2]));
        assert_eq!(order(&[("a", &[on("a", &succeeded)])]), Err(vec![0]));
        assert_eq!(order(&[("a", &[on("gone", &succeeded)])]), Ok(vec![0]));
    }
}
