//! T-SQL: what it means, and the errors for what it does not.

use super::clients::{failure, number, texts, tiberius};
use ropeway_tests::sql_server::Server;

const TABLE: &str =
    "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, name nvarchar(20) NULL, price decimal(10,2) NULL);
    INSERT INTO dbo.t VALUES (1, N'apple', 1.50), (2, N'Äpfel', 2.25), (3, NULL, NULL), (4, N'APPLE ', 0.10)";

#[tokio::test]
async fn errors_have_the_numbers_of_the_server() {
    let server = Server::start().unwrap();
    server.execute("sales", TABLE).unwrap();
    let mut client = tiberius(&server).await;
    let cases = [
        ("SELEC 1", 2812),
        ("SELECT 1 1", 102),
        ("SELECT * FROM", 102),
        ("SELECT FROM dbo.t", 156),
        ("SELECT 'open", 105),
        ("SELECT nope FROM dbo.t", 207),
        ("SELECT * FROM dbo.nope", 208),
        ("SELECT x.id FROM dbo.t", 4104),
        ("SELECT id FROM dbo.t AS a CROSS JOIN dbo.t AS b", 209),
        ("SELECT @nope", 137),
        ("SELECT nope(1)", 195),
        ("SELECT * FROM dbo.t WITH (NOLOK)", 321),
        ("SELECT * FROM (SELECT id FROM dbo.t ORDER BY id) AS q", 1033),
        ("SELECT * FROM (SELECT id + 1 FROM dbo.t) AS q", 8155),
        ("SELECT * FROM (SELECT id, id FROM dbo.t) AS q", 8156),
        ("SELECT name, COUNT(*) FROM dbo.t GROUP BY price", 8120),
        ("SELECT id FROM dbo.t WHERE id", 4145),
        ("SELECT CAST('x' AS int)", 245),
        ("SELECT CAST(300 AS tinyint)", 220),
        ("SELECT CAST('2024-02-30' AS date)", 241),
        ("SELECT 1/0", 8134),
        ("INSERT INTO dbo.t VALUES (1, NULL, NULL)", 2627),
        ("INSERT INTO dbo.t VALUES (NULL, NULL, NULL)", 515),
        ("INSERT INTO dbo.t VALUES (9, N'a name that is too long for it', NULL)", 2628),
        ("INSERT INTO dbo.t VALUES (9)", 213),
        ("DROP TABLE dbo.nope", 3701),
        ("COMMIT", 3902),
        ("EXEC nope", 2812),
        ("USE nowhere", 911),
    ];
    for (batch, wanted) in cases {
        assert_eq!(failure(&mut client, batch).await, wanted, "{batch}");
    }
    // The known-good twin: the session is as usable as before.
    assert_eq!(texts(&mut client, "SELECT name FROM dbo.t WHERE id = 1").await, ["apple"]);
    assert_eq!(server.seen().violations, Vec::<String>::new());
}

#[tokio::test]
async fn comparisons_follow_the_collation() {
    let server = Server::start().unwrap();
    server.execute("sales", TABLE).unwrap();
    let mut client = tiberius(&server).await;
    assert_eq!(
        texts(&mut client, "SELECT name FROM dbo.t WHERE name = N'aPPle' ORDER BY id").await,
        ["apple", "APPLE "]
    );
    let minding = "SELECT name FROM dbo.t WHERE name COLLATE Latin1_General_BIN2 = N'apple'";
    assert_eq!(texts(&mut client, minding).await, ["apple"]);
    assert_eq!(
        texts(&mut client, "SELECT name FROM dbo.t ORDER BY name, id DESC").await,
        ["NULL", "APPLE ", "apple", "Äpfel"]
    );
}

