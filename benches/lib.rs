//! Benchmarks of Ropeway: what those of them share that measure the CPU of this process.

use std::{error::Error, fs};

/// What a benchmark gives, or why it cannot measure.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// Nanoseconds of CPU that all threads of this process use for the work, and what it gives.
///
/// # Errors
/// Those of the work, and of a system without `/proc`.
pub async fn measured<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<(u64, T)> {
    let before = cpu()?;
    let done = work.await?;
    Ok((cpu()? - before, done))
}

fn cpu() -> Outcome<u64> {
    let mut total = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        let times = fs::read_to_string(thread?.path().join("schedstat"))?;
        total += times.split_whitespace().next().unwrap_or("0").parse::<u64>()?;
    }
    Ok(total)
}
