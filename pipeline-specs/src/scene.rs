//! What the expressions of one activity see.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::{
    evaluation::Twin,
    inputs::{Inputs, Outcomes},
};

/// The variables of a pipeline's run, by name.
pub type Variables = BTreeMap<String, Twin>;

/// What has happened in a run so far, as one activity sees it.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Where the activity stands in the run: `ForEach1[3]/CopyTable`. It gives `guid()` its values.
    pub path: String,
    /// What `utcNow()` says: when the activity was first started.
    pub now: DateTime<Utc>,
    /// The activities that have ended and that it may ask for.
    pub outcomes: Outcomes,
    /// The variables as they stand.
    pub variables: Variables,
    /// Variables without a value that the run has later: nothing within a run.
    pub later: BTreeSet<String>,
    /// `item()`, within a ForEach.
    pub item: Option<Twin>,
}

impl Scene {
    /// The one at the beginning of a run, for an activity that waits for nothing.
    pub fn first(inputs: &Inputs, activity: &str, variables: Variables) -> Self {
        Self {
            path: activity.to_owned(),
            now: inputs.now,
            outcomes: Outcomes::new(),
            variables,
            later: BTreeSet::new(),
            item: None,
        }
    }

    /// The same while nobody knows what activities before this one set these variables to.
    #[must_use]
    pub fn before(mut self, later: BTreeSet<String>) -> Self {
        self.variables.retain(|name, _| !later.iter().any(|set| set.eq_ignore_ascii_case(name)));
        self.later = later;
        self
    }
}
