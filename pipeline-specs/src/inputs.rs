//! What a run brings to a definition.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::{evaluation::Twin, parameter::MASK, secret::Secrets, vault::Vaults};

/// The values of one run of one pipeline. A run that is resumed needs the same `parameters`, `run_id`, `now` and `trigger`
/// as its first start, for expressions see them.
#[derive(Clone)]
pub struct Inputs {
    /// Values of pipeline parameters (of dataset parameters for a preview, of linked service parameters for a
    /// connection test).
    pub parameters: BTreeMap<String, Value>,
    /// Parameters whose values are secret, whatever type they are declared with.
    pub hidden: BTreeSet<String>,
    /// Replacements for secrets that the definitions do not carry.
    pub secrets: Secrets,
    /// Secrets of Key Vaults.
    pub vaults: Vaults,
    /// What `utcNow()` says.
    pub now: DateTime<Utc>,
    /// What `pipeline().RunId` says.
    pub run_id: String,
    /// What `pipeline().DataFactory` says.
    pub factory_name: String,
    /// What started the run.
    pub trigger: Trigger,
    /// The pipeline that runs this one by an ExecutePipeline activity, and its run.
    pub parent: Option<Parent>,
    /// Whether a property that Ropeway does not implement is an error even where ignoring it is harmless.
    pub strict: bool,
}

/// What `pipeline().TriggerName` and its like say.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// `pipeline().TriggerId`.
    pub id: String,
    /// `pipeline().TriggerName`.
    pub name: String,
    /// `pipeline().TriggerType`, `Manual` for a person.
    pub kind: String,
    /// `pipeline().TriggerTime`.
    pub time: DateTime<Utc>,
}

/// What `pipeline().TriggeredByPipelineName` and `TriggeredByPipelineRunId` say.
#[derive(Clone, Debug)]
pub struct Parent {
    /// The pipeline's name.
    pub pipeline: String,
    /// The id of its run.
    pub run_id: String,
}

impl Inputs {
    /// A manual run at this moment, without parameters and secrets.
    pub fn manual(run_id: impl Into<String>, now: DateTime<Utc>) -> Self {
        let run_id = run_id.into();
        let trigger = Trigger { id: run_id.clone(), name: "Manual".into(), kind: "Manual".into(), time: now };
        Self {
            parameters: BTreeMap::new(),
            hidden: BTreeSet::new(),
            secrets: Secrets::default(),
            vaults: Vaults::default(),
            now,
            run_id,
            factory_name: "ropeway".to_owned(),
            trigger,
            parent: None,
            strict: false,
        }
    }

    /// Those of a pipeline that an activity of `pipeline` runs, with these parameters.
    pub fn of_child(&self, pipeline: &str, run_id: String, parameters: BTreeMap<String, Twin>) -> Self {
        let secret = parameters.iter().filter(|(_, value)| value.is_secret()).map(|(name, _)| name.clone());
        Self {
            hidden: secret.collect(),
            parameters: parameters.into_iter().map(|(name, value)| (name, value.real)).collect(),
            trigger: Trigger { kind: "PipelineActivity".to_owned(), ..self.trigger.clone() },
            parent: Some(Parent { pipeline: pipeline.to_owned(), run_id: self.run_id.clone() }),
            run_id,
            ..self.clone()
        }
    }

    /// What `pipeline()` is, given the parameters' values.
    pub(crate) fn pipeline_root(&self, pipeline: &str, parameters: Value) -> Value {
        let mut root = json!({
            "DataFactory": self.factory_name,
            "Pipeline": pipeline,
            "RunId": self.run_id,
            "GroupId": self.run_id,
            "TriggerId": self.trigger.id,
            "TriggerName": self.trigger.name,
            "TriggerType": self.trigger.kind,
            "TriggerTime": timestamp(self.trigger.time),
            "parameters": parameters,
        });
        if let Some(parent) = &self.parent {
            root["TriggeredByPipelineName"] = parent.pipeline.as_str().into();
            root["TriggeredByPipelineRunId"] = parent.run_id.as_str().into();
        }
        root
    }
}

impl fmt::Debug for Inputs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.parameters.keys().collect();
        out.debug_struct("Inputs").field("run_id", &self.run_id).field("parameters", &names).finish_non_exhaustive()
    }
}

/// Seven digits of a second, as Data Factory writes them.
fn timestamp(at: DateTime<Utc>) -> String {
    let nanos = at.to_rfc3339_opts(SecondsFormat::Nanos, true);
    format!("{}Z", &nanos[..nanos.len() - 3])
}

/// How an activity ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It did what it says.
    Succeeded,
    /// It ended with an error.
    Failed,
    /// It was not run.
    Skipped,
}

/// What later activities see of an earlier one.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// `activity('X').output`.
    pub output: Value,
    /// `activity('X').error`, null when it succeeded.
    pub error: Value,
    /// Whether its policy says `secureOutput`: expressions see the output, reports do not.
    pub secure: bool,
}

/// The outcomes of the activities that have ended, by name.
pub type Outcomes = BTreeMap<String, Outcome>;

impl Outcome {
    /// What `activity('X')` is.
    pub(crate) fn root(&self) -> Twin {
        let status = match self.status {
            Status::Succeeded => "Succeeded",
            Status::Failed => "Failed",
            Status::Skipped => "Skipped",
        };
        let real = json!({ "status": status, "output": self.output, "error": self.error });
        let mut masked = real.clone();
        if self.secure {
            masked["output"] = MASK.into();
        }
        Twin { real, masked }
    }
}
