//! Lines that break, fall silent, cut bytes into slices or change them, below every protocol. A copy over such a
//! line is exact, or it failed as one that can be resumed and a resume made it exact.
//!
//! Where nothing but TCP protects the bytes of a source (SQL Server without encryption, a database without TLS
//! behind ODBC) a changed byte can be a changed value, and nobody can know. There the tests only show that the
//! oracle would.

mod exit_code;
mod line;
mod naive;
mod scripts;

use ropeway_tests::{
    blob_service::{Effect as BlobEffect, Fault, Operation},
    fault_proxy::Script,
};

use self::line::{Lines, lines_to};
use super::{
    copying::{
        ABSENCE, Copying,
        sources::{Given, PostgreSqlTable, SqlServerTable},
        targets::{BlobStore, LocalFile, Shape},
    },
    side_by_side::{copies, on_lanes},
    table::{Tally, dice, events},
};

const ROWS: u32 = 400;

// How many events are wanted of the long forms: every byte up to the 4,096th, or as many as a copy sends and receives
// on a connection, and some for what does not come by again.
/// More than a TLS handshake in TDS packets has, in either direction. `mssql-tds` cannot be sliced in there at every
/// connection: it gives up a header that comes in two pieces, and Ropeway connects anew.
const HANDSHAKE: u64 = 3_000;

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_line_to_sql_server_changes_no_row() {
    let (table, mut dice, mut tally) = (SqlServerTable::new(ROWS, true), dice(), Tally::default());
    let proxies = lines_to(table.address()).await;
    let (expected, source) = (table.rows(), |via| table.source(via));
    let line = Lines { source: &source, place: &|_| LocalFile::new(), expected: &expected, proxies: &proxies };
    let whole = line.undisturbed(&mut tally).await;
    line.each(scripts::breaks(&whole, events(16, 8_192), &mut dice), &mut tally);
    line.flips(scripts::flips(&whole, events(6, 1_000), &mut dice), &mut tally);
    line.each(scripts::silences(&whole, &mut dice), &mut tally);
    // One connection whose handshake comes byte by byte: the next one is whole.
    line.each(vec![(1..=1, Script::sliced(1, 0))], &mut tally);
    line.slices(HANDSHAKE, events(1, 50), &mut dice, &mut tally);
    line.storms(events(1, 50), &whole, &mut dice, &mut tally);

    tally.twins.tried += 1;
    tally.twins.caught += u64::from(naive::takes_the_end_for_all(&Given::new(4).rows()).await);
    tally.verdict("network: SQL Server with TLS", events(18, 6_500));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_line_to_sql_server_breaks_and_changes_no_row() {
    let (table, mut dice, mut tally) = (SqlServerTable::new(ROWS, false), dice(), Tally::default());
    let proxies = lines_to(table.address()).await;
    let (expected, source) = (table.rows(), |via| table.source(via));
    let line = Lines { source: &source, place: &|_| LocalFile::new(), expected: &expected, proxies: &proxies };
    let whole = line.undisturbed(&mut tally).await;
    line.each(scripts::breaks(&whole, events(16, 8_192), &mut dice), &mut tally);
    line.slices(HANDSHAKE, events(1, 50), &mut dice, &mut tally);

    tally.twins.tried += 1;
    tally.twins.caught += u64::from(line.shows_changed_values(&whole, &mut dice).await);
    tally.verdict("network: SQL Server without TLS", events(9, 6_500));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_to_postgresql_breaks_and_changes_no_row() {
    let (table, mut dice, mut tally) = (PostgreSqlTable::new(ROWS), dice(), Tally::default());
    let proxies = lines_to(table.address()).await;
    let (expected, source) = (table.rows(), |via| table.source(via));
    let line = Lines { source: &source, place: &|_| LocalFile::new(), expected: &expected, proxies: &proxies };
    let whole = line.undisturbed(&mut tally).await;
    line.each(scripts::breaks(&whole, events(26, 8_192), &mut dice), &mut tally);
    line.each(scripts::silences(&whole, &mut dice), &mut tally);
    line.slices(0, events(2, 50), &mut dice, &mut tally);
    line.storms(events(1, 50), &whole, &mut dice, &mut tally);

    tally.twins.tried += 1;
    tally.twins.caught += u64::from(line.shows_changed_values(&whole, &mut dice).await);
    tally.verdict("network: PostgreSQL", events(20, 4_500));
}

/// A driver that reads on by itself may not live through this: psqlodbc with `UseDeclareFetch` does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_to_postgresql_breaks_behind_the_first_rows() {
    let (table, mut dice, mut tally) = (PostgreSqlTable::new(4 * ROWS), dice(), Tally::default());
    let proxies = lines_to(table.address()).await;
    let (expected, source) = (table.rows(), |via| table.whole(via));
    let line = Lines { source: &source, place: &|_| LocalFile::new(), expected: &expected, proxies: &proxies };
    let whole = line.undisturbed(&mut tally).await;
    line.each(scripts::late_breaks(&whole, events(8, 512).into(), &mut dice), &mut tally);
    tally.twins.tried += 1;
    tally.twins.caught += u64::from(naive::takes_the_end_for_all(&Given::new(4).rows()).await);
    tally.verdict("network: PostgreSQL, later rows", events(6, 400));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_to_a_blob_service_changes_no_row() {
    let (store, given, mut dice, mut tally) = (BlobStore::fake().await, Given::new(4), dice(), Tally::default());
    let proxies = lines_to(store.address()).await;
    let (expected, source) = (given.rows(), |_| given.source());
    for (shape, part) in [(Shape::Single, 1), (Shape::Folder, 2)] {
        let place = |via| store.place_via(via, shape);
        let line = Lines { source: &source, place: &place, expected: &expected, proxies: &proxies };
        let whole = line.undisturbed(&mut tally).await;
        line.each(scripts::breaks(&whole, events(13, 8_192), &mut dice), &mut tally);
        line.flips(scripts::flips(&whole, events(4, 1_000), &mut dice), &mut tally);
        line.slices(0, events(1, 50), &mut dice, &mut tally);
        line.storms(events(1, 50), &whole, &mut dice, &mut tally);
        if part == 1 {
            line.each(scripts::silences(&whole, &mut dice), &mut tally);
        }
        busy(shape, events(3, 100), &mut tally).await;
    }

    tally.twins.tried += 1;
    tally.twins.caught += u64::from(naive::stores_changed_bytes(&expected).await);
    tally.verdict("network: blob service", events(32, 12_500));
}

/// So many storms of 503, some of them for longer than the client itself tries.
async fn busy(shape: Shape, cases: u32, tally: &mut Tally) {
    let mut stores = Vec::new();
    for _ in 0..copies() {
        stores.push(BlobStore::fake().await);
    }
    let given = Given::new(4);
    let (expected, source) = (given.rows(), || given.source());
    let copying = Copying { source: &source, expected: &expected, may_fail: ABSENCE };
    on_lanes(&stores, 0..cases, tally, async |store, case, tally| {
        let (skip, times) = (case * 2, 3 + 2 * (case % 3));
        let pause = (case % 2 == 0).then_some(0);
        store.service().inject(Fault { operation: Operation::Any, skip, times, effect: BlobEffect::Busy(pause) });
        copying.course(&store.place(shape), tally, || store.service().clear_faults()).await;
        store.service().clear_faults();
    });
    tally.events += stores.iter().map(|store| store.service().faults()).sum::<u64>();
}
