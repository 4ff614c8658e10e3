//! What the expressions of one activity see.

use std::collections::BTreeMap;

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
    /// `item()`, within a ForEach.
    pub item: Option<Twin>,
}

impl Scene {
    /// The one at the beginning of a run, for an activity that waits for nothing.
    pub fn first(inputs: &Inputs, activity: &str, variables: Variables) -> Self {
        Self { path: activity.to_owned(), now: inputs.now, outcomes: Outcomes::new(), variables, item: None }
    }
}
