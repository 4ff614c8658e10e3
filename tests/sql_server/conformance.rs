//! The engine's suite for sources, on SQL Server.

use ropeway_engine::{
    digest::{Digest, RowDigester},
    testing::conformance::{self, Breach, SourceCase},
};

use super::*;

const ROWS: usize = 2_000;

/// A row as T-SQL writes it, and the texts that must arrive.
fn row(id: usize) -> (String, [Option<String>; 3]) {
    let word = (!id.is_multiple_of(3)).then(|| format!("Zo\u{eb} \u{2116} {}", id * 7919 % 1_000));
    let amount = format!("{}.{:02}", id * 37 % 5_000, id % 100);
    let literal = word.as_ref().map_or_else(|| "NULL".to_owned(), |word| format!("N'{word}'"));
    let row = format!("({id}, {literal}, {amount}, N'{}')", "y".repeat(id % 90));
    (row, [Some(id.to_string()), word, Some(amount)])
}

fn table(name: &str, ids: impl Iterator<Item = usize>) -> String {
    let mut batch = format!(
        "CREATE TABLE $(schema).{name} (id int NOT NULL PRIMARY KEY, word nvarchar(40) NULL, amount decimal(10, 2) NOT NULL, \
         long nvarchar(100) NOT NULL);"
    );
    let rows: Vec<_> = ids.map(|id| row(id).0).collect();
    for some in rows.chunks(100) {
        batch.push_str(&format!("INSERT INTO $(schema).{name} (id, word, amount, long) VALUES {};", some.join(", ")));
    }
    batch
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_server_keeps_every_promise_of_a_source() {
    let stage = Stage::with(&table("promises", 1..=ROWS));
    stage.target.update_statistics("promises");
    let whole = stage.cut("promises", json!({"partitionOption": "None"}));
    let (batches, _) = read_all(&*whole).await.unwrap();
    // The digest is one of rows that are compared with what was written.
    let columns = ["id", "word", "amount"].map(|name| texts(&batches, name));
    let mut found: Vec<_> = (0..ROWS).map(|at| columns.each_ref().map(|column| column[at].clone())).collect();
    found.sort_by_key(|row| row[0].as_ref().and_then(|id| id.parse::<usize>().ok()));
    assert_eq!(found, (1..=ROWS).map(|id| row(id).1).collect::<Vec<_>>());
    let digester = RowDigester::new(&whole.schema().await.unwrap()).unwrap();
    let mut digest = Digest::default();
    for batch in &batches {
        digest += digester.digest(batch).unwrap();
    }

    let case = |name: &str| SourceCase {
        source: stage.table(name),
        target: ChunkTarget { rows: 300, ..TARGET },
        limit: BatchLimit { rows: NonZeroU32::new(200).unwrap(), bytes: 16 << 10 },
        rows: ROWS as u64,
        digest,
    };
    let cut = case("promises");
    assert!(stage.is_real() || cut.source.plan(cut.target).await.unwrap().len() >= 4);
    conformance::source(&cut).await.unwrap_or_else(|Breach(breach)| panic!("{breach}"));

    // With teeth: a table that lost a row is found out.
    stage.target.run(&table("broken", (1..=ROWS).filter(|id| *id != 777)));
    let Breach(breach) = conformance::source(&case("broken")).await.unwrap_err();
    assert!(breach.contains("the chunks give"), "{breach}");
}
