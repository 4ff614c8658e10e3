//! Cases of a torture side by side: most of them wait most of the time. The short form shares the machine with other
//! tests, and takes them one after the other.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use tokio::runtime::Handle;

use super::table::{Tally, is_long};

/// Copies in this process that go on at once in the long form: they wait for breaks, pauses and limits.
const COPIES: usize = 8;

/// How many copies in this process go on at once.
pub(crate) fn copies() -> usize {
    if is_long() { COPIES } else { 1 }
}

/// How many cases with processes of their own go on at once: as many as keep the cores busy.
fn processes() -> usize {
    if is_long() { cores() + 1 } else { 1 }
}

/// How many times longer a process takes beside the others than alone.
pub(crate) fn slowdown() -> f64 {
    (processes() as f64 / cores() as f64).max(1.0)
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Takes cases as long as there is a next one, which may depend on what happened so far. Each in a thread, because it
/// waits for processes.
pub(crate) fn side_by_side<T: Send>(
    tally: &mut Tally,
    next: impl FnMut(&Tally) -> Option<T> + Send,
    case: impl Fn(T, &mut Tally) + Sync,
) {
    let shared = Mutex::new((tally, next));
    let work = || {
        loop {
            let taken = {
                let (tally, next) = &mut *locked(&shared);
                next(tally)
            };
            let Some(taken) = taken else { return };
            let mut own = Tally::default();
            case(taken, &mut own);
            locked(&shared).0.add(own);
        }
    };
    thread::scope(|scope| {
        (0..processes()).for_each(|_| drop(scope.spawn(work)));
    });
}

/// Takes cases as long as there are some, each on one of these lanes, whose it is alone. Each lane has a thread: what
/// blocks one must not let the time limits of the others run out.
pub(crate) fn on_lanes<L: Sync, T>(
    lanes: &[L],
    cases: impl IntoIterator<Item = T, IntoIter: Send>,
    tally: &mut Tally,
    case: impl AsyncFn(&L, T, &mut Tally) + Sync,
) {
    let (runtime, shared) = (Handle::current(), Mutex::new((tally, cases.into_iter())));
    let work = |lane: &L| {
        loop {
            let next = locked(&shared).1.next();
            let Some(next) = next else { return };
            let mut own = Tally::default();
            runtime.block_on(case(lane, next, &mut own));
            locked(&shared).0.add(own);
        }
    };
    thread::scope(|scope| {
        let work = &work;
        lanes.iter().for_each(|lane| drop(scope.spawn(move || work(lane))));
    });
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing but a case panics, and it holds no lock then.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
