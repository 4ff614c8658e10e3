//! What a run would do: for `plan`, which writes nothing.

use std::borrow::Cow;

use arrow::datatypes::SchemaRef;

use tokio_util::sync::CancellationToken;

use super::{Job, admission::admit, chunk_target, numbered, planned, read_back::ReadBack, snapshot};
use crate::{
    Result, Side,
    chunk::Chunk,
    sink::{ColumnFit, SinkDescription},
    skipping::Skipping,
    source::SourceDescription,
};

/// What a run would do now.
#[derive(Clone, Debug)]
pub struct Prospect {
    /// The columns of the source.
    pub schema: SchemaRef,
    /// How the sink would store each column, in schema order. A loss is reported here, not refused.
    pub fits: Vec<ColumnFit>,
    /// The chunks.
    pub chunks: Vec<Chunk>,
    /// Chunks that may be open at once.
    pub slots: u32,
    /// Peak bytes of one open chunk.
    pub working_set: u64,
    /// What would be read, and how.
    pub description: SourceDescription,
    /// Where rows would go, and what would happen there first.
    pub target: SinkDescription,
    /// What the sink promises about rows.
    pub guarantee: String,
    /// Which rows would be left out, and where they would be written down; `None` if the first that does not fit
    /// ends the run.
    pub skipping: Option<String>,
    /// Whether what is published would be read back and compared.
    pub read_back: bool,
}

/// Asks the source and the sink what the job would do. Reads metadata, writes nothing.
///
/// # Errors
/// What `run` would refuse, except for columns that lose something.
pub async fn prospect(job: &Job) -> Result<Prospect> {
    let schema = job.source.schema().await.map_err(|error| error.on(Side::Source))?;
    let fits = job.sink.fit(&schema).await.map_err(|error| error.on(Side::Sink))?;
    let admission = admit(job, &schema)?;
    let read_back = ReadBack::of(job, &schema, &fits, &CancellationToken::new()).await;
    let read_back = read_back.map_err(|error| error.on(Side::Sink))?.is_some();
    let chunks = planned(job, chunk_target(job, admission)).await.map_err(|error| error.on(Side::Source))?;
    numbered(&chunks)?;
    let description = snapshot::described(job, &chunks);
    Ok(Prospect {
        schema,
        fits,
        chunks,
        slots: admission.slots,
        working_set: admission.working_set,
        description,
        target: job.sink.describe(),
        guarantee: job.sink.guarantee(),
        skipping: job.skipping.as_ref().map(|skipping| left_out(job, skipping)),
        read_back,
    })
}

fn left_out(job: &Job, skipping: &Skipping) -> String {
    let of_sink = job.sink.skips().map(Cow::Borrowed);
    let both: Vec<_> = [job.source.skips(), of_sink].into_iter().flatten().collect();
    if both.is_empty() {
        return "nothing: neither source nor sink leaves anything out".to_owned();
    }
    let rows = both.join("; ");
    match &skipping.log {
        Some(log) => format!("{rows}; their log is a file in {}", log.path),
        None => format!("{rows}; they are counted and not written down"),
    }
}
