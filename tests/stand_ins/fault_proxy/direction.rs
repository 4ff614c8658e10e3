//! One direction of a connection.

use std::{
    io,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest},
    net::tcp::{ReadHalf, WriteHalf},
    sync::Notify,
};

use super::{
    Passage, locked,
    script::{At, Effect, Script, Slices},
};

/// How both ends are cut apart.
pub(super) enum Cut {
    Reset,
    Close,
}

impl From<io::Error> for Cut {
    /// What breaks at one end breaks at the other.
    fn from(_: io::Error) -> Self {
        Self::Reset
    }
}

/// What both directions of a connection share.
pub(super) struct Side<'a> {
    script: &'a Script,
    passage: &'a Mutex<Passage>,
    faults: &'a AtomicU64,
    /// The server was sent something since its last answer.
    asked: AtomicBool,
    /// One end has left.
    left: Notify,
}

impl<'a> Side<'a> {
    pub(super) fn new(script: &'a Script, passage: &'a Mutex<Passage>, faults: &'a AtomicU64) -> Self {
        Self { script, passage, faults, asked: AtomicBool::new(false), left: Notify::new() }
    }
}

/// The bytes of one direction, and what is still to happen to them.
pub(super) struct Direction<'a> {
    side: &'a Side<'a>,
    to_server: bool,
    passed: u64,
    /// Bytes at which something happens, the next one last.
    due: Vec<(u64, Effect)>,
    slices: Option<(Slices, StdRng)>,
}

impl<'a> Direction<'a> {
    pub(super) fn to_server(side: &'a Side<'a>) -> Self {
        Self::new(side, true)
    }

    pub(super) fn to_client(side: &'a Side<'a>) -> Self {
        Self::new(side, false)
    }

    fn new(side: &'a Side<'a>, to_server: bool) -> Self {
        let mine = |&(at, effect): &(At, Effect)| match at {
            At::Sent(byte) if to_server => Some((byte, effect)),
            At::Received(byte) if !to_server => Some((byte, effect)),
            _ => None,
        };
        let mut due: Vec<_> = side.script.faults().iter().filter_map(mine).collect();
        due.sort_by_key(|(byte, _)| std::cmp::Reverse(*byte));
        let dice = |slices: Slices| (slices, StdRng::seed_from_u64(slices.seed ^ u64::from(to_server)));
        Self { side, to_server, passed: 0, due, slices: side.script.slices().map(dice) }
    }

    /// Lets bytes through until there are no more.
    ///
    /// # Errors
    /// How the connection is to be cut.
    pub(super) async fn pump(mut self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> Result<(), Cut> {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let length = from.read(&mut buffer).await?;
            if length == 0 {
                self.side.left.notify_one();
                return Ok(to.shutdown().await?);
            }
            let mut bytes = &mut buffer[..length];
            if let Some(effect) = self.turn() {
                self.happen(effect, &mut bytes[0], &from).await?;
            }
            while !bytes.is_empty() {
                let free = self.due.last().map_or(u64::MAX, |(byte, _)| byte - self.passed);
                let (now, later) = bytes.split_at_mut(bytes.len().min(usize::try_from(free).unwrap_or(usize::MAX)));
                self.pass(now, &mut to).await?;
                bytes = later;
                if let Some(next) = bytes.first_mut() {
                    while let Some((_, effect)) = self.due.pop_if(|(byte, _)| *byte == self.passed) {
                        self.happen(effect, next, &from).await?;
                    }
                }
            }
        }
    }

    /// Notes who speaks; gives what is to happen to an answer that begins now.
    fn turn(&self) -> Option<Effect> {
        if self.to_server {
            self.side.asked.store(true, Ordering::SeqCst);
            return None;
        }
        if !self.side.asked.swap(false, Ordering::SeqCst) {
            return None;
        }
        let number = {
            let mut passage = locked(self.side.passage);
            passage.answers += 1;
            passage.answers
        };
        let faults = self.side.script.faults().iter();
        faults.copied().find_map(|(at, effect)| (at == At::Answer(number)).then_some(effect))
    }

    async fn pass(&mut self, bytes: &[u8], to: &mut WriteHalf<'_>) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let most = rest.len();
            let length = match &mut self.slices {
                Some((slices, dice)) if self.passed >= slices.from => dice.random_range(1..=slices.longest).min(most),
                _ => most,
            };
            let (slice, later) = rest.split_at(length);
            to.write_all(slice).await?;
            rest = later;
            self.count(length as u64);
            if self.slices.is_some() {
                // The other end gets the chance to see the slice alone.
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    fn count(&mut self, bytes: u64) {
        self.passed += bytes;
        let mut passage = locked(self.side.passage);
        let sum = if self.to_server { &mut passage.sent } else { &mut passage.received };
        *sum += bytes;
    }

    async fn happen(&self, effect: Effect, byte: &mut u8, from: &ReadHalf<'_>) -> Result<(), Cut> {
        self.side.faults.fetch_add(1, Ordering::SeqCst);
        match effect {
            Effect::Reset => Err(Cut::Reset),
            Effect::Close => Err(Cut::Close),
            Effect::Flip(bit) => {
                *byte ^= 1 << bit;
                Ok(())
            }
            Effect::Stall(time) => tokio::select! {
                () = pause(time) => Ok(()),
                // Nobody is there any more for whom it could go on.
                () = self.side.left.notified() => Err(Cut::Close),
                () = closed(from) => Err(Cut::Close),
            },
        }
    }
}

async fn pause(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Returns once the other end has closed, without reading what it still sent.
async fn closed(from: &ReadHalf<'_>) {
    while from.ready(Interest::READABLE).await.is_ok_and(|ready| !ready.is_read_closed()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
