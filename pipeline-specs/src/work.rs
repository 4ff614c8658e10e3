//! What an activity is to do, everything evaluated. A Copy has its own module.

mod flow;
mod place;
mod properties;
mod statements;
mod stores;
mod variables;
mod web;

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

pub(crate) use flow::{condition, most_at_once};
use properties::Properties;

pub use statements::{Direction, ProcedureCall, Script, ScriptKind, ScriptParameter, Scripts};
pub use stores::{Awaited, Deletion, Lookup, MetadataRequest, ResolvedDataset};
pub use web::{Authentication, WebRequest};

use crate::{
    activity::{Activity, BranchName, Kind},
    copy::{self, ResolvedCopy},
    diagnostic::{Diagnostic, Findings, property},
    evaluation::{Context, Twin},
    inputs::Inputs,
    policy::Policy,
    schema,
    support::{self, Moment},
};

/// An activity that can run.
#[derive(Debug)]
pub struct Work {
    /// What is to be done.
    pub task: Task,
    /// How often and how long it is tried.
    pub policy: Policy,
    /// What it was told, evaluated, secrets masked: its `input` in reports.
    pub input: Value,
    /// The evaluated `userProperties` as text by name, secrets masked: labels for monitoring.
    pub user_properties: BTreeMap<String, String>,
    /// What is ignored or worth a look.
    pub warnings: Vec<Diagnostic>,
}

/// What is to be done.
#[derive(Debug)]
pub enum Task {
    /// Copy rows.
    Copy(Box<ResolvedCopy>),
    /// Read a few rows.
    Lookup(Lookup),
    /// Ask what is there.
    GetMetadata(MetadataRequest),
    /// Delete files.
    Delete(Deletion),
    /// Wait until something is there.
    Validation(Awaited),
    /// Run SQL.
    Scripts(Scripts),
    /// Run a stored procedure.
    Procedure(ProcedureCall),
    /// Call an endpoint.
    Web(Box<WebRequest>),
    /// Wait so long.
    Wait(Duration),
    /// End with this error.
    Fail {
        /// What the error says.
        message: String,
        /// Its code.
        code: String,
    },
    /// Set a variable.
    SetVariable {
        /// Its name as it is declared.
        name: String,
        /// Its new value.
        value: Twin,
    },
    /// Give values back to the pipeline that runs this one.
    ReturnValue(Twin),
    /// Add an element to an array.
    AppendVariable {
        /// The variable's name as it is declared.
        name: String,
        /// The element.
        value: Twin,
    },
    /// The elements of an array that were kept.
    Filter {
        /// How many there were.
        of: usize,
        /// Those for which the condition holds.
        kept: Vec<Twin>,
    },
    /// Run the body for each item.
    ForEach {
        /// The items, in order.
        items: Vec<Twin>,
        /// How many at once, 1 for one after the other.
        at_once: usize,
    },
    /// Run this one of the activity's lists.
    Branch(BranchName),
    /// Run the body until [`Activity::is_reached`], but not longer than this.
    Until(Duration),
    /// Run another pipeline.
    Pipeline {
        /// Its name.
        name: String,
        /// What is given to its parameters.
        parameters: BTreeMap<String, Twin>,
        /// Whether its end is waited for.
        wait: bool,
    },
}

pub(crate) fn resolve(
    activity: &Activity<'_>,
    context: &Context,
    inputs: &Inputs,
    findings: &mut Findings,
) -> Option<Work> {
    let Some(kind) = activity.kind() else {
        let message =
            format!("the activity '{}' is of type {}, which Ropeway does not run", activity.name, activity.type_name());
        findings.error("unsupported-activity", &property(&activity.path, "type"), message);
        return None;
    };
    if kind == Kind::Copy {
        let copy = copy::resolve(activity, context, inputs, findings)?;
        return Some(Work {
            policy: copy.policy.clone(),
            input: copy.settings.clone(),
            user_properties: copy.user_properties.clone(),
            task: Task::Copy(Box::new(copy)),
            warnings: Vec::new(),
        });
    }
    let policy = copy::policy(activity, context, findings);
    let user_properties = copy::user_properties(activity, context, findings);
    let mut properties = Properties::new(activity, context, inputs, findings);
    let task = task(kind, &mut properties)?;
    let input = properties.input();
    Some(Work { task, policy, input, user_properties, warnings: Vec::new() })
}

fn task(kind: Kind, properties: &mut Properties<'_>) -> Option<Task> {
    match kind {
        Kind::Copy => None,
        Kind::Lookup => stores::lookup(properties).map(Task::Lookup),
        Kind::GetMetadata => stores::metadata(properties).map(Task::GetMetadata),
        Kind::Delete => stores::deletion(properties).map(Task::Delete),
        Kind::Validation => stores::awaited(properties).map(Task::Validation),
        Kind::Script => statements::scripts(properties).map(Task::Scripts),
        Kind::StoredProcedure => statements::procedure(properties).map(Task::Procedure),
        Kind::Web => web::request(properties).map(|request| Task::Web(Box::new(request))),
        Kind::Wait => flow::wait(properties),
        Kind::Fail => flow::fail(properties),
        Kind::SetVariable => variables::set(properties),
        Kind::AppendVariable => variables::append(properties),
        Kind::Filter => flow::filter(properties),
        Kind::ForEach => flow::for_each(properties),
        Kind::If => flow::choose(properties),
        Kind::Switch => flow::switch(properties),
        Kind::Until => flow::until(properties),
        Kind::ExecutePipeline => flow::pipeline(properties),
    }
}

/// Reports the properties of an activity that Ropeway ignores or refuses.
pub(crate) fn check(activity_type: &str, properties: &Value, path: &str, moment: Moment, findings: &mut Findings) {
    if let Some(class) = schema::type_properties_class("Activity", activity_type) {
        support::check(properties, &class, path, moment, findings);
    }
}
