//! The frame of an object container file: its header, and where its blocks are.

use ropeway_engine::{Error, ErrorKind, Result};

use super::codec::Codec;
use crate::format::Input;

const MAGIC: &[u8; 4] = b"Obj\x01";
const SCHEMA: &str = "avro.schema";
const CODEC: &str = "avro.codec";
/// Bytes of a header at most.
const LONGEST_HEADER: u64 = 16 << 20;
/// Bytes of a marker.
const MARKER: usize = 16;

/// What the header of a file says.
#[derive(Clone, Debug)]
pub(super) struct Container {
    pub(super) schema: Vec<u8>,
    pub(super) codec: Codec,
    marker: [u8; MARKER],
    /// Where the first block begins.
    pub(super) first: u64,
}

/// A block in its file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) rows: u64,
    /// Where its bytes begin.
    pub(super) start: u64,
    pub(super) bytes: u64,
}

impl Block {
    /// Where the next one begins.
    pub(super) fn end(self) -> u64 {
        self.start + self.bytes + MARKER as u64
    }
}

impl Container {
    /// A container whose marker is made of the schema.
    pub(super) fn new(schema: String, codec: Codec) -> Result<Self> {
        let mut marker = [0; MARKER];
        marker.copy_from_slice(&blake3::hash(schema.as_bytes()).as_bytes()[..MARKER]);
        let mut container = Self { schema: schema.into_bytes(), codec, marker, first: 0 };
        container.first = container.header().len() as u64;
        Ok(container)
    }

    /// The header of a file.
    ///
    /// # Errors
    /// A file that is no container, or whose codec is not known.
    pub(super) fn open(file: &Input) -> Result<Self> {
        let mut head = Head { file, place: 0 };
        if head.bytes(4)? != MAGIC {
            return Err(damaged("it does not begin like one"));
        }
        let (mut schema, mut codec) = (None, Codec::Null);
        loop {
            let count = head.long()?;
            if count == 0 {
                break;
            }
            if count < 0 {
                head.long()?;
            }
            for _ in 0..count.unsigned_abs() {
                let (key, value) = (head.text()?, head.text()?);
                if head.place > LONGEST_HEADER {
                    return Err(damaged("its header is longer than 16 MiB"));
                }
                match key.as_slice() {
                    key if key == SCHEMA.as_bytes() => schema = Some(value),
                    key if key == CODEC.as_bytes() => {
                        codec = Codec::named(&value).ok_or_else(|| {
                            Error::new(
                                ErrorKind::Data,
                                "the codec of an Avro file is not null, deflate, snappy, zstandard or bzip2; write it anew with one of them",
                            )
                            .with("codec", String::from_utf8_lossy(&value).escape_debug())
                        })?;
                    }
                    _ => {}
                }
            }
        }
        let mut marker = [0; MARKER];
        marker.copy_from_slice(&head.bytes(MARKER)?);
        let schema = schema.ok_or_else(|| damaged("it has no schema"))?;
        Ok(Self { schema, codec, marker, first: head.place })
    }

    /// The bytes before the first block.
    pub(super) fn header(&self) -> Vec<u8> {
        self.header_with(self.codec)
    }

    pub(super) fn header_with(&self, codec: Codec) -> Vec<u8> {
        let mut header = MAGIC.to_vec();
        header.extend(long(2));
        for bytes in [SCHEMA.as_bytes(), &self.schema, CODEC.as_bytes(), codec.name().as_bytes()] {
            header.extend(long(bytes.len() as i64));
            header.extend_from_slice(bytes);
        }
        header.extend(long(0));
        header.extend_from_slice(&self.marker);
        header
    }

    /// Frames a block.
    pub(super) fn frame(&self, rows: u64, block: &[u8], into: &mut Vec<u8>) {
        into.extend(long(rows as i64));
        into.extend(long(block.len() as i64));
        into.extend_from_slice(block);
        into.extend_from_slice(&self.marker);
    }

    /// The block that begins here; `None` at the end of the file.
    ///
    /// # Errors
    /// No whole block begins here.
    pub(super) fn block(&self, file: &Input, place: u64) -> Result<Option<Block>> {
        if place == file.length() {
            return Ok(None);
        }
        let mut head = Head { file, place };
        let (rows, bytes) = (head.long()?, head.long()?);
        let (Ok(rows), Ok(bytes)) = (u64::try_from(rows), u64::try_from(bytes)) else {
            return Err(damaged("a block has a negative size"));
        };
        let block = Block { rows, start: head.place, bytes };
        if bytes > file.length() || block.end() > file.length() {
            return Err(damaged("it ends within a block; check whether it was cut off"));
        }
        let mut marker = [0; MARKER];
        if file.fill(block.end() - MARKER as u64, &mut marker).map_err(unreadable)? < MARKER || marker != self.marker {
            return Err(damaged("the marker behind a block is another one than in the header"));
        }
        Ok(Some(block))
    }
}

/// A place in the head of a file or block.
struct Head<'a> {
    file: &'a Input,
    place: u64,
}

impl Head<'_> {
    fn bytes(&mut self, count: usize) -> Result<Vec<u8>> {
        // A length that a damaged file claims is not allocated before it is checked.
        let left = self.file.length().saturating_sub(self.place);
        if count as u64 > left.min(LONGEST_HEADER) {
            return Err(damaged("its header or a block is cut off"));
        }
        let mut bytes = vec![0; count];
        if self.file.fill(self.place, &mut bytes).map_err(unreadable)? < count {
            return Err(damaged("it became shorter"));
        }
        self.place += count as u64;
        Ok(bytes)
    }

    fn text(&mut self) -> Result<Vec<u8>> {
        let length = usize::try_from(self.long()?).map_err(|_| damaged("a length in its header is negative"))?;
        self.bytes(length)
    }

    /// A whole number, seven bits a byte, the sign in the last one.
    fn long(&mut self) -> Result<i64> {
        let mut bytes = [0; 10];
        let read = self.file.fill(self.place, &mut bytes).map_err(unreadable)?;
        let mut number = 0_u64;
        for (position, byte) in bytes[..read].iter().enumerate() {
            number |= u64::from(byte & 0x7F) << (7 * position).min(63);
            if byte & 0x80 == 0 {
                self.place += position as u64 + 1;
                return Ok((number >> 1) as i64 ^ -((number & 1) as i64));
            }
        }
        Err(damaged("a number in it has no end"))
    }
}

fn long(number: i64) -> Vec<u8> {
    let mut left = ((number << 1) ^ (number >> 63)) as u64;
    let mut bytes = Vec::new();
    while left >= 0x80 {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
    bytes
}

fn unreadable(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "the file cannot be read; see the cause").caused_by(error)
}

pub(super) fn damaged(how: &'static str) -> Error {
    Error::new(
        ErrorKind::Data,
        format!("this is no sound Avro file: {how}; check the file, or the type of the dataset"),
    )
    .code("AvroInvalidFile")
}
