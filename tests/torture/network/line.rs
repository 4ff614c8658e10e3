//! A copy over a line that can be broken.

use std::sync::Mutex;

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use ropeway_engine::ErrorKind;
use ropeway_tests::fault_proxy::{At, Effect, FaultProxy, Passage, Script};

use super::scripts::Case;
use crate::torture::{
    copying::{ABSENCE, Copying, Target, imbalance},
    table::Tally,
};

pub(super) struct Line<'a, T> {
    pub(super) copying: Copying<'a>,
    /// A new place for every copy.
    pub(super) place: &'a dyn Fn() -> T,
    pub(super) proxy: &'a FaultProxy,
}

impl<T: Target> Line<'_, T> {
    /// What passes when nothing happens.
    pub(super) async fn undisturbed(&self, tally: &mut Tally) -> Vec<Passage> {
        self.proxy.heal();
        let course = self.copying.course(&(self.place)(), tally, || ()).await;
        assert_eq!((course.failures, course.retries), (0, 0), "nothing happened");
        let whole = self.proxy.passages();
        println!("undisturbed: {whole:?}");
        whole
    }

    /// One copy for every case; those in which something happened are events.
    pub(super) async fn each(&self, cases: Vec<Case>, tally: &mut Tally) {
        let (mut failures, mut retries, count) = (0, 0, cases.len());
        for (numbers, script) in cases {
            let before = self.proxy.faults();
            self.proxy.each(move |own| if numbers.contains(&own) { script.clone() } else { Script::default() });
            let course = self.copying.course(&(self.place)(), tally, || self.proxy.heal()).await;
            failures += course.failures;
            retries += course.retries;
            tally.events += u64::from(self.proxy.faults() > before);
        }
        println!("{count} cases: {retries} chunks tried again, {failures} runs resumed");
    }

    /// The same with changed bits below TLS: a run may also end with what a changed certificate or handshake means.
    pub(super) async fn flips(&self, cases: Vec<Case>, tally: &mut Tally) {
        let may_fail = [ABSENCE, &[ErrorKind::Spec, ErrorKind::Auth]].concat();
        let copying = Copying { may_fail: &may_fail, ..self.copying };
        Line { copying, place: self.place, proxy: self.proxy }.each(cases, tally).await;
    }

    /// So many copies in slices from this byte of every connection on: of one byte first, then of more.
    pub(super) async fn slices(&self, from: u64, cases: u32, dice: &mut StdRng, tally: &mut Tally) {
        for case in 0..cases {
            let script = Script::sliced_from(from, 1 + case as usize * 3, dice.random());
            self.proxy.each(move |_| script.clone());
            self.copying.course(&(self.place)(), tally, || self.proxy.heal()).await;
            tally.events += 1;
        }
    }

    /// So many copies over connections that are reset with a chance of 20 % in every tenth of what is received.
    pub(super) async fn storms(&self, cases: u32, whole: &[Passage], dice: &mut StdRng, tally: &mut Tally) {
        let tenth = whole.iter().map(|passage| passage.received).sum::<u64>() / 10;
        for _ in 0..cases {
            let before = self.proxy.faults();
            let own = Mutex::new(StdRng::seed_from_u64(dice.random()));
            self.proxy.each(move |_| {
                let mut dice = own.lock().expect("nobody panics in there");
                let mut lives = 0;
                while !dice.random_ratio(1, 5) {
                    lives += 1;
                }
                Script::at(At::Received(lives * tenth + dice.random_range(0..tenth)), Effect::Reset)
            });
            self.copying.course(&(self.place)(), tally, || self.proxy.heal()).await;
            println!("a storm: {} resets", self.proxy.faults() - before);
            tally.events += u64::from(self.proxy.faults() > before);
        }
    }

    /// The twin of a line that nothing protects: a bit of the longest answer is another one, until a copy ends well
    /// with a row that is none of the source's. True if the oracle sees it.
    pub(super) async fn shows_changed_values(&self, whole: &[Passage], dice: &mut StdRng) -> bool {
        let (number, passage) = (0..).zip(whole).max_by_key(|(_, passage)| passage.received).expect("a connection");
        for _ in 0..50 {
            let byte = dice.random_range(passage.received / 2..passage.received);
            self.proxy.only(number, Script::at(At::Received(byte), Effect::Flip(0)));
            let (place, state) = ((self.place)(), tempfile::tempdir().expect("a temporary folder"));
            if self.copying.attempt(&place, state.path()).await.is_ok() {
                let rows = place.rows().await.expect("whole files").expect("a finished copy");
                if imbalance(&rows, self.copying.expected) == (1, 1) {
                    return true;
                }
            }
        }
        false
    }
}
