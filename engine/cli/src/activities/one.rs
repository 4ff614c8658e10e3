//! One activity, from its turn to its end: looked up if it has ended before, else done and written down.

use std::collections::BTreeSet;

use ropeway_engine::{Error, ErrorKind, Result};
use ropeway_specs::{Activity, Kind, Outcome, Scene, Twin, Work};
use serde_json::{Map, Value};

use super::{
    crew::{Around, Crew, Stage, held},
    path, task,
};
use crate::{
    definitions,
    report::{ActivityReport, Copied, Failure, Moment, Status, json},
    state::{Began, Change, Ended, Record},
};

/// An activity whose turn it is.
pub(super) struct Turn<'a> {
    pub(super) activity: &'a Activity<'a>,
    pub(super) around: Around,
    /// Whether it runs; it is skipped otherwise.
    pub(super) runs: bool,
}

/// How an activity ended.
pub(super) struct Over {
    pub(super) name: String,
    /// What it counts as for the end of its list.
    pub(super) counts_as: Status,
    /// What later activities see.
    pub(super) outcome: Outcome,
    pub(super) error: Option<Error>,
}

/// An activity that runs.
pub(super) struct Doing<'a> {
    pub(super) crew: &'a Crew<'a>,
    pub(super) stage: &'a Stage<'a>,
    pub(super) activity: &'a Activity<'a>,
    pub(super) around: Around,
    /// Where it stands in the run.
    pub(super) path: String,
    /// The same, other each time that it is run from its beginning.
    pub(super) identity: String,
    pub(super) report: ActivityReport,
    /// What it decided in an earlier process.
    pub(super) decided: Value,
}

/// What an activity did.
#[derive(Default)]
pub(super) struct Done {
    /// What later activities see, and what reports show.
    pub(super) output: Twin,
    /// What it did to a variable, and to which value.
    pub(super) change: Option<(Change, Twin)>,
    /// The facts of a copy.
    pub(super) copied: Option<Box<Copied>>,
}

/// Why an activity failed.
pub(super) struct Trouble {
    pub(super) error: Error,
    /// What the report says, if that is not the error itself.
    pub(super) shown: Option<Box<Failure>>,
    /// The facts of a copy that failed.
    pub(super) copied: Option<Box<Copied>>,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self { error, shown: None, copied: None }
    }
}

/// The symbolic code of an attempt that ran out of time.
pub(super) const TIMED_OUT: &str = "ActivityTimedOut";

/// Gives the activity its turn.
///
/// # Errors
/// The record of the run cannot be written.
pub(super) async fn take<'a>(crew: &'a Crew<'a>, stage: &'a Stage<'a>, turn: Turn<'a>) -> Result<Over> {
    let Turn { activity, around, runs } = turn;
    let path = path::of(&around.prefix, activity.name());
    let blank = ActivityReport::blank(activity.name(), activity.type_name(), &path, Moment::now());
    let blank = ActivityReport { owner: stage.owner(), ..blank };
    let idle = match activity.inactive() {
        Some(_) => Some(Status::Inactive),
        None => (!runs).then_some(Status::Skipped),
    };
    if let Some(status) = idle {
        let report = ActivityReport { status, ..blank };
        let over = over(activity, &report, json::output(&report), false);
        let known = crew.known().ended(&path).is_some_and(|ended| ended.report.status == status);
        if !known {
            crew.record(Record::Ended(Box::new(Ended { path, report, output_left_out: false, change: None })))?;
        }
        return Ok(over);
    }
    if let Some(over) = earlier(crew, activity, &path) {
        return Ok(over);
    }
    let (report, decided) = match crew.known().began(&path) {
        Some(began) => (began.report.clone(), began.decided.clone()),
        None => (blank, Value::Null),
    };
    let identity = match crew.known().generation(&path) {
        0 => path.clone(),
        again => format!("{path}#{again}"),
    };
    Doing { crew, stage, activity, around, path, identity, report, decided }.run().await
}

/// How the activity ended in an earlier process, if it need not be done again.
fn earlier(crew: &Crew<'_>, activity: &Activity<'_>, path: &str) -> Option<Over> {
    let history = crew.known();
    let ended = history.ended(path)?;
    let harmless = activity.kind().is_some_and(Kind::only_reads);
    if ended.output_left_out && harmless && ended.report.status == Status::Succeeded {
        return None;
    }
    let error = ended.report.error.as_ref().map(Failure::error);
    let over = over(activity, &ended.report, json::output(&ended.report), ended.output_left_out);
    Some(Over { error, ..over })
}

