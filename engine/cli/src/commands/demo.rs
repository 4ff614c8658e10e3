//! `ropeway demo`: the main job on embedded definitions, then the proof that the copy is the same.

mod definitions;

use std::path::Path;

use chrono::Utc;
use futures::StreamExt;
use indicatif::HumanCount;
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{BatchLimit, RunId},
    digest::{Digest, RowDigester},
    source::{ChunkTarget, Source},
};
use ropeway_specs::Inputs;

use crate::{
    args::{ConnectionArgs, DefinitionArgs, DemoArgs, OutputShape},
    assemble::{self, Extras},
    commands::{Console, runs::known},
    definitions::refuse,
    exit_code,
    pipeline_run::{self, Order},
    report::Moment,
    request::Request,
    state::StateFolder,
    terminal,
};

/// The folder that the demo makes where it is called.
const FOLDER: &str = "ropeway-demo";

/// Rows of lineitem at scale factor 1, about.
const ROWS_AT_SCALE_1: f64 = 6_001_215.0;

/// Copies, reads back, compares.
pub(crate) async fn perform(args: DemoArgs, console: &Console) -> Result<u8> {
    let folder = std::path::absolute(FOLDER).map_err(|error| not_made(Path::new(FOLDER), error))?;
    definitions::lay_out(&folder, args.rows as f64 / ROWS_AT_SCALE_1).map_err(|error| not_made(&folder, error))?;
    let pipeline = folder.join("pipeline/CopyLineitem.json");
    let request = Request::new(&pipeline, &DefinitionArgs::default(), &args.copy, &ConnectionArgs::default())?;
    let extras = Extras::of(&request);
    let state = StateFolder::open(args.state.state.as_deref())?;
    let run = RunId::try_from(uuid::Uuid::now_v7().to_string())?;
    let order = Order {
        run: run.clone(),
        request,
        started: Moment(Utc::now()),
        one_time: None,
        state: &state,
        take_over: false,
        named: args.state.state.as_deref(),
    };
    let code = pipeline_run::perform(order, &args.watch, args.output.output, console).await?;
    if code != exit_code::SUCCEEDED {
        return Ok(code);
    }
    let report = known(&state, &run)?.report;
    let copied = report.activities.iter().find_map(|activity| activity.copied.as_ref());
    let (rows, digest) = copied.map(|copied| (copied.rows_copied, copied.digest.clone())).unwrap_or_default();
    let (rows_back, digest_back) = read_back(&folder, &extras).await?;
    if (rows, digest.as_str()) != (rows_back, digest_back.to_string().as_str()) {
        return Err(Error::new(ErrorKind::Bug, "the file does not hold the rows that were copied; please report it")
            .with("rows copied", rows)
            .with("rows read back", rows_back));
    }
    if args.output.output == OutputShape::Text {
        terminal::result(&next_steps(rows, run.as_str()))?;
    }
    Ok(exit_code::SUCCEEDED)
}

/// The rows and the digest of the file, read by the reader of the Parquet source.
async fn read_back(folder: &Path, extras: &Extras) -> Result<(u64, Digest)> {
    let (factory, _) = ropeway_specs::Factory::load(folder);
    let side = factory.dataset("Target", &Inputs::manual("demo", Utc::now())).map_err(refuse)?;
    let source = assemble::source(side, &ropeway_connectors::registry(), extras, 1)?;
    digest_of(source.as_ref()).await
}

async fn digest_of(source: &dyn Source) -> Result<(u64, Digest)> {
    let digester = RowDigester::new(&source.schema().await?)?;
    let (mut rows, mut digest) = (0, Digest::default());
    let target = ChunkTarget { bytes: ChunkTarget::BYTES, rows: 250_000, chunks: 1 };
    for chunk in source.plan(target).await? {
        let mut batches = source.read(&chunk, BatchLimit::default()).await?;
        while let Some(batch) = batches.next().await {
            let batch = batch?;
            rows += batch.num_rows() as u64;
            digest += digester.digest(&batch)?;
        }
    }
    Ok((rows, digest))
}

fn next_steps(rows: u64, run: &str) -> String {
    format!(
        "The file was read back: {} rows, the same digest.\n\nTo try next:\n  \
         ropeway plan {FOLDER}/pipeline/CopyLineitem.json\n  \
         ropeway preview {FOLDER} Target --rows 5\n  \
         ropeway runs {run}\n",
        HumanCount(rows)
    )
}

fn not_made(folder: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Spec, "the demo's folder cannot be made; call it where you may write")
        .with("folder", folder.display())
        .caused_by(error)
}
