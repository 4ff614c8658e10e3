//! MariaDB through its connector.

use ropeway_engine::{ErrorKind, chunk::BatchLimit, source::ChunkTarget};
use ropeway_tests::odbc::MariaDb;
use serde_json::json;

use super::{LIMIT, TARGET, assert_same, connect, in_text, query, read, settings, table, types};

pub(crate) const TYPES: &str = r"
CREATE TABLE ropeway.all_types (
    id int PRIMARY KEY, i1 tinyint, u1 tinyint unsigned, i2 smallint, u2 smallint unsigned, i3 mediumint, u4 int unsigned,
    i8 bigint, u8 bigint unsigned, f4 float, f8 double, d decimal(38,10), wide decimal(65,30), truth bit(1), bits bit(9),
    day date, clock time(6), moment datetime(6), instant timestamp(6) NULL, y year, fixed char(5), vc varchar(100),
    bin binary(4), vbin varbinary(10), e enum('a','b'), s set('x','y')) CHARACTER SET utf8mb4;
INSERT INTO ropeway.all_types VALUES
    (1, -128, 0, -32768, 0, -8388608, 0, -9223372036854775808, 0, -3.40282e38, -1.7976931348623157e308,
     -9999999999999999999999999999.9999999999, -1.000000000000000000000000000001, 0, 0, '1000-01-01', '00:00:00',
     '1000-01-01', '1970-01-02 00:00:01', 1901, '', '', '', '', 'a', ''),
    (2, 127, 255, 32767, 65535, 8388607, 4294967295, 9223372036854775807, 18446744073709551615, 3.40282e38,
     1.7976931348623157e308, 9999999999999999999999999999.9999999999, 99999999999999999999999999999999999.5, 1, 511,
     '9999-12-31', '23:59:59.999999', '9999-12-31 23:59:59.999999', '2024-03-10 02:30:00.123456', 2155, 'é€😀xx',
     repeat('😀', 100), x'00ff00', x'00ff0a', 'b', 'x,y'),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL),
    (4, 0, 1, 0, 1, 0, 1, 0, 1, 1.1, 0.1, -0.05, 0, 1, 256, '2024-02-29', '12:13:14.5', '2024-02-29 12:13:14.5',
     '2024-11-03 01:30:00', 2024, 'a', 'b', 'c', 'd', 'a', 'x');";

const TYPES_IN_TEXT: &str = r"SET time_zone = '+00:00';
SELECT id, i1, u1, i2, u2, i3, u4, i8, u8, concat(cast(f4 AS double)), f8, d, wide, if(truth, 'true', 'false'),
    lower(hex(substr(concat(char(0), char(0), char(bits DIV 256), char(bits MOD 256)), -2))), day,
    time_format(clock, '%H:%i:%s.%f'), date_format(moment, '%Y-%m-%dT%H:%i:%s.%f'),
    date_format(instant, '%Y-%m-%dT%H:%i:%s.%fZ'), y, fixed, vc, lower(hex(bin)), lower(hex(vbin)), e, s
FROM all_types";

#[tokio::test]
async fn every_type_is_exact() {
    let server = MariaDb::start();
    server.run(TYPES);
    let source = table(&server.connection_string(), "ropeway.all_types");
    insta::assert_debug_snapshot!(types(&source.schema().await.unwrap()));
    let mut expected = server.rows(TYPES_IN_TEXT);
    for row in &mut expected {
        row[9] = row[9].take().map(|text| text.parse::<f32>().unwrap().to_string());
        row[10] = row[10].take().map(|text| text.parse::<f64>().unwrap().to_string());
        if row[1].is_none() {
            (row[13], row[14]) = (None, None);
        }
    }
    assert_same(in_text(&read(&*source, LIMIT).await.unwrap()), expected.clone());
    let by_query = query(&server.connection_string(), "SELECT * FROM all_types");
    assert_same(in_text(&read(&*by_query, LIMIT).await.unwrap()), expected);

    // The driver would make NULLs of these.
    server.run("SET sql_mode = ''; CREATE TABLE ropeway.no_dates (day date, clock time(6)); INSERT INTO ropeway.no_dates VALUES ('0000-00-00', '-838:59:59')");
    for column in ["day", "clock"] {
        let source = query(&server.connection_string(), &format!("SELECT {column} FROM no_dates"));
        let error = read(&*source, LIMIT).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{error}");
        assert!(error.to_string().contains(&format!("column={column}")), "{error}");
    }
    long_values(&server).await;
    cut(&server).await;
}

async fn long_values(server: &MariaDb) {
    server.run(
        "CREATE TABLE ropeway.long_values AS SELECT seq AS id, repeat(char(97 + seq % 26 USING utf8mb4), seq * 7) AS a, \
         if(seq % 50 = 0, repeat('é', 1500000), if(seq % 7 = 0, NULL, repeat('é', 110 + seq % 20))) AS b, \
         unhex(repeat('00ff5c', seq)) AS c, repeat('x', 120 + seq % 3) AS d, seq * 0.5e0 AS f, \
         cast(repeat('y', seq) AS char(255)) AS g FROM ropeway.seq_1_to_300",
    );
    let expected = server.rows("SELECT id, a, b, lower(hex(c)), d, f, g FROM long_values");
    assert!(expected.iter().flatten().flatten().any(|value| value.len() == 3_000_000));
    let source = table(&server.connection_string(), "long_values");
    for bytes in [1 << 16, 64 << 20] {
        assert_same(in_text(&read(&*source, BatchLimit { bytes, ..LIMIT }).await.unwrap()), expected.clone());
    }

    // The driver holds a whole chunk: chunks are cut by what their values measure.
    let source = connect(settings(
        &server.connection_string(),
        json!({"tableName": "long_values"}),
        json!({"partitionOption": "DynamicRange", "partitionSettings": {"partitionColumnName": "id"}}),
    ));
    let source = source.unwrap();
    let chunks = async |bytes| source.plan(ChunkTarget { bytes, ..TARGET }).await.unwrap().len();
    let (small, large) = (chunks(2 << 20).await, chunks(64 << 20).await);
    assert!(small >= 9 && large == 1, "{small} and {large} chunks of 18 MB");
    let limit = BatchLimit::default();
    assert!(source.working_set(limit) >= (64 << 20) + limit.bytes);
}

async fn cut(server: &MariaDb) {
    server.run(
        "CREATE TABLE ropeway.many (id bigint unsigned PRIMARY KEY, t datetime) AS SELECT seq * 3 AS id, \
         '2024-01-01' + INTERVAL seq MINUTE AS t FROM ropeway.seq_1_to_40000; \
         INSERT INTO ropeway.many (id) VALUES (18446744073709551615)",
    );
    let source = table(&server.connection_string(), "ropeway.many");
    let chunks = source.plan(TARGET).await.unwrap();
    assert!(chunks.len() > 4, "{chunks:?}");
    // One key is beyond 64 bits with a sign, and its row is read all the same.
    let rows = in_text(&read(&*source, LIMIT).await.unwrap());
    assert!(rows.iter().any(|row| row[0].as_deref() == Some("18446744073709551615")));
    assert_same(rows, server.rows("SELECT id, date_format(t, '%Y-%m-%dT%H:%i:%s.%f') FROM many"));
}
