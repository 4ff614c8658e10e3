//! The activities of a pipeline in the order of their turns, and what may have happened before.

use std::collections::BTreeSet;

use ropeway_specs::Activity;

/// The active activities with how deep they stand, each before those within it.
pub(super) fn tree<'a>(activities: &'a [Activity<'a>], depth: usize) -> Vec<(&'a Activity<'a>, usize)> {
    let mut all = Vec::new();
    for activity in activities.iter().filter(|activity| activity.inactive().is_none()) {
        all.push((activity, depth));
        all.extend(activity.branches().iter().flat_map(|branch| tree(&branch.activities, depth + 1)));
    }
    all
}

/// The variables that may be set before one of the activities, or something within it, has its turn: by all but those that
/// wait for it.
pub(super) fn set_before(activities: &[Activity<'_>], one: &Activity<'_>) -> BTreeSet<String> {
    let mut after = BTreeSet::from([one.name()]);
    // Each stands behind those that it waits for.
    for activity in activities {
        if activity.depends_on().iter().any(|other| after.contains(&*other.activity)) {
            after.insert(activity.name());
        }
    }
    let before = |top: &Activity<'_>| top.name() == one.name() || !after.contains(top.name());
    let all = activities.iter().filter(|top| before(top)).flat_map(|top| tree(std::slice::from_ref(top), 0));
    all.filter_map(|(activity, _)| activity.sets().map(str::to_owned)).collect()
}
