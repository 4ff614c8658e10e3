//! What every activity of a run works with.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ropeway_engine::{Error, Result, chunk::RunId, registry::Registry};
use ropeway_specs::{Inputs, Outcomes, Pipeline, Twin, Variables};
use tokio_util::sync::CancellationToken;

use super::{beside::Beside, lanes::Lanes};
use crate::{
    assemble::Extras,
    definitions::Definitions,
    key_vault::KeyVault,
    progress::Progress,
    report::{Moment, Owner, Status},
    state::{Change, History, Record, RunFolder},
};

/// What all activities of a run share.
pub(crate) struct Crew<'a> {
    pub(crate) run: &'a RunId,
    pub(crate) definitions: &'a Definitions,
    pub(crate) registry: &'a Registry,
    pub(crate) extras: &'a Extras,
    pub(crate) folder: &'a RunFolder,
    pub(crate) progress: &'a Progress,
    pub(crate) cancel: &'a CancellationToken,
    /// Hosts that a WebActivity may call, and Key Vaults that may be asked.
    pub(crate) hosts: &'a [String],
    /// What is known of activities, those of earlier processes included.
    pub(crate) history: Mutex<History>,
    /// What is worth a look.
    pub(crate) warnings: Mutex<Vec<String>>,
    /// Pipelines that nobody waits for.
    pub(crate) beside: Beside,
    /// How many copies go on at once.
    pub(crate) lanes: Lanes,
    /// What `utcNow()` says everywhere, in a run that was begun when it did.
    pub(crate) one_time: Option<Moment>,
}

impl Crew<'_> {
    /// Writes down what happened, before anything follows from it.
    ///
    /// # Errors
    /// The record cannot be written.
    pub(crate) fn record(&self, record: Record) -> Result<()> {
        self.folder.append(&record)?;
        self.known().add(record);
        Ok(())
    }

    /// How secrets of Key Vaults are fetched.
    pub(crate) fn vault(&self) -> KeyVault<'_> {
        let Extras { ca_bundle, proxy, .. } = self.extras;
        KeyVault { hosts: self.hosts, ca_bundle: ca_bundle.as_deref(), proxy: proxy.as_deref() }
    }

    /// What is known.
    pub(crate) fn known(&self) -> MutexGuard<'_, History> {
        held(&self.history)
    }

    /// Adds warnings to the report, each once.
    pub(crate) fn warn(&self, warnings: impl IntoIterator<Item = String>) {
        let mut known = held(&self.warnings);
        for warning in warnings {
            if !known.contains(&warning) {
                known.push(warning);
            }
        }
    }

    /// True if the operator wants the run to stop.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}

/// The run of one pipeline: the one that was asked for, or one that an ExecutePipeline activity runs.
pub(crate) struct Stage<'a> {
    pub(crate) pipeline: &'a Pipeline<'a>,
    pub(crate) inputs: &'a Inputs,
    /// The path of the activity that runs it; empty for the one that was asked for.
    pub(crate) path: String,
    pub(crate) variables: Mutex<Variables>,
    /// What it gives back to the pipeline that runs it.
    pub(crate) returned: Mutex<Option<Twin>>,
}

impl<'a> Stage<'a> {
    /// A run of the pipeline with its variables as earlier processes left them.
    pub(crate) fn new(pipeline: &'a Pipeline<'a>, inputs: &'a Inputs, path: String, history: &History) -> Self {
        let stage =
            Self { variables: Mutex::new(pipeline.variables()), returned: Mutex::default(), pipeline, inputs, path };
        for change in history.changes(&stage.path) {
            stage.apply(change, Twin::plain(change.value.clone()));
        }
        stage
    }

    /// Changes a variable; `value` is the new value or element.
    pub(crate) fn apply(&self, change: &Change, value: Twin) {
        let Some(name) = &change.variable else {
            *held(&self.returned) = Some(value);
            return;
        };
        let mut variables = held(&self.variables);
        let variable = variables.entry(name.clone()).or_default();
        if !change.appended {
            *variable = value;
            return;
        }
        for (all, one) in [(&mut variable.real, value.real), (&mut variable.masked, value.masked)] {
            if !all.is_array() {
                *all = serde_json::Value::Array(Vec::new());
            }
            if let Some(all) = all.as_array_mut() {
                all.push(one);
            }
        }
    }

    /// Whose activities these are, where it is not the pipeline that was asked for.
    pub(crate) fn owner(&self) -> Option<Owner> {
        let owner = || Owner { pipeline: self.pipeline.name().to_owned(), run: self.inputs.run_id.clone() };
        (!self.path.is_empty()).then(owner)
    }
}

/// Where a list of activities stands.
#[derive(Clone)]
pub(crate) struct Around {
    /// What the paths of its activities begin with: empty, `ForEach1[3]/`.
    pub(crate) prefix: String,
    /// The activities outside of it that have ended.
    pub(crate) outcomes: Outcomes,
    /// The item of the ForEach around it.
    pub(crate) item: Option<Twin>,
}

/// How a list of activities ended.
pub(crate) struct Finished {
    pub(crate) status: Status,
    /// The first activity that failed, and why, if that was not handled.
    pub(crate) error: Option<(String, Error)>,
    /// How each activity ended, those around the list included.
    pub(crate) outcomes: Outcomes,
}

/// What a lock guards is never left half changed.
pub(crate) fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
