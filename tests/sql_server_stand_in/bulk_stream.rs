//! Streams of a bulk load that are wrong: each is refused with its number, and the right one is taken.

use super::raw::{ATTENTION, BULK, COLLATION, Raw, plain_server, wide};
use ropeway_tests::sql_server::{Fault, Server};

/// One column of COLMETADATA: name, NULLABLE, TYPE_INFO.
type Column = (&'static str, bool, Vec<u8>);

fn metadata(columns: &[Column]) -> Vec<u8> {
    let mut out = vec![0x81];
    out.extend((columns.len() as u16).to_le_bytes());
    for (name, nullable, of) in columns {
        out.extend([0; 4]);
        out.extend((8 | u16::from(*nullable)).to_le_bytes());
        out.extend(of);
        out.push(name.len() as u8);
        out.extend(wide(name));
    }
    out
}

fn done() -> Vec<u8> {
    let mut out = vec![0xFD];
    out.extend([0; 12]);
    out
}

fn id() -> Column {
    ("id", false, vec![0x38])
}

fn text(token: u8, size: u16) -> Column {
    ("v", true, [vec![token], size.to_le_bytes().to_vec(), COLLATION.to_vec()].concat())
}

fn of(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// Columns, one row, DONE.
fn stream(columns: &[Column], row: &[&[u8]]) -> Vec<u8> {
    of(&[&metadata(columns), &[0xD1], &row.concat(), &done()])
}

const TABLE: &str = "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, v nvarchar(5) NULL)";
const STATEMENT: &str = "INSERT BULK dbo.t (id int, v nvarchar(5))";
const ONE: [u8; 4] = [1, 0, 0, 0];

fn count(server: &Server) -> String {
    server.execute("sales", "SELECT COUNT(*) FROM dbo.t").unwrap()[0][0].clone()
}

#[test]
fn the_right_stream_is_taken_and_counted() {
    let server = plain_server(TABLE);
    let mut client = Raw::log_in(&server);
    let announced = client.batch(STATEMENT);
    assert_eq!(announced.done, [(0, 0xFD, 0)]);
    let columns = [id(), text(0xE7, 10)];
    let rows = of(&[&[0xD1], &ONE, &[2, 0], &wide("x"), &[0xD1], &[2, 0, 0, 0], &[0xFF, 0xFF]]);
    client.send(BULK, 1, &of(&[&metadata(&columns), &rows, &done()]));
    assert_eq!(client.answer().done, [(0x10, 0xF0, 2)]);
    assert_eq!(server.execute("sales", "SELECT id, v FROM dbo.t ORDER BY id").unwrap(), [["1", "x"], ["2", "NULL"]]);
    assert_eq!(client.load(STATEMENT, &of(&[&metadata(&columns), &done()])).done, [(0x10, 0xF0, 0)]);
}

#[test]
fn a_stream_that_does_not_fit_its_announcement_is_refused_and_the_session_goes_on() {
    let server = plain_server(TABLE);
    let mut client = Raw::log_in(&server);
    let value = of(&[&[2, 0], &wide("x")]);
    let long = of(&[&[12, 0], &wide("longer")]);
    let nullable_id: Column = ("id", true, vec![0x26, 4]);
    let big_id: Column = ("id", false, vec![0x7F]);
    let xml: Column = ("v", true, vec![0xF1, 0]);
    let old_decimal: Column = ("id", false, vec![0x37, 5, 9, 0]);
    let cases: [(&str, Vec<u8>, i32); 9] = [
        ("another type", stream(&[big_id, text(0xE7, 10)], &[&[1, 0, 0, 0, 0, 0, 0, 0], &value]), 4816),
        ("another nullability", stream(&[nullable_id, text(0xE7, 10)], &[&[4, 1, 0, 0, 0], &value]), 4816),
        ("varchar for nvarchar", stream(&[id(), text(0xA7, 10)], &[&ONE, &[1, 0, 65]]), 4816),
        ("char for varchar", stream(&[id(), text(0xEF, 10)], &[&ONE, &value]), 4816),
        ("xml", stream(&[id(), xml], &[&ONE, &[0xFF; 8]]), 4816),
        ("a legacy decimal", stream(&[old_decimal, text(0xE7, 10)], &[&ONE, &value]), 4816),
        ("(max)", stream(&[id(), text(0xE7, 0xFFFF)], &[&ONE, &[0xFF; 8]]), 4816),
        ("a value longer than its column of the stream", stream(&[id(), text(0xE7, 10)], &[&ONE, &long]), 4815),
        ("a value longer than announced", stream(&[id(), text(0xE7, 100)], &[&ONE, &long]), 4815),
    ];
    for (what, data, wanted) in cases {
        let answer = client.load(STATEMENT, &data);
        assert_eq!(answer.errors(), [wanted], "{what}");
        assert_eq!(answer.done, [(2, 0xFD, 0)], "{what}");
    }
    // Announced wider than the column: the value arrives and is refused as by INSERT.
    let wide_statement = "INSERT BULK dbo.t (id int, v nvarchar(50))";
    let answer = client.load(wide_statement, &stream(&[id(), text(0xE7, 100)], &[&ONE, &long]));
    assert_eq!(answer.messages, [(2628, 16), (3621, 0)]);
    assert_eq!(answer.done, [(2, 0xF0, 0)]);
    let not_null = "INSERT BULK dbo.t (v nvarchar(5))";
    assert_eq!(client.load(not_null, &stream(&[text(0xE7, 10)], &[&value])).errors(), [515]);
    assert_eq!(count(&server), "0");
    assert_eq!(client.load(STATEMENT, &stream(&[id(), text(0xE7, 10)], &[&ONE, &value])).errors(), Vec::<i32>::new());
    assert_eq!(count(&server), "1");
}

/// T-SQL type, TYPE_INFO, wrong value and its error, right value.
type BadValue = (&'static str, &'static [u8], &'static [u8], i32, &'static [u8]);

#[test]
fn bytes_that_are_no_value_of_their_type_are_refused() {
    let server = plain_server("SELECT 1");
    let mut client = Raw::log_in(&server);
    let cases: [BadValue; 14] = [
        ("bit", &[0x68, 1], &[1, 2], 4896, &[1, 1]),
        ("int", &[0x26, 4], &[3, 1, 0, 0], 4815, &[4, 1, 0, 0, 0]),
        ("float", &[0x6D, 8], &[8, 0, 0, 0, 0, 0, 0, 0xF0, 0x7F], 4896, &[8, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F]),
        ("decimal(3,1)", &[0x6A, 5, 3, 1], &[5, 1, 0xE8, 3, 0, 0], 4896, &[5, 1, 0xE7, 3, 0, 0]),
        ("decimal(3,1)", &[0x6A, 5, 3, 1], &[5, 2, 1, 0, 0, 0], 4896, &[5, 0, 1, 0, 0, 0]),
        ("date", &[0x28], &[3, 0xDB, 0xB9, 0x37], 4896, &[3, 0xDA, 0xB9, 0x37]),
        ("time(0)", &[0x29, 0], &[3, 0x80, 0x51, 1], 4896, &[3, 0x7F, 0x51, 1]),
        ("datetime2(7)", &[0x2A, 7], &[7, 0, 0, 0, 0, 0, 0, 0], 4815, &[8, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("datetimeoffset(0)", &[0x2B, 0], &[8, 0, 0, 0, 9, 0, 0, 0x49, 3], 4896, &[8, 0, 0, 0, 9, 0, 0, 0x48, 3]),
        ("datetime", &[0x6F, 8], &[8, 0, 0, 0, 0, 0x00, 0x82, 0x8B, 1], 4896, &[8, 0, 0, 0, 0, 0xFF, 0x81, 0x8B, 1]),
        ("uniqueidentifier", &[0x24, 16], &[15; 16], 4815, &[16; 17]),
        (
            "varbinary(max)",
            &[0xA5, 0xFF, 0xFF],
            &[3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0],
            4897,
            &[1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0],
        ),
        ("binary(2)", &[0xAD, 2, 0], &[3, 0, 1, 2, 3], 4815, &[2, 0, 1, 2]),
        ("sql_variant", &[0x62, 0x49, 0x1F, 0, 0], &[3, 0, 0, 0, 0x38, 0, 1], 4896, &[6, 0, 0, 0, 0x38, 0, 1, 0, 0, 0]),
    ];
    for (index, (sql, info, wrong, error, right)) in cases.into_iter().enumerate() {
        server.execute("sales", &format!("CREATE TABLE dbo.t{index} (a {sql} NULL)")).unwrap();
        let statement = format!("INSERT BULK dbo.t{index} (a {sql})");
        let column = [("a", true, info.to_vec())];
        assert_eq!(client.load(&statement, &stream(&column, &[wrong])).errors(), [error], "{sql}");
        assert_eq!(client.load(&statement, &stream(&column, &[right])).done, [(0x10, 0xF0, 1)], "{sql}");
    }
}

#[test]
fn a_torn_stream_ends_the_connection_and_loads_nothing() {
    let server = plain_server(TABLE);
    let columns = [id(), text(0xE7, 10)];
    let value = of(&[&[2, 0], &wide("x")]);
    let whole = stream(&columns, &[&ONE, &value]);
    let odd = stream(&columns, &[&ONE, &[3, 0, 65, 0, 65]]);
    let compressed = of(&[&metadata(&columns), &[0xD2, 0x02], &ONE, &done()]);
    let cases: [(&str, Vec<u8>, i32); 6] = [
        ("no COLMETADATA", done(), 4894),
        ("a column too many", of(&[&metadata(&[id(), text(0xE7, 10), id()]), &done()]), 4804),
        ("no DONE", whole[..whole.len() - 13].to_vec(), 4804),
        ("more behind DONE", of(&[&whole, &[0]]), 4804),
        ("half a character", odd, 4895),
        ("NBCROW", compressed, 4804),
    ];
    for (what, data, wanted) in cases {
        let mut client = Raw::log_in(&server);
        assert_eq!(client.load(STATEMENT, &data).messages, [(wanted, 21)], "{what}");
        client.send(1, 1, &[]);
        assert!(client.try_answer().is_err(), "{what}: the connection is closed");
    }
    // Cut anywhere, a message loads nothing, and the server never takes what is there for all of it.
    // (Four bytes short is a DONE with the short count of older clients, which is whole.)
    for length in (0..whole.len()).filter(|length| length + 4 != whole.len()) {
        let mut client = Raw::log_in(&server);
        let answer = client.load(STATEMENT, &whole[..length]);
        assert!(matches!(answer.errors().as_slice(), [4804 | 4894]), "cut at {length}: {answer:?}");
    }
    assert_eq!(count(&server), "0");
    assert_eq!(Raw::log_in(&server).load(STATEMENT, &whole).done, [(0x10, 0xF0, 1)]);
}

#[test]
fn the_announcement_is_checked() {
    let server = plain_server(&format!("{TABLE}; CREATE TABLE dbo.r (a int NULL, v rowversion)"));
    let mut client = Raw::log_in(&server);
    let cases = [
        ("INSERT BULK dbo.nope (id int)", 208),
        ("INSERT BULK dbo.t (nope int)", 207),
        ("INSERT BULK dbo.t (id int, ID int)", 264),
        ("INSERT BULK dbo.r (v timestamp)", 273),
        ("INSERT BULK dbo.t (id nonsense)", 2715),
        ("INSERT BULK dbo.t (id int) WITH (KEEP_IDENTITY)", 102),
        ("INSERT BULK dbo.t (id int) WITH (ROWS_PER_BATCH = x)", 102),
        ("INSERT BULK dbo.t", 102),
        ("SELECT 1; INSERT BULK dbo.t (id int)", 428),
        ("IF 1 = 1 INSERT BULK dbo.t (id int)", 428),
    ];
    for (statement, wanted) in cases {
        assert_eq!(client.batch(statement).errors(), [wanted], "{statement}");
    }
    assert_eq!(
        client.batch("INSERT BULK dbo.t (id int NOT NULL) WITH (TABLOCK, ROWS_PER_BATCH = 9)").done,
        [(0, 0xFD, 0)]
    );
    // Another request instead of the data is refused and does not run; the announcement is gone.
    assert_eq!(client.batch("INSERT INTO dbo.t VALUES (7, NULL)").errors(), [4022]);
    assert_eq!(count(&server), "0");
    assert_eq!(client.batch("INSERT INTO dbo.t VALUES (7, NULL)").errors(), Vec::<i32>::new());
    assert_eq!(count(&server), "1");
    assert_eq!(server.seen().violations, Vec::<String>::new());
    // Data that nobody announced breaks the protocol.
    client.send(BULK, 1, &done());
    assert!(client.try_answer().is_err());
    assert_eq!(server.seen().violations.len(), 1);
}

#[test]
fn a_load_that_the_client_gives_up_loads_nothing() {
    let server = plain_server(TABLE);
    let mut client = Raw::log_in(&server);
    let head = of(&[&metadata(&[id(), text(0xE7, 10)]), &[0xD1], &ONE, &[2, 0], &wide("x")]);
    // By the IGNORE bit.
    client.batch(STATEMENT);
    client.packet(BULK, 0x03, &head);
    assert_eq!(client.answer().done, [(2, 0xFD, 0)]);
    // By an attention in the middle of the message.
    client.batch(STATEMENT);
    let row = of(&[&[0xD1], &[9, 0, 0, 0], &[0xFF, 0xFF]]);
    let padded: Vec<u8> = head.iter().chain(row.iter().cycle()).take(4088).copied().collect();
    client.packet(BULK, 0, &padded);
    client.packet(ATTENTION, 1, &[]);
    assert_eq!(client.answer().done, [(0x20, 0, 0)]);
    // By an attention instead of the message.
    client.batch(STATEMENT);
    client.packet(ATTENTION, 1, &[]);
    assert_eq!(client.answer().done, [(0x20, 0, 0)]);
    assert_eq!(count(&server), "0");
    assert_eq!(client.load(STATEMENT, &of(&[&head, &done()])).done, [(0x10, 0xF0, 1)]);
}

#[test]
fn faults_reach_a_load() {
    let server = plain_server(TABLE);
    server.on("BULK LOAD dbo.t", Fault::BreakAfterRunning, 1);
    let whole = stream(&[id(), text(0xE7, 10)], &[&ONE, &[0xFF, 0xFF]]);
    let mut client = Raw::log_in(&server);
    client.batch(STATEMENT);
    client.send(BULK, 1, &whole);
    assert!(client.try_answer().is_err());
    // The outcome was unknown to the client; it was done.
    assert_eq!(count(&server), "1");
}
