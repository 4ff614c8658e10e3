//! Rows that a table cannot hold are left out and written down, each once, whatever is killed.

use super::*;
use crate::cli::skipping::yard::lines;

/// Characters of a name in a table that is too narrow for some of the source's.
const NARROW: usize = 15;

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_table_cannot_hold_are_written_down_once_whatever_is_killed() {
    kills(Tables::sql_server(Way::Insert), Why::Narrow, "kill: rows left out, SQL Server");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_whose_keys_are_taken_are_written_down_once_whatever_is_killed() {
    kills(Tables::sql_server(Way::Insert), Why::SameKey, "kill: keys taken, SQL Server");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_table_over_odbc_cannot_hold_are_written_down_once_whatever_is_killed() {
    kills(Tables::postgresql(), Why::Narrow, "kill: rows left out, PostgreSQL");
}

/// Why rows are left out.
#[derive(Clone, Copy)]
enum Why {
    Narrow,
    SameKey,
}

impl Why {
    /// A source, with the rows that a table takes and those that it does not.
    fn source(self) -> (Source, Vec<Row>, Vec<Row>) {
        match self {
            Self::Narrow => {
                let source = Source::csv(6, 400);
                let fits = |row: &Row| row[1].as_ref().is_none_or(|name| name.chars().count() <= NARROW);
                let (fitting, others) = expected(&source).into_iter().partition(fits);
                (source, fitting, others)
            }
            Self::SameKey => {
                let (source, twice) = Source::csv_with_a_copy(5, 400);
                let rows = expected(&source);
                (source, rows, twice)
            }
        }
    }
}

fn kills(tables: Tables, why: Why, test: &str) {
    let (wanted, mut dice) = (events(8, 200), dice());
    let (source, fitting, others) = why.source();
    let left_out: Vec<Row> = others.into_iter().map(|row| row[..1].to_vec()).collect();
    assert!(fitting.len() > 900 && left_out.len() >= 400);
    let mut tally = Tally::default();

    let clock = Instant::now();
    let calm = strict(&tables, why, &source, ("calm", 2));
    counted(&calm, ended(calm.start("calm")), (&fitting, &left_out));
    let whole = clock.elapsed().mul_f64(slowdown());
    judge_log(&calm, &left_out, &mut tally);

    let mut rounds = 0..;
    let next = |tally: &Tally| {
        let is_enough = tally.events >= u64::from(wanted);
        (!is_enough).then(|| (rounds.next().expect("a number"), StdRng::seed_from_u64(dice.random())))
    };
    side_by_side(&mut tally, next, |(round, mut dice), tally| {
        let (table, run) = (format!("round_{round}"), format!("round-{round}-of-it"));
        let example = strict(&tables, why, &source, (&table, if round % 2 == 0 { 4 } else { 1 }));
        let output = survive(&example, (&run, whole), &mut dice, || {
            tables.look(&table, &run, &fitting, tally);
            // The log is there whole or not at all.
            if log(&example).is_some() {
                judge_log(&example, &left_out, tally);
            }
            tally.events += 1;
        });
        counted(&example, output, (&fitting, &left_out));
        tables.judge(&table, &fitting, tally);
        judge_log(&example, &left_out, tally);
    });

    // A tool that writes lines as it meets them, killed and started again.
    let (name, text) = log(&calm).expect("a log");
    fs::write(&name, format!("{text}{}", text.lines().nth(1).expect("a line"))).expect("a writable folder");
    let mut verdict = Tally::default();
    judge_log(&calm, &left_out, &mut verdict);
    tally.twins.tried += 1;
    tally.twins.caught += u64::from(verdict.duplicate > 0);
    tally.verdict(test, wanted);
}

/// A factory that copies into a table, and leaves out what that does not take.
fn strict(tables: &Tables, why: Why, source: &Source, (table, slots): (&str, u32)) -> Example {
    let (key, length) = match why {
        Why::Narrow => ("", NARROW),
        Why::SameKey => (" PRIMARY KEY", 100),
    };
    match tables {
        Tables::SqlServer(it) => {
            let create = format!("CREATE TABLE dbo.{table} (id int NOT NULL{key}, name nvarchar({length}) NULL)");
            it.server.execute(DATABASE, &create).expect("a table");
        }
        Tables::Odbc(database) => {
            database.run(&format!("CREATE TABLE {table} (id bigint NOT NULL{key}, name varchar({length}))"));
        }
    }
    let mut example = tables.example(source, table, slots);
    leave_out(&mut example);
    example
}

/// Lets a copy leave out what does not fit, and write it down in its own folder `logs`.
pub(crate) fn leave_out(example: &mut Example) {
    let place = json!({ "type": "FileServer", "typeProperties": { "host": example.path(""), "userId": "nobody" } });
    example.define("linkedService/Logs", &place);
    example.change("pipeline/Copy", |pipeline| {
        let settings = &mut pipeline["activities"][0]["typeProperties"];
        settings["enableSkipIncompatibleRow"] = true.into();
        settings["logSettings"] = json!({
            "enableCopyActivityLog": true,
            "logLocationSettings": {
                "linkedServiceName": { "referenceName": "Logs", "type": "LinkedServiceReference" }, "path": "logs",
            },
        });
    });
}

#[track_caller]
fn counted(example: &Example, output: Output, (fitting, left_out): (&[Row], &[Row])) {
    let report = example.said(output).ended(0).json();
    let output = &report["activityRuns"][0]["output"];
    let counts = ["rowsRead", "rowsCopied", "rowsSkipped"].map(|name| output[name].as_u64().expect("a number"));
    let rows = [fitting.len() + left_out.len(), fitting.len(), left_out.len()].map(|rows| rows as u64);
    assert_eq!(counts, rows, "{report:#}");
}

/// The one log that is visible, and its text.
pub(crate) fn log(example: &Example) -> Option<(std::path::PathBuf, String)> {
    let mut folders = vec![example.path("logs")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !is_hidden => folders.push(entry.path()),
                Ok(kind) if kind.is_file() && !is_hidden => found.push(entry.path()),
                _ => {}
            }
        }
    }
    assert!(found.len() <= 1, "{found:?}");
    let path = found.pop()?;
    let text = fs::read_to_string(&path).expect("readable");
    Some((path, text))
}

/// Every row that was left out stands in the log once.
pub(crate) fn judge_log(example: &Example, left_out: &[Row], tally: &mut Tally) {
    let text = log(example).map(|(_, text)| text).unwrap_or_default();
    let ids: Vec<Row> = lines(&text).into_iter().map(|id| vec![Some(id)]).collect();
    if let Err(difference) = same_rows(&ids, left_out) {
        println!("the log: {difference}");
        tally.lost += difference.missing;
        tally.duplicate += difference.extra;
    }
}
