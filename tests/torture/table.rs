//! What a torture did and what it broke: one line of the table that `make torture` prints.

use std::{env, fs::OpenOptions, io::Write as _, path::PathBuf};

use rand::{SeedableRng as _, rngs::StdRng};

/// The count of the short form, or of the long one where `ROPEWAY_TORTURE=long` asks for it.
pub(crate) fn events(short: u32, long: u32) -> u32 {
    if is_long() { long } else { short }
}

/// True where the long form is asked for.
pub(crate) fn is_long() -> bool {
    env::var("ROPEWAY_TORTURE").is_ok_and(|form| form == "long")
}

/// Dice of a seed that is printed; `ROPEWAY_TEST_SEED` repeats it.
pub(crate) fn dice() -> StdRng {
    let asked = env::var("ROPEWAY_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = asked.unwrap_or_else(rand::random);
    println!("seed {seed}: set ROPEWAY_TEST_SEED to repeat it");
    StdRng::seed_from_u64(seed)
}

/// What a torture did and what it broke.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Kills, faults, cuts that really happened.
    pub(crate) events: u64,
    /// Rows that are missing at the end.
    pub(crate) lost: u64,
    /// Rows that are there too often, or are none of the source's.
    pub(crate) duplicate: u64,
    /// Times that something incomplete was visible.
    pub(crate) partial: u64,
    /// Known-bad twins that were tried, and how many of them were caught.
    pub(crate) twins: Twins,
}

/// Known-bad twins.
#[derive(Debug, Default)]
pub(crate) struct Twins {
    pub(crate) tried: u64,
    pub(crate) caught: u64,
}

impl Tally {
    /// Counts what happened elsewhere as well.
    pub(crate) fn add(&mut self, other: Self) {
        let Self { events, lost, duplicate, partial, twins: Twins { tried, caught } } = other;
        self.events += events;
        self.lost += lost;
        self.duplicate += duplicate;
        self.partial += partial;
        self.twins.tried += tried;
        self.twins.caught += caught;
    }

    /// Writes the line, then fails unless so many events happened, nothing broke, and every twin was caught.
    ///
    /// # Panics
    /// If the torture found something, or could not have.
    #[track_caller]
    pub(crate) fn verdict(self, test: &str, at_least: u32) {
        self.write(test);
        self.holds(test, at_least);
    }

    #[track_caller]
    fn holds(&self, test: &str, at_least: u32) {
        assert!(self.events >= u64::from(at_least), "{test}: only {} of {at_least} events happened", self.events);
        assert_eq!((self.lost, self.duplicate, self.partial), (0, 0, 0), "{test}: {self:?}");
        assert!(self.twins.tried > 0, "{test} has no twin that must fail");
        assert_eq!(self.twins.caught, self.twins.tried, "{test}: a twin that is known to be bad was not caught");
    }

    /// Appends the line to the file of `ROPEWAY_TORTURE_TABLE`, where there is one.
    fn write(&self, test: &str) {
        let Self { events, lost, duplicate, partial, twins: Twins { tried, caught } } = self;
        let line = format!("{test}\t{events}\t{lost}\t{duplicate}\t{partial}\t{caught} of {tried}\n");
        print!("{line}");
        if let Some(file) = env::var_os("ROPEWAY_TORTURE_TABLE").map(PathBuf::from) {
            let table = OpenOptions::new().append(true).create(true).open(&file);
            // One write is one line, whoever else writes.
            table.and_then(|mut table| table.write_all(line.as_bytes())).expect("a writable table");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean() -> Tally {
        Tally { events: 5, twins: Twins { tried: 1, caught: 1 }, ..Tally::default() }
    }

    /// Not a line of the table: it is no torture.
    fn fails(tally: Tally) -> bool {
        std::panic::catch_unwind(|| tally.holds("twin of the table", 5)).is_err()
    }

    #[test]
    fn a_verdict_has_teeth() {
        assert!(!fails(clean()));
        assert!(fails(Tally { events: 4, ..clean() }));
        assert!(fails(Tally { lost: 1, ..clean() }));
        assert!(fails(Tally { duplicate: 1, ..clean() }));
        assert!(fails(Tally { partial: 1, ..clean() }));
        assert!(fails(Tally { twins: Twins::default(), ..clean() }));
        assert!(fails(Tally { twins: Twins { tried: 2, caught: 1 }, ..clean() }));
    }
}
