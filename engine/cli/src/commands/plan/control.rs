//! What is known beforehand of an activity that is no Copy, or a Copy that waits for values of the run.

use ropeway_engine::Error;
use ropeway_specs::{Activity, Diagnostic, Kind};
use serde_json::{Value, json};

use crate::{definitions, report::causes};

/// What there is to say.
pub(super) struct Control {
    name: String,
    kind: String,
    depth: usize,
    /// The lists within it, by what decides for them.
    branches: Vec<(String, Vec<String>)>,
    notes: Vec<String>,
    /// Why it cannot be done, then what that comes from.
    errors: Vec<String>,
}

impl Control {
    /// Of an activity that is no Copy.
    pub(super) fn of(activity: &Activity<'_>, depth: usize) -> Self {
        let names = |branch: &ropeway_specs::Branch<'_>| {
            (branch.name.text(), branch.activities.iter().map(|inner| inner.name().to_owned()).collect::<Vec<_>>())
        };
        let branches = activity.branches().iter().map(names).filter(|(_, names)| !names.is_empty()).collect();
        Self {
            name: activity.name().to_owned(),
            kind: activity.type_name().to_owned(),
            depth,
            branches,
            notes: notes(activity),
            errors: Vec::new(),
        }
    }

    /// Of a Copy of which the run decides.
    pub(super) fn unknown(activity: &Activity<'_>, depth: usize, early: &Diagnostic) -> Self {
        let mut control = Self::of(activity, depth);
        control.notes.push("depends on values that are known when the run is there".to_owned());
        control.notes.push(definitions::warning(early));
        control
    }

    /// Of one that a run would refuse, or that would fail as things stand.
    pub(super) fn failing(activity: &Activity<'_>, depth: usize, error: &Error) -> Self {
        let errors = std::iter::once(error.to_string()).chain(causes(error)).collect();
        Self { errors, ..Self::of(activity, depth) }
    }

    pub(super) fn text(&self) -> String {
        let indent = "  ".repeat(self.depth);
        let mut text = format!("{indent}{} {}\n", self.kind, self.name);
        for (when, names) in &self.branches {
            text += &format!("{indent}  {when}: {}\n", names.join(", "));
        }
        text.extend(self.notes.iter().map(|note| format!("{indent}  {note}\n")));
        for (index, error) in self.errors.iter().enumerate() {
            text += &format!("{indent}  {}: {error}\n", if index == 0 { "error" } else { "caused by" });
        }
        text
    }

    pub(super) fn document(&self) -> Value {
        let branches = self.branches.iter().map(|(when, names)| json!({ "when": when, "activities": names }));
        json!({
            "activityName": self.name,
            "activityType": self.kind,
            "depth": self.depth,
            "branches": branches.collect::<Vec<_>>(),
            "notes": self.notes,
            "errors": self.errors,
        })
    }
}

fn notes(activity: &Activity<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    match activity.kind() {
        Some(Kind::ForEach) => match activity.most_iterations_at_once() {
            1 => notes.push("one item after the other; the items are known when the run is there".to_owned()),
            most => notes.push(format!("{most} items at once, at most; the items are known when the run is there")),
        },
        Some(Kind::ExecutePipeline) => notes.extend(activity.child().map(|child| format!("runs the pipeline {child}"))),
        Some(Kind::Script | Kind::StoredProcedure | Kind::Web | Kind::Delete) => notes.push(
            "at least once: what it did when its process was killed is not known, and a resume does it again"
                .to_owned(),
        ),
        None => notes.push("Ropeway does not run it: deactivate or remove it before you run the pipeline".to_owned()),
        _ => {}
    }
    notes
}
