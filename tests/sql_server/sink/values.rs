//! Every type of SQL Server, from table to table.

use super::*;
use crate::{
    sql_server::{Target, read_all},
    sql_server_stand_in::every_type::{VALUES, create},
};

/// What a table holds of values of this type, as the server's own eyes see it.
fn seen(stage: &Stage, table: &str, of: &str) -> Vec<Vec<String>> {
    let [a, b] = ["a", "b"].map(|column| match of {
        "datetime" | "smalldatetime" => format!("CAST({column} AS datetime2(7)) AS {column}"),
        _ => column.to_owned(),
    });
    let mut rows = stage.server().execute("sales", &format!("SELECT {a}, {b} FROM dbo.{table}")).unwrap();
    rows.sort();
    rows
}

/// Every type in `t<n>`. Of datetime2(7) the source reads what nanoseconds hold.
fn fill(stage: &Stage) {
    create(stage.server());
    for (index, _) in VALUES.iter().enumerate().filter(|(_, (of, _))| *of == "datetime2(7)") {
        stage.target.run(&format!(
            "DELETE FROM dbo.t{index}; INSERT INTO dbo.t{index} (a, b) VALUES ('2024-02-29 12:00:00.1234567', NULL), \
             ('1677-09-22', '2262-04-11')"
        ));
    }
}

/// Copies every type from `t<n>` to `<prefix><n>`; gives the types that differ or are refused.
async fn different(stage: &Stage, prefix: &str, sink: Value) -> Vec<(&'static str, String)> {
    let mut different = Vec::new();
    for (index, (of, _)) in VALUES.iter().enumerate() {
        let source = stage.table(&format!("t{index}"));
        let (batches, _) = read_all(&*source).await.unwrap();
        let name = format!("{prefix}{index}");
        let outcome = copy(&*stage.sink(&name, sink.clone()), &batches).await;
        match outcome {
            Err(error) => different.push((*of, error.to_string())),
            Ok(receipt) => {
                let (from, to) = (seen(stage, &format!("t{index}"), of), seen(stage, &name, of));
                assert_eq!(receipt.rows as usize, from.len(), "{of}");
                if from != to {
                    different.push((*of, format!("{from:?} became {to:?}")));
                }
            }
        }
        stage.forget_runs();
    }
    different
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_arrives_as_it_left() {
    let Some(target) = Target::only_stand_in("it looks into tables of the stand-in") else { return };
    let stage = Stage { target };
    fill(&stage);
    for (index, (of, _)) in VALUES.iter().enumerate() {
        stage.target.run(&format!("CREATE TABLE dbo.to_{index} (a {of} NOT NULL, b {of} NULL)"));
    }
    let different = different(&stage, "to_", json!({})).await;
    let names: Vec<_> = different.iter().map(|(of, _)| *of).collect();
    // The only one that is refused: a text does not tell which of its types a variant had.
    assert_eq!(names, ["sql_variant"], "{different:#?}");
    assert!(different[0].1.contains("sql_variant"), "{different:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_made_holds_what_the_source_had() {
    let Some(target) = Target::only_stand_in("it looks into tables of the stand-in") else { return };
    let stage = Stage { target };
    fill(&stage);
    let different = different(&stage, "made_", json!({"tableOption": "autoCreate"})).await;
    // Types that are made as others have the same values in another form.
    for (of, what) in &different {
        assert!(["char(4)", "sql_variant", "hierarchyid"].contains(of), "{of}: {what}");
    }
    let types = stage.target.ask(
        "SELECT CAST(COUNT(*) AS nvarchar(10)) AS n FROM sys.columns AS c JOIN sys.types AS t ON t.user_type_id = c.system_type_id \
         WHERE c.name = 'a' AND t.name IN ('text', 'ntext', 'image', 'varchar', 'char') AND \
         c.object_id IN (SELECT object_id FROM sys.tables WHERE name LIKE 'made%')",
    );
    assert_eq!(types.unwrap().as_deref(), Some("0"), "no code page, no old type");
}
