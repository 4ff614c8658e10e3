//! Reads a few rows for a Lookup, within Data Factory's limits.

use std::num::NonZeroU32;

use futures::StreamExt;
use ropeway_engine::{
    Error, ErrorKind, Result, Side,
    chunk::BatchLimit,
    source::{ChunkTarget, Source},
};
use ropeway_specs::Lookup;
use serde_json::{Map, Value, json};

use super::{
    one::{Doing, Done},
    rows, task,
};
use crate::assemble;

/// Rows and bytes of a Lookup at most.
const MOST_ROWS: usize = 5_000;
const MOST_BYTES: usize = 4 << 20;

/// The rows as the activity's output.
pub(super) async fn look(doing: &Doing<'_>, lookup: &Lookup) -> Result<Done> {
    let started = std::time::Instant::now();
    let crew = doing.crew;
    let source = assemble::source(lookup.source.clone(), crew.registry, crew.extras, 1)?;
    let wanted = if lookup.first_row_only { 1 } else { MOST_ROWS + 1 };
    let rows = read(source.as_ref(), wanted).await.map_err(|error| error.on(Side::Source))?;
    if rows.len() > MOST_ROWS {
        let message = format!(
            "the Lookup gives more than {MOST_ROWS} rows, which is the most that Data Factory takes; narrow the query"
        );
        return Err(Error::new(ErrorKind::Data, message).code("2001"));
    }
    let mut output = Map::new();
    if lookup.first_row_only {
        output.extend(rows.into_iter().next().map(|row| ("firstRow".to_owned(), row)));
    } else {
        output.insert("count".to_owned(), rows.len().into());
        output.insert("value".to_owned(), rows.into());
    }
    output.insert("effectiveIntegrationRuntime".to_owned(), "Ropeway".into());
    output.insert("billingReference".to_owned(), billing(started.elapsed().as_secs()));
    output.insert("durationInQueue".to_owned(), json!({ "integrationRuntimeQueue": 0 }));
    Ok(task::output(output.into()))
}

/// What Data Factory bills for an activity that runs on one's own machine.
pub(super) fn billing(seconds: u64) -> Value {
    json!({
        "activityType": "PipelineActivity",
        "billableDuration": [{ "meterType": "SelfhostedIR", "duration": seconds as f64 / 3600.0, "unit": "Hours" }],
    })
}

/// The first rows of the source, all chunks in their order.
async fn read(source: &dyn Source, wanted: usize) -> Result<Vec<Value>> {
    let schema = source.schema().await?;
    let target = ChunkTarget { bytes: u64::MAX, rows: u64::MAX, chunks: 1 };
    let rows = NonZeroU32::new(wanted as u32).unwrap_or(NonZeroU32::MIN);
    let limit = BatchLimit { rows, ..BatchLimit::default() };
    let (mut found, mut bytes) = (Vec::new(), 0);
    for chunk in source.plan(target).await? {
        let mut batches = source.read(&chunk, limit).await?;
        while found.len() < wanted
            && let Some(batch) = batches.next().await
        {
            let batch = batch?;
            let batch = batch.slice(0, batch.num_rows().min(wanted - found.len()));
            for row in rows::of(&schema, &batch)? {
                bytes += row.to_string().len();
                found.push(row);
            }
            if bytes > MOST_BYTES {
                let message = "the rows of the Lookup are larger than 4 MB, which is the most that Data Factory takes; \
                               choose fewer rows or columns";
                return Err(Error::new(ErrorKind::Data, message).code("2001"));
            }
        }
        if found.len() >= wanted {
            break;
        }
    }
    Ok(found)
}