fn over(activity: &Activity<'_>, report: &ActivityReport, output: Value, secure: bool) -> Over {
    let inactive = activity.inactive().filter(|_| report.status == Status::Inactive);
    let status = match (report.status, inactive) {
        (_, Some(status)) => status,
        (Status::Succeeded, _) => ropeway_specs::Status::Succeeded,
        (Status::Skipped, _) => ropeway_specs::Status::Skipped,
        _ => ropeway_specs::Status::Failed,
    };
    let counts_as = match inactive {
        Some(ropeway_specs::Status::Failed) => Status::Failed,
        Some(ropeway_specs::Status::Skipped) => Status::Skipped,
        _ => report.status,
    };
    let error = report.error.as_ref().map_or(Value::Null, |failure| json::error(report, failure));
    Over {
        name: activity.name().to_owned(),
        counts_as,
        outcome: Outcome { status, output, error, secure },
        error: None,
    }
}

impl<'a> Doing<'a> {
    async fn run(mut self) -> Result<Over> {
        // What only changes a variable may see another time when it is done again: nobody has seen the first one.
        let is_pure =
            matches!(self.activity.kind(), Some(Kind::SetVariable | Kind::AppendVariable | Kind::Filter | Kind::Fail));
        if !is_pure && self.crew.known().began(&self.path).is_none() {
            self.decide(Value::Null)?;
        }
        let work = || self.activity.work(self.stage.inputs, &self.scene());
        let work = self.crew.vault().with_secrets(self.stage.inputs, work).await;
        let strict = self.stage.inputs.strict;
        let work = work.and_then(|work| work.map_err(|found| definitions::unfit(&found))).and_then(|work| {
            self.crew.warn(definitions::accept(work.warnings.clone(), strict)?);
            Ok(work)
        });
        let mut secure_output = false;
        let outcome = match work {
            Ok(Work { task, policy, input, user_properties, .. }) => {
                secure_output = policy.secure_output;
                self.report.user_properties = user_properties;
                if !policy.secure_input {
                    self.report.input = input;
                }
                task::perform(&mut self, task, &policy).await?
            }
            Err(error) => Err(error.into()),
        };
        self.end(outcome, secure_output)
    }

    /// What the activity's expressions see now.
    pub(super) fn scene(&self) -> Scene {
        Scene {
            path: self.identity.clone(),
            now: self.crew.one_time.unwrap_or(self.report.started).0,
            outcomes: self.around.outcomes.clone(),
            variables: held(&self.stage.variables).clone(),
            later: BTreeSet::new(),
            item: self.around.item.clone(),
        }
    }

    /// Writes down that the activity began, and what it decided.
    pub(super) fn decide(&mut self, decided: Value) -> Result<()> {
        self.decided = decided.clone();
        let report = self.report.clone();
        self.crew.record(Record::Began(Box::new(Began { path: self.path.clone(), report, decided })))
    }

    fn end(mut self, outcome: Result<Done, Trouble>, secure_output: bool) -> Result<Over> {
        self.report.ended = Moment::now();
        let (done, error) = match outcome {
            Ok(done) => {
                self.report.status = Status::Succeeded;
                (done, None)
            }
            Err(Trouble { error, shown, copied }) => {
                self.report.status = match error.kind() {
                    ErrorKind::Cancelled => Status::Cancelled,
                    _ if error.symbolic_code() == Some(TIMED_OUT) => Status::TimedOut,
                    _ => Status::Failed,
                };
                self.report.error = Some(shown.map_or_else(|| Failure::of(&error), |shown| *shown));
                (Done { copied, ..Done::default() }, Some(error))
            }
        };
        let Done { output, change, copied } = done;
        self.report.copied = copied.map(|copied| *copied);
        let output = if output.real.is_null() { Twin::plain(Value::Object(Map::new())) } else { output };
        let is_copy = self.activity.kind() == Some(Kind::Copy);
        let real = if is_copy { json::output(&self.report) } else { output.real.clone() };
        let output_left_out = secure_output || output.is_secret();
        self.report.output = if secure_output || is_copy { Value::Null } else { output.masked };
        if secure_output {
            self.report.copied = None;
        }
        let over = over(self.activity, &self.report, real, output_left_out);
        // A secret is not written down: the activity is run again when the run is resumed, and sets it again.
        let kept = change.as_ref().filter(|(_, value)| !value.is_secret()).map(|(change, _)| change.clone());
        let output_left_out = output_left_out || kept.is_none() && change.is_some();
        let (path, report) = (self.path, self.report);
        self.crew.record(Record::Ended(Box::new(Ended { path, report, output_left_out, change: kept })))?;
        if let Some((change, value)) = change {
            self.stage.apply(&change, value);
        }
        Ok(Over { error, ..over })
    }
}
