//! SQLite through libsqliteodbc.

use rand::{Rng, SeedableRng, rngs::StdRng};
use ropeway_engine::{ErrorKind, chunk::BatchLimit};
use ropeway_tests::odbc::Sqlite;

use super::{LIMIT, TARGET, assert_same, in_text, query, read, read_skipping, table, types};

pub(crate) const TYPES: &str = r"
CREATE TABLE types (id integer PRIMARY KEY, i int, b bigint, r real, d double, f float, n numeric(10,2), words text,
    vc varchar(10), raw blob, day date, clock time, moment timestamp, truth boolean, tiny tinyint);
INSERT INTO types VALUES
    (1, -9223372036854775808, 9223372036854775807, 0.1, 1.0/3, 1e300, 1.25, 'é€😀', 'longer than ten', x'00ff00',
     '2024-01-02', '12:13:14.500000', '2024-01-02 03:04:05.123456', 1, 300),
    (2, 0, 0, -0.0, 5e-324, 1.7976931348623157e308, 0, '', '', x'', '0001-01-01', '00:00:00', '9999-12-31 23:59:59', 0, -1),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (4, 5000000000, 1, 123456789.123456789, 2, 3, 4, 'a' || char(0) || 'b', 'x', x'01', '2024-02-29', '23:59:59',
     '2024-02-29T00:00:00', 1, 0);";

#[tokio::test]
async fn every_value_is_exact_or_refused() {
    let database = Sqlite::start();
    database.run(TYPES);
    let source = table(&database.connection_string(), "types");
    insta::assert_debug_snapshot!(types(&source.schema().await.unwrap()));
    let mut expected = database.rows("SELECT * FROM types");
    for row in &mut expected {
        row[11] = row[11].take().map(|text| format!("{:0<15}", if text.contains('.') { text } else { text + "." }));
        row[12] = row[12]
            .take()
            .map(|text| format!("{:0<26}", if text.contains('.') { text } else { text + "." }).replace(' ', "T"));
        row[13] = row[13].take().map(|text| (text == "1").to_string());
    }
    assert_same(in_text(&read(&*source, LIMIT).await.unwrap()), expected.clone());
    let by_query = query(&database.connection_string(), "SELECT * FROM types -- all of it");
    assert_same(in_text(&read(&*by_query, LIMIT).await.unwrap()), expected);

    // A declared type that lies is an error, where the driver gives NULL, 0 or a part of the value.
    for (column, value) in [
        ("i", "'abc'"),
        ("i", "'12abc'"),
        ("i", "1.5"),
        ("d", "'zz'"),
        ("d", "9007199254740993"),
        ("day", "'not a date'"),
        ("clock", "'99:99:99'"),
        ("moment", "'2024-13-45'"),
        ("moment", "'2024-01-02T03:04:05Z'"),
        ("truth", "2"),
        ("words", "x'ff'"),
        ("words", "x'31'"),
        ("i", "x'31'"),
        ("truth", "x'31'"),
    ] {
        let definition = "(i int, d double, day date, clock time, moment timestamp, truth boolean, words text)";
        database.run(&format!(
            "DROP TABLE IF EXISTS lies; CREATE TABLE lies {definition}; INSERT INTO lies({column}) VALUES ({value})"
        ));
        let kept = database.rows(&format!("SELECT typeof({column}) FROM lies"));
        let source = table(&database.connection_string(), "lies");
        match read(&*source, LIMIT).await {
            // SQLite itself makes a real of a whole number in a column of doubles.
            Ok(_) if kept[0][0].as_deref() == Some("real") && column == "d" => {}
            Ok(batches) => panic!("{column} = {value} was read as {:?}", in_text(&batches)),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Data, "{error}");
                assert!(error.to_string().contains(&format!("column={column}")), "{error}");
            }
        }
    }
    lies_are_left_out(&database).await;

    // A name in double quotes that does not exist would be a text to SQLite.
    let missing = query(&database.connection_string(), "SELECT 1.0/3 FROM types");
    if let Ok(batches) = read(&*missing, LIMIT).await {
        let third = (1.0_f64 / 3.0).to_string();
        assert!(in_text(&batches).iter().all(|row| row[0].as_deref() == Some(&third)), "{:?}", in_text(&batches));
    }

    reals_of_every_size(&database).await;

    database.run(
        "CREATE TABLE long_values (id integer, a text, b text, c blob); INSERT INTO long_values WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) \
         SELECT i AS id, replace(hex(zeroblob(i * 10)), '0', 'é') AS a, \
         CASE WHEN i % 50 = 0 THEN replace(hex(zeroblob(750000)), '0', 'é') END AS b, zeroblob(i) AS c FROM n",
    );
    let source = table(&database.connection_string(), "long_values");
    let expected = database.rows("SELECT * FROM long_values");
    for bytes in [1 << 16, 64 << 20] {
        assert_same(in_text(&read(&*source, BatchLimit { bytes, ..LIMIT }).await.unwrap()), expected.clone());
    }

    database.run(
        "CREATE TABLE many (id integer PRIMARY KEY, x text); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 \
         FROM n WHERE i < 40000) INSERT INTO many SELECT i, 'row ' || i FROM n",
    );
    let source = table(&database.connection_string(), "many");
    assert!(source.plan(TARGET).await.unwrap().len() > 4);
    assert_same(in_text(&read(&*source, LIMIT).await.unwrap()), database.rows("SELECT * FROM many"));
}

