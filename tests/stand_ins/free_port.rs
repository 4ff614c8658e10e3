//! Ports for servers that want to be told theirs.

use std::{
    hash::{BuildHasher as _, RandomState},
    net::TcpListener,
};

/// Below those that systems give to whoever asks for any port, so that nobody comes in between.
const FIRST: u64 = 20_000;
const COUNT: u64 = 12_000;

/// A port of this machine at which nobody listens.
///
/// # Panics
/// If all ports that were tried are taken.
pub fn free_port() -> u16 {
    let random = || RandomState::new().hash_one(());
    let ports = std::iter::repeat_with(|| u16::try_from(FIRST + random() % COUNT).expect("a port"));
    ports.take(100).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("one of 100 ports is free")
}
