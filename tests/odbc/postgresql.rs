//! PostgreSQL through psqlodbc.

use futures::StreamExt;
use ropeway_engine::{ErrorKind, chunk::BatchLimit, retry::RetryClass};
use ropeway_tests::odbc::PostgreSql;

use super::{LIMIT, TARGET, assert_same, in_text, query, read, read_chunk, read_skipping, table, types};

pub(crate) const TYPES: &str = r#"
CREATE TABLE "All Types" (
    id int PRIMARY KEY, i2 int2, i8 int8, f4 float4, f8 float8, n102 numeric(10,2), n38 numeric(38,10), free numeric,
    wide numeric(60,2), truth bool, words text, vc varchar(20), fixed char(4), raw bytea, day date, clock time,
    moment timestamp, instant timestamptz, coarse timestamp(0), js jsonb, many int[], gu uuid, span interval,
    cash money, big oid, place inet, bits bit(3));
INSERT INTO "All Types" VALUES
    (1, -32768, -9223372036854775808, '-3.4028235e38', '-1.7976931348623157e308', -99999999.99,
     -9999999999999999999999999999.9999999999, -0.000000000000000000000000000000000001, -1.01, false, '', '', '', '',
     '0001-01-01', '00:00:00', '0001-01-01 00:00:00', '0001-01-01 00:00:00+00', '0001-01-01', '{}', '{}',
     '00000000-0000-0000-0000-000000000000', '-1 year', '-1.20', 0, '::1', B'000'),
    (2, 32767, 9223372036854775807, '3.4028235e38', '1.7976931348623157e308', 99999999.99,
     9999999999999999999999999999.9999999999, 123456789012345678901234567890123456789012345678.5, 1.01, true,
     'é€😀 "quoted" \ end' || chr(10) || 'line', repeat('😀', 20), 'a', '\x00ff0a00', '9999-12-31', '23:59:59.999999',
     '9999-12-31 23:59:59.999999', '9999-12-31 23:59:59.999999+00', '2024-01-02 03:04:05', '{"a": [1, "é"]}',
     '{1,NULL,3}', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '1 day 02:03:04.5', '1.20', 4294967295, '10.0.0.0/8', B'101'),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (4, 0, 0, '1.1', 0.1::float8 + 0.2::float8, -0.05, 0, 0, 0, true, 'x', 'y', 'z   ', '\x01', '0044-03-15 BC',
     '12:13:14.5', '0044-03-15 12:00:00 BC', '2024-03-10 02:30:00.123456-05', '2024-02-29 23:59:59', 'null', '{}',
     gen_random_uuid(), '0', '0', 1, '1.2.3.4', B'010'),
    (5, 1, 1, '1e-45', '5e-324', 1, 1, 1.50, 1, false, 'tab' || chr(9), 'v', 'w', '\x5c', '24816-01-01',
     '00:00:00.000001', '24816-01-01 00:00:00.000001', '2024-11-03 01:30:00-04', '1969-12-31 23:59:59', '"x"', '{2}',
     gen_random_uuid(), '1 us', '99', 2, '1.1.1.1', B'111');"#;

/// Each column in text that Arrow's formatter would write, made by the server.
const TYPES_IN_TEXT: &str = r#"
SELECT id, i2, i8, f4::text, f8::text, n102, n38, free, wide, truth, words, vc, fixed, encode(raw, 'hex'),
    day - '1970-01-01'::date, to_char(clock, 'HH24:MI:SS.US'),
    (extract(epoch FROM moment) * 1000000)::numeric(30,0), (extract(epoch FROM instant) * 1000000)::numeric(30,0),
    (extract(epoch FROM coarse) * 1000000)::numeric(30,0), js::text, many::text, gu::text, span::text, cash::text,
    big::text, CASE WHEN place IS NOT NULL THEN format('%s', place) END, bits::text
FROM "All Types""#;

/// Temporal columns as numbers: Arrow's formatter knows fewer years than PostgreSQL.
fn numbers(batches: &[arrow::array::RecordBatch]) -> Vec<super::Row> {
    use arrow::{compute::cast, datatypes::DataType};
    let number = |column: &arrow::array::ArrayRef| match column.data_type() {
        DataType::Date32 => cast(column, &DataType::Int32).unwrap(),
        DataType::Timestamp(..) => cast(column, &DataType::Int64).unwrap(),
        _ => column.clone(),
    };
    let batches: Vec<_> = batches
        .iter()
        .map(|batch| {
            let columns = batch
                .schema()
                .fields()
                .iter()
                .zip(batch.columns())
                .map(|(field, column)| (field.name().clone(), number(column)))
                .collect::<Vec<_>>();
            arrow::array::RecordBatch::try_from_iter(columns).unwrap()
        })
        .collect();
    in_text(&batches)
}

