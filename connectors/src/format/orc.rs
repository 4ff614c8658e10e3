//! ORC files, read stripe by stripe.
//!
//! `orc-rust` turns the streams of a stripe into columns; it believes what a file says of itself, and panics or allocates
//! where that is a lie. So the tail of a file and the footer of a stripe are read here, within limits, every block of a stripe
//! is unpacked once to see what it holds, and `orc-rust` is handed a file of that one stripe whose tail is ours.

mod blocks;
mod columns;
mod integers;
mod moments;
mod protobuf;
mod reader;
mod streams;
mod stripe;
mod tail;
mod values;

use ropeway_engine::{Error, ErrorKind};

pub(super) use self::reader::OrcFiles;

fn damaged(how: &'static str) -> Error {
    Error::new(ErrorKind::Data, format!("this is no sound ORC file: {how}; check the file, or the type of the dataset"))
        .code("OrcInvalidFile")
}

#[cfg(test)]
mod tests;
