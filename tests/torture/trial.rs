//! One copy that is interrupted and resumed, and whether what readers see of it is right.

use std::{
    path::PathBuf,
    process::{Child, Output},
    sync::Arc,
};

use ropeway_tests::blob_service::BlobService;
use serde_json::{Value, json};

use super::{
    sources::Source,
    table::Tally,
    targets::{Format, Sink, Target, Visible},
};
use crate::end_to_end::{
    example::Example,
    oracle::{Row, same_rows},
};

/// What is copied, to where, and how.
pub(crate) struct Pair<'a> {
    pub(crate) source: &'a Source,
    pub(crate) sink: Sink,
    pub(crate) format: Format,
    pub(crate) slots: u32,
}

/// A copy of one run, whichever processes work on it.
pub(crate) struct Trial<'a> {
    pub(crate) example: Example,
    pub(crate) target: Target,
    pub(crate) id: String,
    pair: Pair<'a>,
    /// Files that readers saw before the copy was complete.
    seen: Visible,
    /// Attempts at chunks, without those that followed a failure in the same process. Below zero while attempts fail
    /// before they begin.
    begun: i64,
    /// Chunks that were divided.
    pub(crate) divided: u64,
    interruptions: u64,
}

impl<'a> Trial<'a> {
    /// A new run of this id, which is also the name of the container.
    pub(crate) fn new(pair: Pair<'a>, blobs: &Arc<BlobService>, id: &str) -> Self {
        let target = Target::new(pair.sink, pair.format, blobs, id);
        let mut example = Example::blank();
        let source = pair.source.define(&mut example);
        let sink = target.define(&mut example);
        let activity = json!({
            "name": "Copy", "type": "Copy", "policy": { "retry": 0 },
            "inputs": [{ "referenceName": "From", "type": "DatasetReference" }],
            "outputs": [{ "referenceName": "To", "type": "DatasetReference" }],
            "typeProperties": { "source": source, "sink": sink, "parallelCopies": pair.slots },
        });
        example.define("pipeline/Copy", &json!({ "activities": [activity] }));
        example.always(&["--log-level", "debug", "--log-format", "json"]);
        Self { example, target, id: id.to_owned(), pair, seen: Visible::new(), begun: 0, divided: 0, interruptions: 0 }
    }

    /// A process that works on the run: the first one, or one that resumes it.
    pub(crate) fn start(&self) -> Child {
        self.example.start(&self.id)
    }

    /// The same under another program.
    pub(crate) fn start_under(&self, program: &str, arguments: &[String]) -> Child {
        self.example.start_under(program, arguments, &self.id)
    }

    /// A process was ended before its time: whatever is visible now is whole. True if it had begun a chunk.
    #[track_caller]
    pub(crate) fn interrupted(&mut self, output: Output, tally: &mut Tally) -> bool {
        let before = self.begun;
        self.count(&self.example.said(output).stderr);
        self.interruptions += 1;
        let visible = self.target.visible();
        judge(self.target.copy(&visible), &self.pair.source.rows, tally);
        self.seen.extend(visible);
        self.begun > before
    }

    /// A process ended by itself: the copy is there, its report agrees, and nothing that was seen before has
    /// changed since. Answers the digest of the rows and how many chunks there were.
    #[track_caller]
    pub(crate) fn succeeded(&mut self, output: Output, tally: &mut Tally) -> (String, u64) {
        let said = self.example.said(output);
        self.count(&said.stderr);
        let report = said.ended(0).json();
        let output = &report["activityRuns"][0]["output"];
        let rows = &self.pair.source.rows;
        assert_eq!(output["rowsCopied"].as_u64(), Some(rows.len() as u64), "{report:#}");

        let visible = self.target.visible();
        let Some(copy) = self.target.copy(&visible) else { panic!("{}: nothing is visible at the end", self.about()) };
        judge(Some(copy), rows, tally);
        tally.partial += changed(&self.seen, &visible);
        assert_eq!(self.target.leftovers(), Vec::<String>::new(), "{}", self.about());

        let chunks = output["ropeway"]["chunks"]["planned"].as_u64().expect("a number");
        (output["ropeway"]["digest"].as_str().expect("a digest").to_owned(), chunks)
    }

    /// A resume costs at most what was in flight: all processes together began every chunk once, and for each
    /// interruption no more chunks again than there are slots.
    #[track_caller]
    pub(crate) fn repeated_little(&self, chunks: u64) {
        let chunks = i64::try_from(chunks).expect("few chunks");
        let most = chunks + (self.interruptions * u64::from(self.pair.slots)).cast_signed();
        let (about, begun, times) = (self.about(), self.begun, self.interruptions);
        assert!(begun >= chunks, "{about}: {chunks} chunks in {begun} attempts: the log lacks some");
        assert!(begun <= most, "{about}: {chunks} chunks took {begun} attempts, though only {times} interruptions");
    }

    /// The rows that are copied.
    pub(crate) fn rows(&self) -> &'a [Row] {
        &self.pair.source.rows
    }

    /// Folders that only this trial works in.
    pub(crate) fn places(&self) -> Vec<PathBuf> {
        [self.example.path("state")].into_iter().chain(self.target.folder()).collect()
    }

    /// What is copied.
    pub(crate) fn source(&self) -> &Source {
        self.pair.source
    }

    /// For messages.
    pub(crate) fn about(&self) -> String {
        let Pair { source, sink, format, slots } = &self.pair;
        format!("{} to {sink:?} as {format:?} with {slots} slots, run {}", source.name, self.id)
    }

    fn count(&mut self, log: &str) {
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        for line in lines {
            match line["message"].as_str() {
                Some("an attempt begins") => self.begun += 1,
                Some("a slow chunk was divided: idle slots read the rest of it") => self.divided += 1,
                Some("an attempt failed and is tried again") => self.begun -= 1,
                _ => {}
            }
        }
    }
}

/// Adds up what is wrong with a visible copy.
pub(crate) fn judge(copy: Option<Result<Vec<Row>, String>>, expected: &[Row], tally: &mut Tally) {
    match copy {
        None => {}
        Some(Err(damage)) => {
            println!("not whole: {damage}");
            tally.partial += 1;
        }
        Some(Ok(rows)) => {
            if let Err(difference) = same_rows(&rows, &without_empty(expected)) {
                println!("{difference}");
                tally.lost += difference.missing;
                tally.duplicate += difference.extra;
            }
        }
    }
}

/// How many files are not what they were when they were first seen.
pub(crate) fn changed(before: &Visible, after: &Visible) -> u64 {
    before.iter().filter(|(name, bytes)| after.get(*name) != Some(*bytes)).count() as u64
}

/// As the readers give it.
fn without_empty(rows: &[Row]) -> Vec<Row> {
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    rows.iter().map(|row| row.iter().map(text).collect()).collect()
}
