//! A client that sends what it is told, right or wrong: no other client breaks the protocol on purpose.

use super::clients::PASSWORD;
use ropeway_tests::sql_server::{Encryption, Options, Server};
use std::io::{self, Read, Write};
use std::net::TcpStream;

/// The default collation as it travels.
pub(crate) const COLLATION: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 0x34];
pub(crate) const BATCH: u8 = 0x01;
pub(crate) const ATTENTION: u8 = 0x06;
pub(crate) const BULK: u8 = 0x07;
pub(crate) const TRANSACTION: u8 = 0x0E;
const PACKET: usize = 4096;

/// A server without TLS, with these tables.
pub(crate) fn plain_server(tables: &str) -> Server {
    let server = Server::start_with(Options { encryption: Encryption::NotSupported, ..Options::default() }).unwrap();
    server.execute("sales", tables).unwrap();
    server
}

pub(crate) struct Raw {
    pub(crate) tcp: TcpStream,
    /// Sent in ALL_HEADERS; follows the server's ENVCHANGE.
    pub(crate) descriptor: u64,
}

/// What a response of no rows says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Number and class of every ERROR and INFO.
    pub(crate) messages: Vec<(i32, u8)>,
    /// Types of every ENVCHANGE.
    pub(crate) changes: Vec<u8>,
    /// Status, command and count of every DONE, DONEPROC and DONEINPROC.
    pub(crate) done: Vec<(u16, u16, u64)>,
}

impl Answer {
    pub(crate) fn errors(&self) -> Vec<i32> {
        self.messages.iter().filter(|(_, class)| *class > 10).map(|(number, _)| *number).collect()
    }
}

impl Raw {
    pub(crate) fn log_in(server: &Server) -> Raw {
        let tcp = TcpStream::connect(server.address).unwrap();
        let mut raw = Raw { tcp, descriptor: 0 };
        let mut hello = vec![0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF];
        hello.extend([0, 0, 0, 0, 0, 0, 2]);
        raw.send(0x12, 1, &hello);
        raw.message().unwrap();
        raw.send(0x10, 1, &login());
        assert_eq!(raw.answer().errors(), Vec::<i32>::new());
        raw
    }

    /// One message; a status beyond END_OF_MESSAGE belongs to its first packet.
    pub(crate) fn send(&mut self, kind: u8, status: u8, body: &[u8]) {
        let chunks: Vec<&[u8]> = if body.is_empty() { vec![&[]] } else { body.chunks(PACKET - 8).collect() };
        for (index, chunk) in chunks.iter().enumerate() {
            let last = u8::from(index + 1 == chunks.len());
            let first = if index == 0 { status & !1 } else { 0 };
            self.packet(kind, first | last, chunk);
        }
    }

    pub(crate) fn packet(&mut self, kind: u8, status: u8, body: &[u8]) {
        let mut packet = vec![kind, status];
        packet.extend(((body.len() + 8) as u16).to_be_bytes());
        packet.extend([0, 0, 1, 0]);
        packet.extend_from_slice(body);
        // A server that has closed is found out when the answer is read.
        let _ = self.tcp.write_all(&packet);
    }

    /// Sends a batch.
    pub(crate) fn batch_with(&mut self, status: u8, text: &str) -> Answer {
        let body = [self.headers(), wide(text)].concat();
        self.send(BATCH, status, &body);
        self.answer()
    }

    pub(crate) fn batch(&mut self, text: &str) -> Answer {
        self.batch_with(1, text)
    }

    /// A transaction manager request.
    pub(crate) fn transaction(&mut self, request: u16, rest: &[u8]) -> Answer {
        let body = [self.headers(), request.to_le_bytes().to_vec(), rest.to_vec()].concat();
        self.send(TRANSACTION, 1, &body);
        self.answer()
    }

    /// INSERT BULK, then its data.
    pub(crate) fn load(&mut self, statement: &str, data: &[u8]) -> Answer {
        let announced = self.batch(statement);
        assert_eq!(announced.errors(), Vec::<i32>::new(), "{statement}");
        self.send(BULK, 1, data);
        self.answer()
    }

    fn headers(&self) -> Vec<u8> {
        let mut headers = vec![22, 0, 0, 0, 18, 0, 0, 0, 2, 0];
        headers.extend(self.descriptor.to_le_bytes());
        headers.extend([1, 0, 0, 0]);
        headers
    }

    fn message(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut header = [0; 8];
            self.tcp.read_exact(&mut header)?;
            let start = body.len();
            body.resize(start + usize::from(u16::from_be_bytes([header[2], header[3]])) - 8, 0);
            self.tcp.read_exact(&mut body[start..])?;
            if header[1] & 1 != 0 {
                return Ok(body);
            }
        }
    }

    pub(crate) fn answer(&mut self) -> Answer {
        self.try_answer().unwrap()
    }

    pub(crate) fn try_answer(&mut self) -> io::Result<Answer> {
        let body = self.message()?;
        let mut answer = Answer::default();
        let mut at = 0;
        let u16_at = |at: usize| u16::from_le_bytes([body[at], body[at + 1]]);
        while at < body.len() {
            let token = body[at];
            match token {
                0xFD..=0xFF => {
                    let rows = u64::from_le_bytes(body[at + 5..at + 13].try_into().unwrap());
                    answer.done.push((u16_at(at + 1), u16_at(at + 3), rows));
                    at += 13;
                    continue;
                }
                0x79 => {
                    at += 5;
                    continue;
                }
                0xAE => at += body[at..].iter().position(|byte| *byte == 0xFF).unwrap() + 1,
                0xAA | 0xAB => {
                    let number = i32::from_le_bytes(body[at + 3..at + 7].try_into().unwrap());
                    answer.messages.push((number, body[at + 8]));
                }
                0xE3 => {
                    answer.changes.push(body[at + 3]);
                    match body[at + 3] {
                        8 => self.descriptor = u64::from_le_bytes(body[at + 5..at + 13].try_into().unwrap()),
                        9 | 10 => self.descriptor = 0,
                        _ => {}
                    }
                }
                0xAD => {}
                other => panic!("token 0x{other:02X} in a response that should have no rows"),
            }
            at += 3 + usize::from(u16_at(at + 1));
        }
        Ok(answer)
    }
}

pub(crate) fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn login() -> Vec<u8> {
    let password: Vec<u8> = wide(PASSWORD).into_iter().map(|byte| byte.rotate_left(4) ^ 0xA5).collect();
    let fields =
        [Vec::new(), wide("sa"), password, wide("raw"), Vec::new(), Vec::new(), Vec::new(), Vec::new(), wide("sales")];
    let (mut table, mut data) = (Vec::new(), Vec::new());
    for field in fields {
        table.extend(((94 + data.len()) as u16).to_le_bytes());
        table.extend(((field.len() / 2) as u16).to_le_bytes());
        data.extend(field);
    }
    let mut body = 0x7400_0004_u32.to_le_bytes().to_vec();
    body.extend((PACKET as u32).to_le_bytes());
    body.extend([0; 12]);
    body.extend([0; 4]);
    body.extend([0; 8]);
    body.extend(table);
    body.resize(90, 0);
    body.extend(data);
    let mut whole = ((body.len() + 4) as u32).to_le_bytes().to_vec();
    whole.extend(body);
    whole
}
