//! The answer to a rename. Nothing can let a local call happen and answer that it did not: `strace` replaces the
//! call when it invents an answer. So it holds the process at the end of the call, when the file has its name,
//! and the process is killed before it hears of it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use rand::Rng as _;
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    cli::workshop::{Workshop, binary},
    end_to_end::oracle::Row,
    torture::{
        copying::imbalance,
        readers,
        side_by_side::side_by_side,
        table::{Tally, dice, events},
    },
};

const RUN: &str = "renamed";
const CALLS: &str = "rename,renameat,renameat2";

#[test]
fn files_whose_rename_nobody_heard_of_have_every_row_once() {
    if !may_trace() {
        println!("skipped: strace is missing or may not trace here; install it, or allow ptrace");
        return;
    }
    let mut dice = dice();
    let (file, folder) = (|| Workshop::one_file(0.001), || Workshop::folder(0.001));
    let references = [Reference::of(&file()), Reference::of(&folder())];
    let wanted = events(8, 100);
    let mut tally = Tally::default();
    let mut begun = 0;
    let next = |_: &Tally| {
        begun += 1;
        let shape = usize::from(dice.random_ratio(4, 5));
        let renames = &references[shape].renames;
        (begun <= wanted).then(|| (shape, &renames[dice.random_range(0..renames.len())]))
    };
    side_by_side(&mut tally, next, |(shape, rename), tally| {
        let expected = &references[shape].rows;
        let workshop = if shape == 0 { file() } else { folder() };
        killed_after(&workshop, rename);
        tally.events += 1;
        match rows(&workshop) {
            Ok(Some(seen)) if imbalance(&seen, expected) != (0, 0) => tally.partial += 1,
            Err(_) => tally.partial += 1,
            _ => {}
        }
        workshop.finish(&["resume", RUN, "--progress", "none"]).ended(0);
        let found = rows(&workshop).ok().flatten().unwrap_or_default();
        let (lost, duplicate) = imbalance(&found, expected);
        tally.lost += lost;
        tally.duplicate += duplicate;
    });

    tally.twins.tried += 1;
    tally.twins.caught += u64::from(naive_doubles(&folder(), &references[1]));
    tally.verdict("lost answers: rename", wanted);
}

/// Who takes the killed run for a failed one and copies again beside it has rows twice.
fn naive_doubles(workshop: &Workshop, Reference { renames, rows: expected }: &Reference) -> bool {
    let part = renames.iter().find(|rename| rename.to.ends_with(".parquet")).expect("a part");
    killed_after(workshop, part);
    workshop.run(&["--run-id", "again", "--progress", "none"]).ended(0);
    imbalance(&rows(workshop).expect("files").expect("a finished copy"), expected).1 > 0
}

/// What an undisturbed copy does.
struct Reference {
    renames: Vec<Rename>,
    rows: Vec<Row>,
}

/// A rename of the sink's; names below the data folder.
struct Rename {
    from: String,
    to: String,
}

impl Reference {
    fn of(workshop: &Workshop) -> Self {
        let log = log(workshop);
        assert!(traced(workshop, &[]).status().expect("strace is installed").success(), "an undisturbed copy");
        let text = fs::read_to_string(log).expect("a log");
        let data = format!("{}/", workshop.data().display());
        let renames: Vec<_> = text
            .lines()
            .filter_map(|line| {
                let paths: Vec<_> = line.split('"').skip(1).step_by(2).map(|path| path.strip_prefix(&data)).collect();
                match paths.as_slice() {
                    [Some(from), Some(to)] => Some(Rename { from: (*from).to_owned(), to: (*to).to_owned() }),
                    _ => None,
                }
            })
            .collect();
        assert!(!renames.is_empty(), "the sink renames: {text}");
        Self { renames, rows: rows(workshop).expect("whole files").expect("a finished copy") }
    }
}

/// Runs the copy until this file has its new name, and kills it before the call returns.
fn killed_after(workshop: &Workshop, Rename { from, to }: &Rename) {
    let from = workshop.data().join(from);
    let hold = format!("inject={CALLS}:delay_exit=300000000:when=1");
    // It knows calls by their first path only.
    let mut child = traced(workshop, &["-P", from.to_str().expect("a plain path"), "-e", &hold]);
    let mut child = child.spawn().expect("strace is installed");
    let held = || fs::read_to_string(log(workshop)).is_ok_and(|text| text.contains(" = 0 (DELAYED)"));
    while !held() {
        let ended = child.try_wait().expect("our child");
        assert!(ended.is_none(), "the copy ended without the rename of {}", from.display());
        thread::sleep(Duration::from_millis(10));
    }
    assert!(workshop.data().join(to).exists(), "{to} has its name");
    let killed = kill_traced(&fs::read_to_string(log(workshop)).expect("a log"));
    child.kill().expect("our child");
    child.wait().expect("our child");
    // Until it has let go of its files; who reaps it may take longer.
    while has_files(killed) {
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a thread of the process is still there that is not dead: together they hold its files. The first one is
/// dead before the others, and waits for them.
fn has_files(process: Pid) -> bool {
    let threads = fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero())).into_iter().flatten().flatten();
    let stats = threads.filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    stats.filter(|stat| !stat.contains(") Z ") && !stat.contains(") X ")).count() > 0
}

fn log(workshop: &Workshop) -> PathBuf {
    workshop.data().with_file_name("strace.log")
}

/// The copy under `strace`.
fn traced(workshop: &Workshop, more: &[&str]) -> Command {
    let mut command = Command::new("strace");
    command
        .args(["-f", "-e", &format!("trace={CALLS}")])
        .args(more)
        .arg("-o")
        .arg(log(workshop))
        .arg(binary())
        .args(["run", "orders/pipeline/CopyLineitem.json", "--run-id", RUN, "--progress", "none"])
        .env("XDG_STATE_HOME", workshop.state())
        .current_dir(workshop.root().parent().expect("the workshop's folder"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Kills the process whose thread waits for its rename.
fn kill_traced(log: &str) -> Pid {
    let held = log.lines().find(|line| line.contains("(DELAYED)")).expect("a rename that is held");
    let thread = held.split(' ').next().expect("its number");
    let status = fs::read_to_string(format!("/proc/{thread}/status")).expect("it lives");
    let process = status.lines().find_map(|line| line.strip_prefix("Tgid:")).and_then(|id| id.trim().parse().ok());
    let process = process.and_then(Pid::from_raw).expect("a process");
    kill_process(process, Signal::KILL).expect("our own process");
    process
}

fn may_trace() -> bool {
    let tried = Command::new("strace").args(["-e", "trace=rename", "true"]).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

/// The rows that readers see, once there is a whole file, or a folder with `_SUCCESS`.
fn rows(workshop: &Workshop) -> Result<Option<Vec<Row>>, String> {
    let out = workshop.data().join("out");
    let names = visible(&out);
    if names.iter().any(|name| name.starts_with("part-")) && !names.iter().any(|name| name == "_SUCCESS") {
        return Ok(None);
    }
    let files: Vec<_> = names.iter().filter(|name| name.ends_with(".parquet")).collect();
    let mut rows = Vec::new();
    for file in &files {
        rows.extend(readers::rows(file, &fs::read(out.join(file)).map_err(|error| error.to_string())?)?);
    }
    Ok((!files.is_empty()).then_some(rows))
}

/// Names below a folder, without those that begin with a dot.
fn visible(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        if entry.path().is_dir() {
            names.extend(visible(&entry.path()).into_iter().map(|inner| format!("{name}/{inner}")));
        } else {
            names.push(name);
        }
    }
    names.sort();
    names
}
