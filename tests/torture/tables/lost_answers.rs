//! Answers of a SQL Server that are lost, and errors that it gives, at every step of a copy into one of its tables.

use std::sync::atomic::{AtomicU64, Ordering};

use rand::{SeedableRng as _, rngs::StdRng};
use ropeway_engine::Result;
use ropeway_tests::sql_server::{Fault, SqlError};

use super::*;
use crate::torture::{
    copying::{ABSENCE, Copying, Target, sources::Given},
    side_by_side::{copies, on_lanes},
};

/// A table, and the run that fills it.
struct Place {
    tables: Tables,
    shape: Shape,
}

/// How rows get in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Straight.
    Heap,
    /// Through stages of their chunks.
    Keyed,
    /// Through a stage of the session, by a stored procedure.
    Called,
}

impl Place {
    fn new(shape: Shape) -> Self {
        let tables = Tables::sql_server(if shape == Shape::Called { Way::Call } else { Way::Insert });
        let key = match shape {
            Shape::Heap => "",
            Shape::Keyed => " PRIMARY KEY",
            // It makes its table itself.
            Shape::Called => return Self { tables, shape },
        };
        let table = format!("CREATE TABLE dbo.t (id bigint NOT NULL{key}, name nvarchar(100) NULL)");
        tables.server().execute(DATABASE, &table).expect("a table");
        Self { tables, shape }
    }

    fn disturb(&self, dice: &mut StdRng) {
        // The claim, the load of a chunk, its commit, the end.
        let beginning = match self.shape {
            Shape::Heap => "INSERT BULK",
            Shape::Keyed => "CREATE TABLE [_cpy].[stage",
            Shape::Called => "CREATE TABLE #ropeway_stage",
        };
        let steps = ["INSERT INTO [_cpy].[run]", beginning, "BULK LOAD", "INSERT INTO [_cpy].[ledger]"];
        let step = steps[dice.random_range(0..steps.len())];
        let error = |number| Fault::Error(SqlError::new(number, 16, "a fault of the test"));
        let fault = match dice.random_range(0..8) {
            0 => error(1205),
            1 => error(1222),
            2 => Fault::ResetAfterBytes(dice.random_range(0..40)),
            3 => Fault::BreakAfterBytes(dice.random_range(0..40)),
            _ => Fault::BreakAfterRunning,
        };
        self.tables.server().on_after(dice.random_range(0..4), step, fault, dice.random_range(1..=2));
    }
}

impl Target for Place {
    fn sink(&self) -> Arc<dyn Sink> {
        self.tables.sink("t")
    }

    async fn rows(&self) -> Result<Option<Vec<Row>>, String> {
        let ended = "SELECT run_id FROM _cpy.run WHERE state = 'succeeded'";
        if self.tables.ask(ended).is_some_and(|rows| !rows.is_empty()) {
            return Ok(Some(self.tables.rows("t")));
        }
        let mut seen = Tally::default();
        self.tables.look("t", "torture", &Given::new(4).rows(), &mut seen);
        match (seen.duplicate, seen.partial) {
            (0, 0) => Ok(None),
            _ => Err(format!("{seen:?}")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sql_server_that_loses_answers_has_every_row_once() {
    let (given, mut dice, wanted) = (Given::new(4), dice(), events(24, 600));
    let (expected, source) = (given.rows(), || given.source());
    let copying = Copying { source: &source, expected: &expected, may_fail: ABSENCE };
    let mut tally = Tally::default();
    let happened = AtomicU64::new(0);
    let cases = (0..10 * wanted).map_while(|round| {
        (happened.load(Ordering::Relaxed) < u64::from(wanted)).then(|| (round, StdRng::seed_from_u64(dice.random())))
    });
    let lanes = vec![(); copies()];
    on_lanes(&lanes, cases, &mut tally, async |(), (round, mut dice), tally| {
        let place = Place::new([Shape::Heap, Shape::Keyed, Shape::Called][round as usize % 3]);
        for _ in 0..dice.random_range(1..=3) {
            place.disturb(&mut dice);
        }
        let course = copying.course(&place, tally, || place.tables.server().clear_faults()).await;
        tally.events += course.retries + u64::from(course.failures);
        happened.fetch_add(tally.events, Ordering::Relaxed);
        let stages = place.tables.ask("SELECT name FROM sys.tables WHERE name LIKE 'stage[_]%'").expect("a catalogue");
        assert_eq!(stages, Vec::<Row>::new());
    });
    tally.twins.tried += 1;
    tally.twins.caught += u64::from(without_a_ledger(&copying).await);
    tally.verdict("lost answers: SQL Server as a sink", wanted);
}

/// A login that may not make a ledger is told so, and a commit whose answer is lost is made again: the weaker promise.
async fn without_a_ledger(copying: &Copying<'_>) -> bool {
    let place = Place::new(Shape::Heap);
    place.tables.server().execute(DATABASE, "DENY CREATE TABLE TO ropeway").expect("a login");
    let sink = place.sink();
    let schema = (copying.source)().schema().await.expect("columns");
    sink.fit(&schema).await.expect("a table that is there");
    assert!(sink.guarantee().contains("at least once"), "{}", sink.guarantee());

    place.tables.server().on("THROW 51002", Fault::BreakAfterRunning, 1);
    let state = tempfile::tempdir().expect("a temporary folder");
    let summary = copying.attempt(&place, state.path()).await.expect("a copy");
    assert!(summary.guarantee.contains("at least once"), "{}", summary.guarantee);
    assert_eq!(summary.retries, 1);
    let found = place.tables.rows("t");
    same_rows(&found, copying.expected).is_err_and(|difference| difference.extra > 0 && difference.missing == 0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_stands_still_is_given_up_and_made_again() {
    let given = Given::new(2);
    let (expected, source) = (given.rows(), || given.source());
    let copying = Copying { source: &source, expected: &expected, may_fail: ABSENCE };
    let place = Place::new(Shape::Heap);
    place.tables.server().on("BULK LOAD", Fault::Hang, 1);
    let mut tally = Tally::default();
    let course = copying.course(&place, &mut tally, || place.tables.server().clear_faults()).await;
    assert!(course.retries + u64::from(course.failures) > 0, "{course:?}");
    assert_eq!((tally.lost, tally.duplicate, tally.partial), (0, 0, 0));
}
