//! How a pipeline ended, from how its activities ended: Data Factory's rule.

use std::collections::BTreeMap;

use crate::report::Status;

/// What an activity depends on, and how it ended.
pub(crate) struct Ended<'a> {
    pub(crate) depends_on: Vec<&'a str>,
    pub(crate) status: Status,
}

/// A pipeline succeeded if all its last activities did. Of a last activity that was skipped, those
/// that it waited for count instead: a handler of failures that was not needed is no failure.
pub(crate) fn verdict(activities: &BTreeMap<&str, Ended<'_>>) -> Status {
    let waited_for = |name: &str| activities.values().any(|activity| activity.depends_on.contains(&name));
    let mut counted: Vec<&str> = activities.keys().copied().filter(|name| !waited_for(name)).collect();
    let mut seen = Vec::new();
    while let Some(name) = counted.pop() {
        let Some(activity) = activities.get(name).filter(|_| !seen.contains(&name)) else { continue };
        seen.push(name);
        match activity.status {
            Status::Succeeded | Status::Inactive => {}
            Status::Skipped => counted.extend(&activity.depends_on),
            Status::Cancelled => return Status::Cancelled,
            Status::Failed | Status::TimedOut | Status::InProgress => return Status::Failed,
        }
    }
    Status::Succeeded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(activities: &[(&'static str, &[&'static str], Status)]) -> Status {
        let ended = |(name, on, status): &(&'static str, &[&'static str], Status)| {
            (*name, Ended { depends_on: on.to_vec(), status: *status })
        };
        verdict(&activities.iter().map(ended).collect())
    }

    #[test]
    fn the_last_activities_count() {
        use Status::{Failed, Skipped, Succeeded};
        assert_eq!(of(&[("a", &[], Succeeded)]), Succeeded);
        assert_eq!(of(&[("a", &[], Failed), ("b", &[], Succeeded)]), Failed);
        // a handles no failure: not needed, and a itself is fine.
        assert_eq!(of(&[("a", &[], Succeeded), ("on failure", &["a"], Skipped)]), Succeeded);
        // The failure was handled.
        assert_eq!(of(&[("a", &[], Failed), ("on failure", &["a"], Succeeded)]), Succeeded);
        // The failure left its success path skipped.
        assert_eq!(of(&[("a", &[], Failed), ("b", &["a"], Skipped), ("handler", &["a"], Succeeded)]), Failed);
        assert_eq!(of(&[("a", &[], Failed), ("b", &["a"], Skipped), ("c", &["b"], Skipped)]), Failed);
    }
}
