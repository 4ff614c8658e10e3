//! One run of the sink: its tables, its ledger, its chunks.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arrow::array::RecordBatch;
use async_trait::async_trait;
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{Attempt, Chunk, ChunkId, Receipt},
    sink::{Opened, Published, RunContext, SinkRun},
    skipping::{Clash, Misfit},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    super::{
        errors::number,
        pool::Pool,
        wire::{Query, Session, TextRow},
    },
    create,
    grow::Outgrown,
    layout::{Layout, Wanted},
    rights::{self, Ledger},
    settings::Settings,
    statements::{self, Owned, PAGE, SESSION},
    target::Target,
    whole_run::PUBLICATION,
    writer::TableWriter,
};
use crate::ledger::{self, Entry};

/// What the chunks of a run share.
pub(crate) struct Shared {
    pub(crate) pool: Arc<Pool>,
    wanted: Wanted,
    /// As the table was when it was looked at last.
    layout: Mutex<Arc<Layout>>,
    /// Held by whoever makes columns longer.
    growing: tokio::sync::Mutex<()>,
    /// Seconds that the server has for the rows of a chunk.
    pub(crate) batch_timeout: Option<u32>,
    pub(crate) owned: Owned,
    /// Whether there is a ledger.
    pub(crate) has_ledger: bool,
    /// Bytes that went to the server.
    pub(crate) moved: Arc<AtomicU64>,
}

/// A run that has begun.
pub(crate) struct TableRun {
    shared: Arc<Shared>,
    /// The table or the procedure, for a person.
    target: String,
    opening: Opening,
}

/// What a resume has to know.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Opening {
    /// Whether the run has a ledger: what began with one goes on with it.
    ledger: bool,
}

impl Shared {
    async fn session(&self) -> Result<Session> {
        self.pool.session(SESSION).await
    }

    pub(crate) fn layout(&self) -> Arc<Layout> {
        Arc::clone(&self.layout.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes columns longer that were too short in this layout; gives the layout that is true now, in which somebody else
    /// may have made them longer.
    pub(crate) async fn grow(&self, seen: &Arc<Layout>, outgrown: &[Outgrown]) -> Result<Arc<Layout>> {
        let _growing = self.growing.lock().await;
        let layout = self.layout();
        if !Arc::ptr_eq(seen, &layout) {
            return Ok(layout);
        }
        let mut session = self.session().await?;
        let layout = Arc::new(layout.grown(&mut session, &self.wanted, outgrown).await?);
        self.pool.put_back(session);
        *self.layout.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&layout);
        Ok(layout)
    }

    /// Whether a column became longer since this layout was true, by this process or by another.
    pub(crate) async fn has_grown(&self, seen: &Arc<Layout>) -> Result<bool> {
        let _growing = self.growing.lock().await;
        if !Arc::ptr_eq(seen, &self.layout()) {
            return Ok(true);
        }
        let mut session = self.session().await?;
        let layout = seen.again(&mut session, &self.wanted).await?;
        self.pool.put_back(session);
        let has_grown = layout.has_other_room_than(seen);
        if has_grown {
            *self.layout.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(layout);
        }
        Ok(has_grown)
    }

    /// The receipt of a chunk, if the ledger has it.
    pub(crate) async fn committed(&self, chunk: ChunkId) -> Result<Option<Receipt>> {
        let mut session = self.session().await?;
        let rows = session.rows(Query::new(self.owned.entry(chunk), [])).await?;
        self.pool.put_back(session);
        rows.first().map(|row| Ok(entry(row)?.receipt())).transpose()
    }

    /// The whole ledger of the run, page by page.
    async fn entries(&self) -> Result<Vec<Entry>> {
        let mut session = self.session().await?;
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let after = entries.last().map(|entry| entry.chunk);
            let rows = session.rows(Query::new(self.owned.page(after), [])).await?;
            entries.extend(rows.iter().map(entry).collect::<Result<Vec<_>>>()?);
            if rows.len() < PAGE {
                break;
            }
        }
        self.pool.put_back(session);
        Ok(entries)
    }
}

impl TableRun {
    /// Takes the run, prepares the table once, and decides how rows get there.
    pub(crate) async fn begin(pool: &Arc<Pool>, settings: &Settings, owner: &str, context: RunContext) -> Result<Self> {
        let known = context.opening.as_ref().map(Opening::deserialize).transpose().map_err(not_ours)?;
        let owned = Owned { run: context.run.clone(), epoch: context.epoch, owner: owner.to_owned() };
        let mut session = pool.session(SESSION).await?;
        let ledger = rights::ledger(&mut session, known.map(|opening| opening.ledger)).await?;
        if settings.whole_run && ledger != Ledger::Kept {
            return Err(rights::needed_for_the_whole_run());
        }
        prepare(&mut session, settings, &owned, &ledger, known.is_none()).await?;
        if settings.auto_create && Target::look(&mut session, settings).await?.is_none() {
            create_table(&mut session, settings, &context).await?;
        }
        let has_ledger = ledger == Ledger::Kept;
        let wanted = Wanted {
            settings: settings.clone(),
            schema: Arc::clone(&context.schema),
            run: owned.run.clone(),
            several: context.chunks > 1,
            leaves_out: context.leaves_out,
            has_ledger,
        };
        let layout = Layout::look(&mut session, &wanted).await?;
        if let Some(whole_run) = &layout.whole_run {
            session.run(&whole_run.begin(&owned)).await?;
        }
        if let Some(staging) = &layout.staging {
            staging.tidy(&mut session, &owned.run, Some(owned.epoch)).await?;
        }
        pool.put_back(session);
        let shared = Shared {
            pool: Arc::clone(pool),
            wanted,
            layout: Mutex::new(Arc::new(layout)),
            growing: tokio::sync::Mutex::default(),
            batch_timeout: settings.batch_timeout,
            owned,
            has_ledger,
            moved: Arc::default(),
        };
        let target = settings.target.clone();
        Ok(Self { shared: Arc::new(shared), target, opening: Opening { ledger: has_ledger } })
    }

