//! What is to happen on a connection.

use std::time::Duration;

/// What is to happen on one connection. The default is nothing.
#[derive(Clone, Debug, Default)]
pub struct Script {
    faults: Vec<(At, Effect)>,
    slices: Option<Slices>,
}

/// How bytes are cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slices {
    pub(super) longest: usize,
    pub(super) seed: u64,
    /// Earlier bytes of the direction pass whole.
    pub(super) from: u64,
}

/// When something happens. Bytes are counted from 0, in one direction, from the connection's first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// When this byte of the client's is about to pass.
    Sent(u64),
    /// When this byte of the server's is about to pass.
    Received(u64),
    /// When the server's answer of this number, from 1, is about to pass: the first bytes that it sends after
    /// it was sent some. It has done what it was asked by then, if it answers after its work.
    Answer(u64),
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Both ends get RST.
    Reset,
    /// Both ends get FIN.
    Close,
    /// Nothing more passes in this direction: for ever, or for this time.
    Stall(Option<Duration>),
    /// This bit of the byte, 0 to 7, is another one. Of an answer it is the first byte.
    Flip(u8),
}

impl Script {
    /// One thing happens.
    pub fn at(at: At, effect: Effect) -> Self {
        Self::default().and(at, effect)
    }

    /// Another thing happens as well.
    #[must_use]
    pub fn and(mut self, at: At, effect: Effect) -> Self {
        self.faults.push((at, effect));
        self
    }

    /// The connection is accepted, and nothing ever passes.
    pub fn blackhole() -> Self {
        Self::at(At::Sent(0), Effect::Stall(None)).and(At::Received(0), Effect::Stall(None))
    }

    /// What the request of this number, from 1, asks for is done, and its answer is lost with the connection.
    pub fn lose_answer(number: u64) -> Self {
        Self::at(At::Answer(number), Effect::Reset)
    }

    /// Bytes pass in slices of 1 to `longest` at a time, both ways; the seed says which.
    pub fn sliced(longest: usize, seed: u64) -> Self {
        Self::sliced_from(0, longest, seed)
    }

    /// The same from this byte of each direction on.
    pub fn sliced_from(from: u64, longest: usize, seed: u64) -> Self {
        Self { slices: Some(Slices { longest: longest.max(1), seed, from }), ..Self::default() }
    }

    pub(super) fn faults(&self) -> &[(At, Effect)] {
        &self.faults
    }

    pub(super) fn slices(&self) -> Option<Slices> {
        self.slices
    }
}