/// Rows whose values are not of their column's declared type.
async fn lies_are_left_out(database: &Sqlite) {
    database.run(
        "CREATE TABLE mixed (id integer PRIMARY KEY, i int, day date, words text); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL \
         SELECT i + 1 FROM n WHERE i < 9000) INSERT INTO mixed SELECT i, CASE WHEN i % 1000 = 3 THEN 'x' || i ELSE i END, \
         CASE WHEN i % 1000 IN (3, 4) THEN '0000-00-00' ELSE '2024-02-29' END, CASE WHEN i % 1000 = 5 THEN x'ff' END FROM n",
    );
    let source = table(&database.connection_string(), "mixed");
    assert_eq!(read(&*source, LIMIT).await.unwrap_err().kind(), ErrorKind::Data);
    let (batches, mut skipped) = read_skipping(&*source, LIMIT).await.unwrap();
    assert_same(in_text(&batches), database.rows("SELECT * FROM mixed WHERE id % 1000 NOT IN (3, 4, 5)"));
    skipped.sort_by_key(|row| row.cells[0].as_ref().unwrap().parse::<u32>().unwrap());
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(skipped.len(), 27);
    assert_eq!(skipped[0].cells, [some("3"), some("x3"), some("0000-00-00"), None]);
    assert!(skipped[0].message.starts_with("Column 'i' contains an invalid value 'x3': "), "{}", skipped[0].message);
    assert_eq!(skipped[1].cells, [some("4"), some("4"), some("0000-00-00"), None]);
    assert!(skipped[1].message.starts_with("Column 'day' contains"), "{}", skipped[1].message);
    assert_eq!(skipped[2].cells[..3], [some("5"), some("5"), some("2024-02-29")]);
}

async fn reals_of_every_size(database: &Sqlite) {
    let seed = rand::random();
    #[expect(clippy::print_stdout, reason = "the seed repeats a failure")]
    {
        println!("seed {seed}");
    }
    let mut dice = StdRng::seed_from_u64(seed);
    let reals = std::iter::repeat_with(|| f64::from_bits(dice.random())).filter(|real| real.is_finite());
    let common = [9.999e89, 1e90, 1e100, 1e-90, 9.9e-91, 2.2250738585072014e-308, 0.3, 1e15, 123_456.789];
    let values: Vec<_> = reals.take(3_000).chain(common).map(|real| format!("({real:e})")).collect();
    database.run(&format!("CREATE TABLE reals (x double); INSERT INTO reals VALUES {}", values.join(",")));
    let source = table(&database.connection_string(), "reals");
    assert_same(in_text(&read(&*source, LIMIT).await.unwrap()), database.rows("SELECT x FROM reals"));
}