    pub(crate) fn has_ledger(&self) -> bool {
        self.shared.has_ledger
    }
}

#[async_trait]
impl SinkRun for TableRun {
    fn opening(&self) -> Value {
        json!(self.opening)
    }

    async fn open(&self, chunk: &Chunk, attempt: Attempt) -> Result<Opened> {
        let first = attempt == Attempt { epoch: 1, number: 1 };
        if self.shared.has_ledger
            && !first
            && let Some(receipt) = self.shared.committed(chunk.id).await?
        {
            return Ok(Opened::AlreadyCommitted(receipt));
        }
        Ok(Opened::Writer(Box::new(TableWriter::new(Arc::clone(&self.shared), chunk.id, attempt)?)))
    }

    async fn lost(&self, receipts: &[Receipt]) -> Result<Vec<ChunkId>> {
        if !self.shared.has_ledger || receipts.is_empty() {
            return Ok(Vec::new());
        }
        Ok(ledger::lost(receipts, &self.shared.entries().await?))
    }

    fn misfits(&self, batch: &RecordBatch) -> Result<Vec<Misfit>> {
        self.shared.layout().encoder.misfits(batch)
    }

    async fn clashes(&self, chunk: ChunkId, attempt: Attempt) -> Result<Vec<Clash>> {
        let layout = self.shared.layout();
        let Some(staging) = &layout.staging else { return Ok(Vec::new()) };
        let Some(keys) = staging.keys() else { return Ok(Vec::new()) };
        let stage = staging.stage(&self.shared.owned.run, chunk, attempt)?;
        let mut session = self.shared.session().await?;
        let taken = keys.taken(&mut session, &stage).await?;
        if !taken.is_empty() {
            session.run(&format!("DROP TABLE {stage}")).await?;
        }
        self.shared.pool.put_back(session);
        Ok(taken)
    }

    fn moved(&self) -> u64 {
        self.shared.moved.load(Ordering::Relaxed)
    }

    fn step_limit(&self) -> Option<Duration> {
        self.shared.batch_timeout.map(|seconds| Duration::from_secs(seconds.into()))
    }

    fn publish_limit(&self) -> Option<Duration> {
        self.shared.wanted.settings.whole_run.then_some(PUBLICATION)
    }

    async fn finish(&self, receipts: &[Receipt]) -> Result<Published> {
        let (layout, Shared { pool, owned, has_ledger, .. }) = (self.shared.layout(), &*self.shared);
        let mut session = self.shared.session().await?;
        match &layout.whole_run {
            Some(whole_run) => session.run(&whole_run.publish(owned, receipts)).await.map_err(of_the_script)?,
            None if *has_ledger => session.run(&owned.finish()).await?,
            None => {}
        }
        if let Some(staging) = &layout.staging {
            staging.tidy(&mut session, &owned.run, None).await?;
        }
        pool.put_back(session);
        Ok(Published { names: vec![self.target.clone()], ..Published::default() })
    }

    /// The rows that are committed stay: nobody can tell them from others any more.
    async fn abort(&self) -> Result<()> {
        Ok(())
    }
}

/// Takes the run and runs the script, once per run. Without a ledger only the journal knows that it ran.
async fn prepare(
    session: &mut Session,
    settings: &Settings,
    owned: &Owned,
    ledger: &Ledger,
    is_new: bool,
) -> Result<()> {
    // Where all rows appear at once, so does what it does.
    let script = settings.script.as_deref().filter(|_| !settings.whole_run);
    let done = match (ledger, script) {
        (Ledger::Kept, script) => session.run(&owned.claim(script)).await,
        (Ledger::Refused, Some(script)) if is_new => session.run(&statements::alone(script)).await,
        (Ledger::Refused, _) => Ok(()),
    };
    done.map_err(of_the_script)
}

fn of_the_script(error: Error) -> Error {
    match number(&error) {
        Some(226) => Error::new(
            ErrorKind::Spec,
            "«preCopyScript» has a statement that SQL Server does not run in a transaction, so nobody could tell after a \
             break whether it ran; run that statement apart from the copy",
        )
        .caused_by(error),
        _ => error,
    }
}

async fn create_table(session: &mut Session, settings: &Settings, context: &RunContext) -> Result<()> {
    let statement = create::statement(&settings.target, &context.schema)?;
    match session.run(&statement).await {
        // Another process of this run was faster.
        Err(error) if number(&error) == Some(2714) => Ok(()),
        other => other,
    }
}

pub(crate) fn no_table(settings: &Settings) -> Error {
    Error::new(
        ErrorKind::Spec,
        "the table does not exist, or the login may not see it; create it, or set «tableOption» of the copy sink to autoCreate",
    )
    .code("SqlOperationFailed")
    .with("table", &settings.target)
}

fn entry(row: &TextRow) -> Result<Entry> {
    Entry::read(|column| row.text(column))
}

fn not_ours(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Bug, "the checkpoint of this run was not written by this sink; please report it")
        .caused_by(error)
}
