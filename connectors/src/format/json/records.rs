//! Finds the objects of a JSON file, however they stand in it, without holding more than one of them.

use ropeway_engine::{Error, ErrorKind, Result};

use crate::format::{
    hierarchy::{LONGEST_RECORD, Records},
    text_input::TextInput,
};

/// The objects of a file.
pub(in crate::format) struct JsonRecords {
    input: TextInput,
    text: String,
    /// Bytes of `text` that are done with.
    consumed: usize,
    place: Place,
}

/// Where the reader stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between values at the top of the file.
    Top,
    /// Behind the bracket of an array.
    First,
    /// Behind an element of an array.
    Behind,
    /// Behind a comma in an array.
    Next,
}

/// What a value looks like so far.
#[derive(Clone, Copy, Default)]
struct Scan {
    looked_at: usize,
    depth: usize,
    in_text: bool,
    escaped: bool,
}

impl JsonRecords {
    pub(in crate::format) fn new(input: TextInput) -> Self {
        Self { input, text: String::new(), consumed: 0, place: Place::Top }
    }

    fn rest(&self) -> &str {
        &self.text[self.consumed..]
    }

    fn fill(&mut self) -> Result<()> {
        self.text.drain(..self.consumed);
        self.consumed = 0;
        self.input.fill(&mut self.text)
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Result<Option<u8>> {
        loop {
            let blank = self.rest().bytes().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
            self.consumed += blank;
            match self.rest().bytes().next() {
                Some(byte) => return Ok(Some(byte)),
                None if self.input.ended() => return Ok(None),
                None => self.fill()?,
            }
        }
    }

    /// The length of the object that begins here.
    fn object(&mut self) -> Result<usize> {
        let mut scan = Scan::default();
        loop {
            if let Some(length) = scan.end(self.rest().as_bytes()) {
                return Ok(length);
            }
            if self.rest().len() > LONGEST_RECORD {
                return Err(bad("an object is longer than can be read; write its rows as objects of their own")
                    .with("limit in bytes", LONGEST_RECORD));
            }
            if self.input.ended() {
                return Err(bad("the file ends within an object; check whether it was cut off"));
            }
            self.fill()?;
        }
    }
}

impl Records for JsonRecords {
    fn next(&mut self, text: &mut String) -> Result<bool> {
        loop {
            let next = self.peek()?;
            self.place = match (self.place, next) {
                (Place::Top, None) => return Ok(false),
                (Place::Top | Place::First | Place::Next, Some(b'{')) => {
                    let length = self.object()?;
                    text.push_str(&self.rest()[..length]);
                    self.consumed += length;
                    if self.place != Place::Top {
                        self.place = Place::Behind;
                    }
                    return Ok(true);
                }
                (Place::Top, Some(b'[')) => Place::First,
                (Place::First | Place::Behind, Some(b']')) => Place::Top,
                (Place::Behind, Some(b',')) => Place::Next,
                (_, None) => return Err(bad("the file ends within an array; check whether it was cut off")),
                (Place::Behind, Some(_)) => return Err(bad("an array has no comma between two of its objects")),
                (_, Some(_)) => {
                    return Err(bad("something else stands where an object is expected; a row is a JSON object"));
                }
            };
            self.consumed += 1;
        }
    }
}

impl Scan {
    /// The end of the value, if these bytes hold it; they are those of the last time and more.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (offset, byte) in bytes[self.looked_at..].iter().enumerate() {
            if self.in_text {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_text = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(self.looked_at + offset + 1);
                    }
                }
                _ => {}
            }
        }
        self.looked_at = bytes.len();
        None
    }
}

fn bad(message: &'static str) -> Error {
    Error::new(ErrorKind::Data, message).code("JsonInvalidDataFormat")
}
