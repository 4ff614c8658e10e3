//! Killed at any moment, a run that is resumed gives the same rows, once.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    process::{Child, Command},
    thread,
    time::Instant,
};

use arrow::row::{RowConverter, SortField};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::workshop::{Finished, Workshop, finished};

/// Kills that must hit a living process; `ROPEWAY_TEST_KILLS` asks for more.
const KILLS: u32 = 10;

#[test]
fn one_file_survives_sigkill() {
    survives(&Workshop::one_file(0.01));
}

#[test]
fn a_folder_survives_sigkill() {
    survives(&Workshop::folder(0.01));
}

/// Kills and resumes until a run is done, and starts another until there were enough kills.
#[track_caller]
fn survives(workshop: &Workshop) {
    let seed = std::env::var("ROPEWAY_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("seed {seed}: set ROPEWAY_TEST_SEED to repeat it");
    let mut rng = StdRng::seed_from_u64(seed);
    let wanted = std::env::var("ROPEWAY_TEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);

    let clock = Instant::now();
    workshop.run(&["--run-id", "undisturbed", "--progress", "none"]).ended(0);
    let (whole, expected) = (clock.elapsed(), rows(workshop));
    assert!(expected.len() > 50_000 && expected.windows(2).all(|pair| pair[0] < pair[1]), "the rows are distinct");

    let mut kills = 0;
    for round in 0.. {
        let id = format!("round-{round}");
        fs::remove_dir_all(workshop.data().join("out")).expect("removable");
        loop {
            let mut child = start_or_resume(workshop, &id);
            thread::sleep(whole.mul_f64(rng.random_range(0.0..1.0)));
            if child.try_wait().expect("our child").is_some() {
                finished(child.wait_with_output().expect("it ended")).ended(0);
                break;
            }
            child.kill().expect("our child");
            child.wait().expect("our child");
            kills += 1;
            assert!(workshop.visible().iter().all(is_whole), "a part of a file is visible");
            if kills >= wanted {
                finished(start_or_resume(workshop, &id).wait_with_output().expect("it ended")).ended(0);
                break;
            }
        }
        let found = rows(workshop);
        assert!(found == expected, "round {round}: {} rows instead of {}", found.len(), expected.len());
        if kills >= wanted {
            return;
        }
    }
}

/// `resume`, or `run` if the last process died before it left a record.
fn start_or_resume(workshop: &Workshop, id: &str) -> Child {
    let known = workshop.state().join("ropeway/runs").join(id).join("run.json").exists();
    let arguments =
        ["run", "orders/pipeline/CopyLineitem.json", "--run-id", id, "--progress", "none", "--parallel", "2"];
    let resume = ["resume", id, "--progress", "none"];
    workshop.command(if known { &resume } else { &arguments }).spawn().expect("the binary starts")
}

/// True for what is not Parquet, and for Parquet with its footer.
fn is_whole(file: &std::path::PathBuf) -> bool {
    file.extension().is_none_or(|extension| extension != "parquet")
        || ParquetRecordBatchReaderBuilder::try_new(File::open(file).expect("readable")).is_ok()
}

/// Every row below the data folder, comparable, sorted.
pub(crate) fn rows(workshop: &Workshop) -> Vec<Vec<u8>> {
    let mut rows = Vec::new();
    for file in workshop.visible().iter().filter(|file| file.extension().is_some_and(|end| end == "parquet")) {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).expect("readable")).expect("Parquet");
        let fields = reader.schema().fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
        let converter = RowConverter::new(fields).expect("comparable columns");
        for batch in reader.build().expect("Parquet") {
            let encoded = converter.convert_columns(batch.expect("a batch").columns()).expect("the same columns");
            rows.extend(encoded.iter().map(|row| row.data().to_vec()));
        }
    }
    rows.sort();
    rows
}

#[test]
fn ctrl_c_exits_130_with_a_command_that_resumes() {
    let workshop = Workshop::folder(0.05);
    let interrupted = interrupt(&workshop, "INT").ended(130);
    let command = interrupted.stderr.lines().find_map(|line| line.strip_prefix("to finish this run: ropeway "));
    let arguments: Vec<_> = command.expect("the resume command").split(' ').collect();
    assert_eq!(arguments, ["resume", "stopped"]);
    let listed = workshop.finish(&["runs"]).ended(0).stdout;
    assert!(listed.contains("Cancelled"), "{listed}");
    assert!(!workshop.data().join("out/_SUCCESS").exists(), "nothing was published");
    let resumed = workshop.finish(&[&arguments[..], &["--output", "json"]].concat()).ended(0).json();
    let chunks = &resumed["activityRuns"][0]["output"]["ropeway"]["chunks"];
    assert_eq!(chunks["planned"], chunks["committed"]);
    let found = rows(&workshop);
    assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "a row came twice");
    assert_eq!(Some(found.len() as u64), resumed["activityRuns"][0]["output"]["rowsCopied"].as_u64());
}

#[test]
fn sigterm_is_the_same_and_runs_shows_where_it_stopped() {
    let workshop = Workshop::folder(0.05);
    interrupt(&workshop, "TERM").ended(130);
    let shown = workshop.finish(&["runs", "stopped"]).ended(0).stdout;
    assert!(shown.contains("chunks committed") && shown.contains("open"), "{shown}");
}

#[test]
fn another_definition_does_not_resume_a_run() {
    let workshop = Workshop::folder(0.05);
    interrupt(&workshop, "INT").ended(130);
    workshop.change("dataset/Lineitem", |dataset| dataset["typeProperties"]["scaleFactor"] = 0.04.into());
    let refused = workshop.finish(&["resume", "stopped"]).ended(2);
    assert!(refused.stderr.contains("start a new run"), "{}", refused.stderr);
    assert!(!workshop.data().join("out/_SUCCESS").exists(), "nothing was published");
}

/// Starts a run and signals it once it moves rows.
fn interrupt(workshop: &Workshop, signal: &str) -> Finished {
    let mut child =
        workshop.start(&["--run-id", "stopped", "--progress", "json", "--parallel", "1", "--output", "json"]);
    let mut errors = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut said = String::new();
    while errors.read_line(&mut said).expect("readable") > 0 && !said.contains("chunksPlanned") {}
    let status = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
    assert!(status.expect("kill is installed").success());
    for line in errors.lines() {
        said += &format!("{}\n", line.expect("readable"));
    }
    let output = child.wait_with_output().expect("our child");
    Finished { stderr: said, ..finished(output) }
}
