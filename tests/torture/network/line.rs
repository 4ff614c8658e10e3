//! Copies over lines that can be broken.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use ropeway_engine::{ErrorKind, source::Source};
use ropeway_tests::fault_proxy::{At, Effect, FaultProxy, Passage, Script};

use super::scripts::Case;
use crate::{
    end_to_end::oracle::Row,
    torture::{
        copying::{ABSENCE, Copying, Course, Target, imbalance},
        side_by_side::{copies, on_lanes},
        table::Tally,
    },
};

/// Copies between the same two ends, one of which is reached through a line.
pub(super) struct Lines<'a, T> {
    pub(super) source: &'a (dyn Fn(SocketAddr) -> Arc<dyn Source> + Sync),
    /// A new place for every copy.
    pub(super) place: &'a (dyn Fn(SocketAddr) -> T + Sync),
    pub(super) expected: &'a [Row],
    /// As many as copies go on at once.
    pub(super) proxies: &'a [FaultProxy],
}

/// As many lines to a server as copies go on at once.
pub(super) async fn lines_to(server: SocketAddr) -> Vec<FaultProxy> {
    let mut proxies = Vec::new();
    for _ in 0..copies() {
        proxies.push(FaultProxy::start(server).await);
    }
    proxies
}

impl<T: Target> Lines<'_, T> {
    /// What passes when nothing happens.
    pub(super) async fn undisturbed(&self, tally: &mut Tally) -> Vec<Passage> {
        let proxy = &self.proxies[0];
        proxy.heal();
        let source = || (self.source)(proxy.address());
        let copying = Copying { source: &source, expected: self.expected, may_fail: ABSENCE };
        let course = copying.course(&(self.place)(proxy.address()), tally, || ()).await;
        assert_eq!((course.failures, course.retries), (0, 0), "nothing happened");
        let whole = proxy.passages();
        println!("undisturbed: {whole:?}");
        whole
    }

    /// One copy for every case; those in which something happened are events.
    pub(super) fn each(&self, cases: Vec<Case>, tally: &mut Tally) {
        self.struck(cases, ABSENCE, tally);
    }

    /// The same with changed bits below TLS: a run may also end with what a changed certificate or handshake means.
    pub(super) fn flips(&self, cases: Vec<Case>, tally: &mut Tally) {
        self.struck(cases, &[ABSENCE, &[ErrorKind::Spec, ErrorKind::Auth]].concat(), tally);
    }

    fn struck(&self, cases: Vec<Case>, may_fail: &[ErrorKind], tally: &mut Tally) {
        let (failures, retries, count) = (AtomicU64::new(0), AtomicU64::new(0), cases.len());
        on_lanes(self.proxies, cases, tally, async |proxy, (numbers, script), tally| {
            let before = proxy.faults();
            proxy.each(move |own| if numbers.contains(&own) { script.clone() } else { Script::default() });
            let course = self.course(proxy, may_fail, tally).await;
            failures.fetch_add(course.failures.into(), Ordering::Relaxed);
            retries.fetch_add(course.retries, Ordering::Relaxed);
            tally.events += u64::from(proxy.faults() > before);
        });
        println!("{count} cases: {} chunks tried again, {} runs resumed", retries.into_inner(), failures.into_inner());
    }

    /// So many copies in slices from this byte of every connection on: of one byte first, then of more.
    pub(super) fn slices(&self, from: u64, cases: u32, dice: &mut StdRng, tally: &mut Tally) {
        let cases = (0..cases).map(|case| Script::sliced_from(from, 1 + case as usize * 3, dice.random()));
        on_lanes(self.proxies, cases, tally, async |proxy, script, tally| {
            proxy.each(move |_| script.clone());
            self.course(proxy, ABSENCE, tally).await;
            tally.events += 1;
        });
    }

    /// So many copies over connections that are reset with a chance of 20 % in every tenth of what is received.
    pub(super) fn storms(&self, cases: u32, whole: &[Passage], dice: &mut StdRng, tally: &mut Tally) {
        let tenth = whole.iter().map(|passage| passage.received).sum::<u64>() / 10;
        let cases = (0..cases).map(|_| Mutex::new(StdRng::seed_from_u64(dice.random())));
        on_lanes(self.proxies, cases, tally, async |proxy, own, tally| {
            let before = proxy.faults();
            proxy.each(move |_| {
                let mut dice = own.lock().expect("nobody panics in there");
                let mut lives = 0;
                while !dice.random_ratio(1, 5) {
                    lives += 1;
                }
                Script::at(At::Received(lives * tenth + dice.random_range(0..tenth)), Effect::Reset)
            });
            self.course(proxy, ABSENCE, tally).await;
            println!("a storm: {} resets", proxy.faults() - before);
            tally.events += u64::from(proxy.faults() > before);
        });
    }

    /// The twin of a line that nothing protects: a bit of a long answer is another one, until a copy ends well
    /// with a row that is none of the source's. True if the oracle sees it.
    pub(super) async fn shows_changed_values(&self, whole: &[Passage], dice: &mut StdRng) -> bool {
        // Which connection reads how many chunks is another thing in every copy.
        let most = whole.iter().map(|passage| passage.received).max().expect("a connection");
        let with_rows: Vec<_> = (0..).zip(whole).filter(|(_, passage)| passage.received >= most / 4).collect();
        let proxy = &self.proxies[0];
        let source = || (self.source)(proxy.address());
        let copying = Copying { source: &source, expected: self.expected, may_fail: ABSENCE };
        for _ in 0..100 {
            let (number, passage) = with_rows[dice.random_range(0..with_rows.len())];
            let byte = dice.random_range(passage.received / 8..passage.received);
            proxy.only(number, Script::at(At::Received(byte), Effect::Flip(0)));
            let (place, state) = ((self.place)(proxy.address()), tempfile::tempdir().expect("a temporary folder"));
            if copying.attempt(&place, state.path()).await.is_ok() {
                let rows = place.rows().await.expect("whole files").expect("a finished copy");
                if imbalance(&rows, self.expected) == (1, 1) {
                    return true;
                }
            }
        }
        false
    }

    /// One copy over this line, which is healed for whoever looks at it.
    async fn course(&self, proxy: &FaultProxy, may_fail: &[ErrorKind], tally: &mut Tally) -> Course {
        let source = || (self.source)(proxy.address());
        let copying = Copying { source: &source, expected: self.expected, may_fail };
        copying.course(&(self.place)(proxy.address()), tally, || proxy.heal()).await
    }
}
