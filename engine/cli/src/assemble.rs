//! Definitions, connectors and limits become an engine's job. The only place that knows all crates.

mod mapping;
mod skip_log;

use std::{path::PathBuf, sync::Arc, thread::available_parallelism, time::Duration};

use ropeway_engine::{
    Error, ErrorKind, Result, Side,
    chunk::RunId,
    mapping::MappedSource,
    registry::Registry,
    run::{Job, Settings},
    skipping::Skipping,
    source::Source,
};
use ropeway_specs::{ResolvedCopy, ResolvedSide};
use serde_json::{Map, Value, json};

use crate::{
    request::Request,
    settings::{self, ExtraSettings},
};

/// What connectors are told beyond Data Factory's properties.
#[derive(Clone, Debug)]
pub(crate) struct Extras {
    /// Whether a column may lose something in the sink's type.
    pub(crate) lossy: bool,
    pub(crate) ca_bundle: Option<PathBuf>,
    pub(crate) proxy: Option<String>,
    /// Memory for rows in flight.
    pub(crate) memory: u64,
    /// Chunks copied at once, if it was asked for.
    pub(crate) parallel: Option<u32>,
    /// Seconds, if they were asked for.
    pub(crate) divide_after: Option<u32>,
    /// What `--set` says of sources.
    pub(crate) extra_settings: ExtraSettings,
}

impl Extras {
    /// Those of a request.
    pub(crate) fn of(request: &Request) -> Self {
        Self {
            lossy: request.lossy,
            ca_bundle: request.ca_bundle.clone(),
            proxy: request.proxy.clone(),
            memory: request.memory,
            parallel: request.parallel,
            divide_after: request.divide_after,
            extra_settings: request.extra_settings.clone(),
        }
    }

    /// Puts the extras beside Data Factory's properties.
    pub(crate) fn beside(&self, settings: Value, parallel: u32, run: Option<&RunId>) -> Value {
        let mut settings = match settings {
            Value::Object(settings) => settings,
            _ => Map::new(),
        };
        let extras = json!({
            "lossy": self.lossy,
            "caBundle": self.ca_bundle,
            "proxy": self.proxy,
            "memoryBytes": self.memory,
            "parallel": parallel,
            "run": run,
        });
        settings.insert("ropeway".into(), extras);
        settings.into()
    }

    /// Chunks copied at once: what was asked for, else what the activity says, else twice the
    /// cores, at most 8. Memory bounds it further, in the engine.
    pub(crate) fn parallel(&self, activity: Option<u32>) -> u32 {
        let cores = available_parallelism().map_or(2, |cores| cores.get() as u32);
        self.parallel.or(activity).unwrap_or((2 * cores).min(8)).max(1)
    }
}

/// The job of a resolved Copy.
///
/// # Errors
/// [`ErrorKind::Spec`] for a type that no connector has, or for settings it refuses.
pub(crate) fn job(copy: ResolvedCopy, registry: &Registry, extras: &Extras, run: RunId) -> Result<Job> {
    let parallel = extras.parallel(copy.parallel_copies);
    let usual = Settings::default();
    let run_settings = Settings {
        parallel,
        memory_bytes: extras.memory,
        lossy: extras.lossy,
        read_back: copy.validate_data_consistency,
        divide_after: extras.divide_after.map_or(usual.divide_after, |seconds| Duration::from_secs(seconds.into())),
        ..usual
    };
    let source_type = copy.source.linked_service_type.as_str();
    let sink_type = copy.sink.linked_service_type.as_str();
    let ends = [(Side::Source, source_type), (Side::Sink, sink_type)];
    let fingerprint = settings::identity(copy.fingerprint, &extras.extra_settings, registry, &ends);
    let of_sink = settings::of_end(&extras.extra_settings, registry, (Side::Sink, sink_type));
    let source = source(copy.source, registry, extras, parallel)?;
    let log = copy.skipping.map(|skipping| {
        let log = skipping
            .log
            .map(|location| skip_log::skip_log((location, skipping.what), registry, extras, (&copy.name, &run)));
        log.transpose().map(|log| Skipping { log })
    });
    let skipping = log.transpose()?;
    let mut sink = extras.beside(copy.sink.settings.into_exposed(), parallel, Some(&run));
    for (name, value) in of_sink {
        sink["ropeway"][name] = value.into();
    }
    let sink = registry.connect_sink(&copy.sink.linked_service_type, sink).map_err(|error| error.on(Side::Sink))?;
    let source: Arc<dyn Source> = match copy.mapping {
        Some(mapping) => Arc::new(MappedSource::new(source, Arc::clone(&sink), mapping::mapping(mapping)?)),
        None => source,
    };
    Ok(Job { run, fingerprint, source, sink, skipping, settings: run_settings })
}

/// The source of a dataset.
///
/// # Errors
/// As for [`job`].
pub(crate) fn source(
    side: ResolvedSide,
    registry: &Registry,
    extras: &Extras,
    parallel: u32,
) -> Result<Arc<dyn Source>> {
    let mut settings = extras.beside(side.settings.into_exposed(), parallel, None);
    for (name, value) in settings::of_end(&extras.extra_settings, registry, (Side::Source, &side.linked_service_type)) {
        settings["ropeway"][name] = value.into();
    }
    registry.connect_source(&side.linked_service_type, settings).map_err(|error| error.on(Side::Source))
}

/// The id under which the engine runs one Copy of a pipeline's run: two Copies may write to the
/// same folder, so each has its own. `activity` is where it stands in the run; there may be very many within loops, so
/// that those have a longer hash.
///
/// # Errors
/// [`ErrorKind::Spec`] for a pipeline run's id that leaves no room.
pub(crate) fn copy_id(run: &RunId, activity: &str) -> Result<RunId> {
    let hash = blake3::hash(activity.as_bytes()).to_hex();
    let length = if activity.contains(['/', '#']) { 16 } else { 8 };
    RunId::try_from(format!("{run}.{}", &hash[..length])).map_err(|_| {
        Error::new(ErrorKind::Spec, "the run id is too long; it has 63 characters at most").with("run", run)
    })
}
