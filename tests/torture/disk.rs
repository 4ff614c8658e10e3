//! Disks that are full, read-only or broken, and then right again.

mod broken;
mod full;
mod mount;
mod read_only;

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Output},
    thread,
};

/// What a process said and how it ended. Whoever looks at a line of its log may have it killed there.
fn watched(mut child: Child, mut ends: impl FnMut(&str) -> bool) -> Output {
    let mut errors = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut results = child.stdout.take().expect("a pipe");
    let results = thread::spawn(move || {
        let mut stdout = Vec::new();
        results.read_to_end(&mut stdout).map(|_| stdout)
    });
    let (mut stderr, mut line) = (Vec::new(), String::new());
    while errors.read_line(&mut line).expect("UTF-8") > 0 {
        stderr.extend(line.as_bytes());
        if ends(&line) {
            child.kill().expect("our child");
        }
        line.clear();
    }
    let stdout = results.join().expect("no panic").expect("readable");
    Output { status: child.wait().expect("our child"), stdout, stderr }
}
