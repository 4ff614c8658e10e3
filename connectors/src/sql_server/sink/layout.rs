//! How the rows of a run get into its table as the table is now. It may change while the run goes on, where columns grow.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use ropeway_engine::{Result, chunk::RunId};

use super::{
    super::wire::{Session, bulk::BulkLoad},
    clashes::Keys,
    encode::Encoder,
    fit::Fit,
    grow::{self, Outgrown},
    run::no_table,
    settings::{Behavior, Settings},
    staging::Staging,
    table::TableColumn,
    target::Target,
    whole_run::WholeRun,
};

/// What does not change while a run goes on.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) settings: Settings,
    pub(crate) schema: SchemaRef,
    pub(crate) run: RunId,
    /// Whether there are several chunks.
    pub(crate) several: bool,
    /// Whether rows may be left out.
    pub(crate) leaves_out: bool,
    pub(crate) has_ledger: bool,
}

/// How rows are encoded and where they go.
pub(crate) struct Layout {
    pub(crate) encoder: Encoder,
    pub(crate) load: Arc<BulkLoad>,
    /// Where rows go through tables of their own.
    pub(crate) staging: Option<Staging>,
    /// Where all rows appear at once.
    pub(crate) whole_run: Option<WholeRun>,
    /// The columns that are written, in the order of the table.
    columns: Vec<TableColumn>,
    /// The table, quoted.
    target: String,
    /// How often columns became longer.
    times: u32,
}

impl Layout {
    /// Looks at the table.
    ///
    /// # Errors
    /// For a table that is missing, or that rows cannot get into as the definition asks.
    pub(crate) async fn look(session: &mut Session, wanted: &Wanted) -> Result<Self> {
        let Wanted { settings, schema, has_ledger, .. } = wanted;
        let target = Target::look(session, settings).await?.ok_or_else(|| no_table(settings))?;
        let columns = Fit::of(schema, &target.table, settings.liberty())?.columns;
        // Only a stage can be asked which keys are taken.
        let keys = match settings.behavior {
            Behavior::Insert if *has_ledger && wanted.leaves_out && !settings.whole_run => {
                Keys::of(session, &target.table, &columns).await?
            }
            _ => None,
        };
        let is_wanted = *has_ledger && wanted.several || keys.is_some();
        let whole_run = if settings.whole_run {
            let into = settings.way_out(&target.table, &columns)?;
            Some(WholeRun::of(&wanted.run, &columns, into, settings.script.clone())?)
        } else {
            None
        };
        let staging = match &whole_run {
            Some(whole_run) => Some(whole_run.staging(&columns)?),
            None => settings.staging(&target, &columns, is_wanted)?.map(|staging| staging.minding(keys)),
        };
        let minded = staging.as_ref().and_then(Staging::keys);
        let (marks, is_marked) = (minded.into_iter().flat_map(Keys::loaded), minded.is_some());
        let load = BulkLoad {
            table: target.table.name.clone(),
            columns: columns.iter().map(|(_, to)| (to.metadata.clone(), to.collation.clone())).chain(marks).collect(),
            // A stage is nobody else's.
            table_lock: settings.table_lock || staging.is_some(),
            gives_identity: staging.is_none(),
        };
        let (from, to) = columns.into_iter().unzip();
        let encoder = Encoder::new(schema, from)?.marking(is_marked);
        let target = target.table.name;
        Ok(Self { encoder, load: Arc::new(load), staging, whole_run, columns: to, target, times: 0 })
    }

    /// The same with columns that are longer.
    ///
    /// # Errors
    /// If the server does not make them longer, or somebody holds the table.
    pub(crate) async fn grown(&self, session: &mut Session, wanted: &Wanted, outgrown: &[Outgrown]) -> Result<Self> {
        let whole_run = self.whole_run.as_ref().map(WholeRun::table);
        let tables: Vec<_> = whole_run.into_iter().chain([self.target.as_str()]).collect();
        for statement in grow::statements(&tables, &self.columns, outgrown, self.times)? {
            session.run(&statement).await.map_err(grow::refused)?;
        }
        Ok(Self { times: self.times + 1, ..Self::look(session, wanted).await? })
    }

    /// The same as the table is now.
    pub(crate) async fn again(&self, session: &mut Session, wanted: &Wanted) -> Result<Self> {
        Ok(Self { times: self.times, ..Self::look(session, wanted).await? })
    }

    /// Whether a column has other room than it had in another.
    pub(crate) fn has_other_room_than(&self, other: &Self) -> bool {
        let room = |layout: &Self| layout.columns.iter().map(TableColumn::most_bytes).collect::<Vec<_>>();
        room(self) != room(other)
    }
}