#[tokio::test]
async fn parameters_are_typed() {
    let server = Server::start().unwrap();
    server.execute("sales", TABLE).unwrap();
    let mut client = tiberius(&server).await;
    let rows = client.query("SELECT id FROM dbo.t WHERE id > @P1 AND id <= @P2", &[&1_i32, &3_i64]).await.unwrap();
    assert_eq!(rows.into_first_result().await.unwrap().len(), 2);
    let error = match client.query("SELECT id FROM dbo.t WHERE id = @P2", &[&1_i32]).await {
        Err(error) => error,
        Ok(stream) => stream.into_results().await.unwrap_err(),
    };
    assert_eq!(number(&error), 137);
}

#[tokio::test]
async fn transactions_roll_back() {
    let server = Server::start().unwrap();
    server.execute("sales", TABLE).unwrap();
    let mut client = tiberius(&server).await;
    client.simple_query("BEGIN TRAN; DELETE FROM dbo.t").await.unwrap().into_results().await.unwrap();
    assert_eq!(server.execute("sales", "SELECT COUNT(*) FROM dbo.t").unwrap(), [["4"]]);
    client.simple_query("ROLLBACK").await.unwrap().into_results().await.unwrap();
    client
        .simple_query("BEGIN TRAN; DELETE FROM dbo.t WHERE id = 1; COMMIT")
        .await
        .unwrap()
        .into_results()
        .await
        .unwrap();
    assert_eq!(server.execute("sales", "SELECT COUNT(*) FROM dbo.t").unwrap(), [["3"]]);
}

#[tokio::test]
async fn the_catalogue_knows_keys_partitions_and_histograms() {
    let server = Server::start().unwrap();
    server.execute("sales", TABLE).unwrap();
    server.execute("sales", "UPDATE STATISTICS dbo.t").unwrap();
    let keys = "SELECT i.index_id, i.type, c.name, t.name AS type_name FROM sys.indexes AS i
        JOIN sys.index_columns AS ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id AND ic.key_ordinal = 1
        JOIN sys.columns AS c ON c.object_id = ic.object_id AND c.column_id = ic.column_id
        JOIN sys.types AS t ON t.user_type_id = c.system_type_id
        WHERE i.object_id = OBJECT_ID(N'[dbo].[t]') AND i.is_disabled = 0";
    assert_eq!(server.execute("sales", keys).unwrap(), [["1", "1", "id", "int"]]);
    let steps = "SELECT CONVERT(int, h.range_high_key), h.equal_rows FROM sys.dm_db_stats_histogram(OBJECT_ID(N'dbo.t'), 1) AS h ORDER BY h.step_number";
    assert_eq!(server.execute("sales", steps).unwrap().len(), 4);
    let rows =
        "SELECT SUM(p.rows) FROM sys.partitions AS p WHERE p.object_id = OBJECT_ID(N'dbo.t') AND p.index_id IN (0, 1)";
    assert_eq!(server.execute("sales", rows).unwrap(), [["4"]]);
    server
        .execute(
            "sales",
            "CREATE PARTITION FUNCTION pf(int) AS RANGE RIGHT FOR VALUES (10, 20);
             CREATE PARTITION SCHEME ps AS PARTITION pf ALL TO ([PRIMARY]);
             CREATE TABLE dbo.p (a int NULL) ON ps(a);
             INSERT INTO dbo.p VALUES (NULL), (9), (10), (19), (20)",
        )
        .unwrap();
    let numbers = "SELECT partition_number, rows FROM sys.partitions WHERE object_id = OBJECT_ID(N'dbo.p') ORDER BY partition_number";
    assert_eq!(server.execute("sales", numbers).unwrap(), [["1", "2"], ["2", "2"], ["3", "1"]]);
    assert_eq!(server.execute("sales", "SELECT COUNT(*) FROM dbo.p WHERE $PARTITION.pf(a) = 2").unwrap(), [["2"]]);
}

