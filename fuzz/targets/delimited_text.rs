//! Any bytes as a file of delimited text, in the dialect that the first byte chooses: rows, or an error.
#![no_main]

use std::{
    fs,
    num::NonZeroU32,
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use futures::TryStreamExt;
use libfuzzer_sys::fuzz_target;
use ropeway_engine::{
    Result,
    chunk::BatchLimit,
    source::{ChunkTarget, Source},
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

static ROOT: LazyLock<PathBuf> = LazyLock::new(|| ropeway_fuzz::scratch("delimited_text"));
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made"));

const FILE: &str = "file.csv";

/// What Data Factory's dataset can say, by the bits of a byte.
fn dataset(dialect: u8) -> Value {
    let delimiter = if dialect & 1 == 0 { "," } else { "||" };
    let quote = if dialect & 2 == 0 { "\"" } else { "'" };
    let escape = if dialect & 4 == 0 { "\\" } else { quote };
    let encoding = ["UTF-8", "UTF-16", "UTF-16BE", "ISO-8859-1"][usize::from(dialect >> 4 & 3)];
    json!({
        "type": "DelimitedText",
        "location": {"type": "FileServerLocation", "fileName": FILE},
        "columnDelimiter": delimiter, "quoteChar": quote, "escapeChar": escape,
        "firstRowAsHeader": dialect & 8 != 0, "encodingName": encoding,
    })
}

async fn read(source: Arc<dyn Source>, skipping: bool) -> Result<usize> {
    let limit = BatchLimit { rows: NonZeroU32::MIN.saturating_add(99), bytes: 1 << 20 };
    source.schema().await?;
    let mut rows = 0;
    for chunk in source.plan(ChunkTarget { bytes: 1 << 10, rows: 100, chunks: 4 }).await? {
        if skipping {
            let portions: Vec<_> = source.read_skipping(&chunk, limit).await?.try_collect().await?;
            rows += portions.iter().map(|portion| portion.rows.num_rows()).sum::<usize>();
        } else {
            let batches: Vec<_> = source.read(&chunk, limit).await?.try_collect().await?;
            rows += batches.iter().map(|batch| batch.num_rows()).sum::<usize>();
        }
    }
    Ok(rows)
}

fuzz_target!(|bytes: &[u8]| {
    let Some((dialect, content)) = bytes.split_first() else { return };
    fs::write(ROOT.join(FILE), content).expect("a file can be written");
    let host = ROOT.to_str().expect("the folder has a plain name");
    let spec = json!({"linkedService": {"host": host}, "dataset": dataset(*dialect), "source": {}});
    let source = ropeway_connectors::registry().connect_source("FileServer", spec).expect("the dataset is a right one");
    let strict = RUNTIME.block_on(read(Arc::clone(&source), false));
    let lenient = RUNTIME.block_on(read(source, true));
    // A file without a fault has the same rows both ways.
    if let Ok(rows) = strict {
        assert_eq!(lenient.expect("it was read before"), rows);
    }
});
