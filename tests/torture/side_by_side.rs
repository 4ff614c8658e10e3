//! Cases of a torture side by side: most of them wait most of the time. The short form shares the machine with other
//! tests, and takes them one after the other.

use std::{
    cell::RefCell,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use futures::future::join_all;

use super::table::{Tally, is_long};

/// Copies in this process that go on at once in the long form: they wait for breaks, pauses and limits.
const COPIES: usize = 12;

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

/// Takes cases as long as there are some, each on one of these lanes, whose it is alone.
pub(crate) async fn on_lanes<L, T>(
    lanes: &[L],
    cases: impl IntoIterator<Item = T>,
    tally: &mut Tally,
    case: impl AsyncFn(&L, T, &mut Tally),
) {
    let (cases, sum) = (RefCell::new(cases.into_iter()), RefCell::new(tally));
    let work = lanes.iter().map(async |lane| {
        loop {
            let next = cases.borrow_mut().next();
            let Some(next) = next else { return };
            let mut own = Tally::default();
            case(lane, next, &mut own).await;
            sum.borrow_mut().add(own);
        }
    });
    join_all(work).await;
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing but a case panics, and it holds no lock then.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