/// Floats of the expected rows in the same text as those read.
fn floats(mut rows: Vec<super::Row>) -> Vec<super::Row> {
    for row in &mut rows {
        row[3] = row[3].take().map(|text| text.parse::<f32>().unwrap().to_string());
        row[4] = row[4].take().map(|text| text.parse::<f64>().unwrap().to_string());
        row[9] = row[9].take().map(|text| if text == "t" { "true" } else { "false" }.to_owned());
    }
    rows
}

#[tokio::test]
async fn every_type_is_exact() {
    let server = PostgreSql::start();
    server.run(TYPES);
    let source = table(&server.connection_string(), "\"All Types\"");
    insta::assert_debug_snapshot!(types(&source.schema().await.unwrap()));
    let expected = floats(server.rows(TYPES_IN_TEXT));
    assert_eq!(expected.len(), 5);
    assert_same(numbers(&read(&*source, LIMIT).await.unwrap()), expected.clone());
    // A query gives the same as the table.
    let source = query(&server.connection_string(), "SELECT * FROM \"All Types\" WHERE id > 0 -- all");
    assert_same(numbers(&read(&*source, LIMIT).await.unwrap()), expected.clone());
    // The comparison has teeth: another value is seen.
    server.run("UPDATE \"All Types\" SET f8 = f8 + 4e-16 WHERE id = 4");
    let changed = numbers(&read(&*source, LIMIT).await.unwrap());
    assert_ne!(super::sorted(changed), super::sorted(expected));

    for (value, column) in [
        ("'infinity'::timestamp", "moment"),
        ("'-infinity'::timestamptz", "instant"),
        ("'infinity'::date", "day"),
        ("'NaN'::numeric(10,2)", "n"),
        ("'24:00:00'::time", "clock"),
    ] {
        let source = query(&server.connection_string(), &format!("SELECT {value} AS {column}"));
        let error = read(&*source, LIMIT).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{error}");
        assert!(error.to_string().contains(&format!("column={column}")), "{error}");
    }

    endless_moments_are_left_out(&server).await;
    long_values(&server).await;
    many_rows_and_columns(&server).await;
    interrupted(&server).await;
    changed_columns(&server).await;
}

/// In blocks of rows, whatever column the value is in.
async fn endless_moments_are_left_out(server: &PostgreSql) {
    server.run(
        "CREATE TABLE moments (id int PRIMARY KEY, at timestamp, n numeric(10,2), name text); INSERT INTO moments \
         SELECT id, CASE WHEN id % 1000 = 7 THEN 'infinity' ELSE '2024-02-29'::timestamp END, \
         CASE WHEN id % 500 = 7 THEN 'NaN'::numeric ELSE id END, 'row ' || id FROM generate_series(1, 20000) AS id",
    );
    let source = table(&server.connection_string(), "moments");
    assert_eq!(read(&*source, LIMIT).await.unwrap_err().kind(), ErrorKind::Data);
    let (batches, skipped) = read_skipping(&*source, LIMIT).await.unwrap();
    let ids =
        |rows: &[super::Row]| rows.iter().map(|row| row[0].as_ref().unwrap().parse().unwrap()).collect::<Vec<u32>>();
    let mut kept = ids(&in_text(&batches));
    kept.sort_unstable();
    assert!(kept.into_iter().eq((1..=20_000).filter(|id| id % 500 != 7)));
    let mut left_out: Vec<_> = skipped.into_iter().map(|row| row.cells).collect();
    left_out.sort_by_key(|cells| cells[0].as_ref().unwrap().parse::<u32>().unwrap());
    assert!(ids(&left_out).into_iter().eq((1..=20_000).filter(|id| id % 500 == 7)));
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(left_out[0], [some("7"), some("infinity"), some("NaN"), some("row 7")]);
    assert_eq!(left_out[1], [some("507"), some("2024-02-29T00:00:00"), some("NaN"), some("row 507")]);
}

