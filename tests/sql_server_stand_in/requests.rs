//! Requests that only a client on the wire can make: of the transaction manager, and with the reset bits.

use super::raw::{BATCH, Raw, plain_server};
use ropeway_tests::sql_server::{Fault, Server};
use std::io::{ErrorKind, Read as _};

const TABLE: &str = "CREATE TABLE dbo.t (a int NULL)";
const NONE: Vec<i32> = Vec::new();

fn count(server: &Server) -> String {
    server.execute("sales", "SELECT COUNT(*) FROM dbo.t").unwrap()[0][0].clone()
}

#[test]
fn the_transaction_manager_begins_saves_rolls_back_and_commits() {
    let server = plain_server(TABLE);
    let mut client = Raw::log_in(&server);
    assert_eq!(client.transaction(5, &[2, 0]).changes, [8]);
    assert_eq!(client.batch("INSERT INTO dbo.t VALUES (1)").errors(), NONE);
    assert_eq!(client.transaction(9, &[1, b's', 0]).errors(), NONE);
    assert_eq!(client.batch("INSERT INTO dbo.t VALUES (2)").errors(), NONE);
    // Back to the save point: the transaction goes on.
    assert_eq!(client.transaction(8, &[1, b's', 0, 0]).changes, Vec::<u8>::new());
    assert_eq!(client.transaction(7, &[0, 0]).changes, [9]);
    assert_eq!(count(&server), "1");
    // Rolled back, and the next one begun in the same request.
    client.transaction(5, &[2, 0]);
    client.batch("INSERT INTO dbo.t VALUES (3)");
    assert_eq!(client.transaction(8, &[0, 1, 2, 0]).changes, [10, 8]);
    assert_eq!(client.transaction(8, &[0, 0]).changes, [10]);
    assert_eq!(count(&server), "1");
    assert_eq!(client.transaction(7, &[0, 0]).errors(), [3902]);
    assert_eq!(client.transaction(8, &[0, 0]).errors(), [3903]);
    // A descriptor that is not that of the transaction.
    client.transaction(5, &[2, 0]);
    client.descriptor += 1;
    assert_eq!(client.batch("SELECT 1 WHERE 1 = 0").errors(), [3989]);
    assert_eq!(server.seen().violations, Vec::<String>::new());
}

#[test]
fn the_reset_bit_rolls_back_and_forgets_the_options() {
    let server = plain_server(TABLE);
    let mut client = Raw::log_in(&server);
    client.batch("SET XACT_ABORT ON; SET NOCOUNT ON; BEGIN TRAN; INSERT INTO dbo.t VALUES (1)");
    let old = client.descriptor;
    client.descriptor = 0;
    let answer = client.batch_with(0x09, "INSERT INTO dbo.t VALUES (2)");
    assert_ne!(old, 0);
    assert!(answer.changes.contains(&18), "the reset is acknowledged: {answer:?}");
    assert_eq!(answer.done.last().map(|(status, _, rows)| (*status, *rows)), Some((0x10, 1)), "NOCOUNT is off again");
    assert_eq!(count(&server), "1");
    assert_eq!(server.seen().resets, 1);
    // The twin that keeps the transaction.
    client.batch("BEGIN TRAN; INSERT INTO dbo.t VALUES (3)");
    assert_eq!(client.batch_with(0x11, "COMMIT").errors(), NONE);
    assert_eq!(count(&server), "2");
}

#[test]
fn a_reset_fault_is_a_reset_and_a_break_is_an_end() {
    let server = plain_server(TABLE);
    server.on("select 1", Fault::ResetAfterBytes(20), 1);
    server.on("select 2", Fault::BreakAfterBytes(20), 1);
    let read = |batch: &str| {
        let mut client = Raw::log_in(&server);
        let mut body = vec![22, 0, 0, 0, 18, 0, 0, 0, 2, 0];
        body.extend([0; 8]);
        body.extend([1, 0, 0, 0]);
        body.extend(super::raw::wide(batch));
        client.send(BATCH, 1, &body);
        let mut bytes = vec![0; 20];
        client.tcp.read_exact(&mut bytes).unwrap();
        client.tcp.read(&mut [0]).map_err(|error| error.kind())
    };
    assert_eq!(read("SELECT 1"), Err(ErrorKind::ConnectionReset));
    assert_eq!(read("SELECT 2"), Ok(0));
}