#[tokio::test]
async fn a_unique_index_takes_one_null() {
    let server = Server::start().unwrap();
    server
        .execute(
            "sales",
            "CREATE TABLE dbo.u (a int NULL, b nvarchar(5) NULL); CREATE UNIQUE INDEX ux ON dbo.u (a, b DESC)",
        )
        .unwrap();
    let mut client = tiberius(&server).await;
    for (values, wanted) in [
        ("(NULL, NULL)", None),
        ("(NULL, NULL)", Some(2601)),
        ("(1, NULL)", None),
        ("(1, NULL)", Some(2601)),
        ("(0, NULL)", None),
        ("(NULL, N'a')", None),
        ("(NULL, N'A')", Some(2601)),
        ("(NULL, N'b')", None),
    ] {
        let batch = format!("INSERT INTO dbo.u VALUES {values}");
        match wanted {
            Some(number) => assert_eq!(failure(&mut client, &batch).await, number, "{values}"),
            None => drop(client.simple_query(batch).await.unwrap().into_results().await.unwrap()),
        }
    }
    assert_eq!(server.execute("sales", "SELECT COUNT(*) FROM dbo.u").unwrap(), [["5"]]);
    let error = server
        .execute("sales", "CREATE TABLE dbo.w (a int NULL); INSERT INTO dbo.w VALUES (NULL), (NULL); CREATE UNIQUE INDEX wx ON dbo.w (a)")
        .unwrap_err();
    assert_eq!(error.number, 1505, "{error}");
}

#[tokio::test]
async fn a_schema_is_dropped_once_it_is_empty() {
    let server = Server::start().unwrap();
    let mut client = tiberius(&server).await;
    client.simple_query("CREATE SCHEMA staging").await.unwrap();
    client.simple_query("CREATE TABLE staging.t (id int NOT NULL)").await.unwrap();
    assert_eq!(failure(&mut client, "DROP SCHEMA staging").await, 3729);
    client.simple_query("DROP TABLE staging.t").await.unwrap();
    client.simple_query("DROP SCHEMA staging").await.unwrap();
    assert_eq!(failure(&mut client, "DROP SCHEMA staging").await, 15151);
    client.simple_query("DROP SCHEMA IF EXISTS staging").await.unwrap();
    assert_eq!(failure(&mut client, "DROP SCHEMA dbo").await, 15150);
    assert_eq!(failure(&mut client, "CREATE TABLE staging.t (id int NOT NULL)").await, 2760);
}

#[tokio::test]
async fn checksums_of_columns_are_those_that_are_known() {
    let server = Server::start().unwrap();
    let batch = "CREATE TABLE dbo.c (id int NOT NULL, a int NULL, b int NULL, t text NULL, x xml NULL);
        INSERT INTO dbo.c VALUES (1, NULL, 100, 'x', NULL), (2, NULL, NULL, NULL, N'<a/>'), (3, 1, 2, NULL, NULL)";
    server.execute("sales", batch).unwrap();
    let ask = |sql: &str| {
        server.execute("sales", sql).map(|rows| rows.into_iter().map(|row| row[0].clone()).collect::<Vec<_>>())
    };
    let known = ["-109", "-2147483640", "18"];
    assert_eq!(ask("SELECT BINARY_CHECKSUM(a, b) FROM dbo.c ORDER BY id").unwrap(), known);
    assert_eq!(
        ask("SELECT binary_checksum(t, [a], x, [b]) FROM dbo.c ORDER BY id").unwrap(),
        known,
        "what is not compared"
    );
    assert_eq!(
        ask("SELECT BINARY_CHECKSUM(a, b) & 2147483647 FROM dbo.c ORDER BY id").unwrap(),
        ["2147483539", "8", "18"]
    );
    assert_eq!(ask("SELECT BINARY_CHECKSUM(a, b) % 4 FROM dbo.c ORDER BY id").unwrap(), ["-1", "0", "2"]);
    assert_eq!(ask("SELECT COUNT(*) FROM dbo.c WHERE (170 & 75) = 10").unwrap(), ["3"]);
    // What it does not know is an error: a hash of nothing, and bits of what is no whole number.
    for unknown in ["BINARY_CHECKSUM(t, x)", "1.5 & 1", "CAST(1 AS float) & 1"] {
        assert_eq!(ask(&format!("SELECT {unknown} FROM dbo.c")).unwrap_err().number, 50000, "{unknown}");
    }
}