async fn long_values(server: &PostgreSql) {
    server.run(
        "CREATE TABLE long_values AS SELECT i AS id, repeat(chr(97 + i % 26), (random() * 3000)::int) AS a, \
         CASE WHEN i % 50 = 0 THEN repeat('é', 1500000) WHEN i % 7 = 0 THEN NULL ELSE repeat('é', 110 + i % 20) END AS b, \
         decode(repeat('00ff5c', i), 'hex') AS c, repeat('x', 120 + i % 3) AS d FROM generate_series(1, 400) i; \
         ALTER TABLE long_values ADD PRIMARY KEY (id)",
    );
    let expected = server.rows("SELECT id, a, b, encode(c, 'hex'), d FROM long_values");
    assert!(expected.iter().flatten().flatten().any(|value| value.len() == 3_000_000));
    let source = table(&server.connection_string(), "public.long_values");
    for bytes in [1 << 16, 1 << 20, 64 << 20] {
        let batches = read(&*source, BatchLimit { bytes, ..LIMIT }).await.unwrap();
        assert_same(in_text(&batches), expected.clone());
    }
}

async fn many_rows_and_columns(server: &PostgreSql) {
    let columns: Vec<String> =
        (0..300).map(|column| format!("i * {column} AS c{column}, 't' || i AS t{column}")).collect();
    server.run(&format!("CREATE TABLE wide AS SELECT {} FROM generate_series(1, 200) i", columns.join(", ")));
    let source = table(&server.connection_string(), "wide");
    assert_same(in_text(&read(&*source, LIMIT).await.unwrap()), server.rows("SELECT * FROM wide"));

    server.run(
        "CREATE TABLE many AS SELECT i AS id, md5(i::text) AS word, i / 7.0::float8 AS x, i::numeric(12,2) / 100 AS y, \
         now() + i * interval '1 second' AS t FROM generate_series(1, 40000) i; ALTER TABLE many ADD PRIMARY KEY (id)",
    );
    let source = query(&server.connection_string(), "SELECT id, word FROM many");
    let batches = read(&*source, LIMIT).await.unwrap();
    assert!(batches.iter().all(|batch| batch.num_rows() <= 8_192));
    assert_same(in_text(&batches), server.rows("SELECT id, word FROM many"));
}

async fn interrupted(server: &PostgreSql) {
    let source = query(&server.connection_string(), "SELECT id, word, repeat(word, 30) AS w FROM many");
    let chunk = source.plan(TARGET).await.unwrap().remove(0);
    let small = BatchLimit { bytes: 1 << 16, ..LIMIT };
    // A reader that goes away stops the read.
    let mut stream = source.read(&chunk, small).await.unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    // A backend that is killed is an error that is tried again, never an end.
    let mut stream = source.read(&chunk, small).await.unwrap();
    stream.next().await.unwrap().unwrap();
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
                AND backend_type = 'client backend' AND state <> 'idle'";
    assert!(!server.rows(kill).is_empty(), "no backend was reading");
    let error = loop {
        match stream.next().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("the stream of a killed backend ended as if it were complete"),
        }
    };
    assert_eq!((error.kind(), error.retry_class()), (ErrorKind::Unavailable, RetryClass::Reconnect), "{error}");
    let again = read_chunk(&*source, &chunk, LIMIT).await.unwrap();
    assert_same(in_text(&again), server.rows("SELECT id, word, repeat(word, 30) FROM many"));
}

async fn changed_columns(server: &PostgreSql) {
    for (change, column) in [
        ("ALTER TABLE moving DROP COLUMN b", "b"),
        ("ALTER TABLE moving ALTER COLUMN b TYPE bigint", "b"),
        ("ALTER TABLE moving RENAME COLUMN b TO bb", "b"),
    ] {
        for plain in ["", ", now() AS t"] {
            server.run(&format!("DROP TABLE IF EXISTS moving; CREATE TABLE moving AS SELECT 1 AS a, 2 AS b{plain}"));
            let source = table(&server.connection_string(), "moving");
            let chunk = source.plan(TARGET).await.unwrap().remove(0);
            server.run(change);
            let error = read_chunk(&*source, &chunk, LIMIT).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Data, "{change}: {error}");
            assert!(error.to_string().contains(&format!("column={column}")), "{change}: {error}");
        }
    }
}
