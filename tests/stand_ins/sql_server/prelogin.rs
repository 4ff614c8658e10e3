//! PRELOGIN (MS-TDS 2.2.6.5): who speaks, and how much of it is encrypted.

use super::Encryption;
use super::protocol::Violation;
use super::reader::Reader;

const VERSION: u8 = 0;
const ENCRYPTION: u8 = 1;
const INSTANCE: u8 = 2;
const THREAD: u8 = 3;
const MARS: u8 = 4;
const TRACE: u8 = 5;
const FEDERATION: u8 = 6;
const TERMINATOR: u8 = 0xFF;

/// ENCRYPT_OFF, ENCRYPT_ON, ENCRYPT_NOT_SUP, ENCRYPT_REQ of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    LoginOnly,
    On,
    NotSupported,
    Required,
}

/// What both sides do after PRELOGIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agreed {
    Plain,
    LoginOnly,
    Everything,
    /// The server ends the connection: it demands encryption that the client lacks, or the other way round.
    Nothing,
}

/// The options of a client that decide something here.
#[derive(Debug)]
pub(super) struct Prelogin {
    pub(super) encryption: Wish,
    pub(super) wants_federation: bool,
}

impl Prelogin {
    pub(super) fn parse(body: &[u8]) -> Result<Prelogin, Violation> {
        let mut table = Reader::new(body);
        let (mut encryption, mut wants_federation, mut last) = (None, false, None);
        loop {
            let token = table.u8()?;
            if token == TERMINATOR {
                break;
            }
            if last.is_none() && token != VERSION {
                return Err(Violation::new("VERSION is not the first PRELOGIN option"));
            }
            let (offset, length) = (u16::from_be_bytes(table.array()?), u16::from_be_bytes(table.array()?));
            let data = body
                .get(usize::from(offset)..usize::from(offset) + usize::from(length))
                .ok_or(Violation::new("a PRELOGIN option points behind the message"))?;
            match (token, data) {
                (VERSION, data) if data.len() == 6 => {}
                (ENCRYPTION, [wish]) => encryption = Some(parse_wish(*wish)?),
                (INSTANCE, data) if data.last() == Some(&0) => {}
                (THREAD, data) if matches!(data.len(), 0 | 4) => {}
                (MARS, [0 | 1]) => {}
                (TRACE, data) if matches!(data.len(), 0 | 36) => {}
                (FEDERATION, [wish @ (0 | 1)]) => wants_federation = *wish == 1,
                (7, data) if data.len() == 32 => {}
                _ => return Err(Violation::new(format!("PRELOGIN option {token} of {} bytes", data.len()))),
            }
            last = Some(token);
        }
        let encryption = encryption.ok_or(Violation::new("PRELOGIN without ENCRYPTION"))?;
        Ok(Prelogin { encryption, wants_federation })
    }

    /// The table of MS-TDS 2.2.6.5.
    pub(super) fn agree(&self, server: Encryption) -> Agreed {
        match (server, self.encryption) {
            (Encryption::NotSupported, Wish::LoginOnly | Wish::NotSupported) => Agreed::Plain,
            (Encryption::NotSupported, Wish::On | Wish::Required) => Agreed::Nothing,
            (Encryption::LoginOnly, Wish::NotSupported) => Agreed::Plain,
            (Encryption::LoginOnly, Wish::LoginOnly) => Agreed::LoginOnly,
            (Encryption::Required, Wish::NotSupported) => Agreed::Nothing,
            (Encryption::LoginOnly | Encryption::Required, _) => Agreed::Everything,
        }
    }

    /// The server's PRELOGIN: version 16.0.4135 (SQL Server 2022).
    pub(super) fn answer(&self, server: Encryption) -> Vec<u8> {
        let encryption = match (server, self.encryption) {
            (Encryption::NotSupported, _) => 0x02,
            (Encryption::LoginOnly, Wish::LoginOnly) => 0x00,
            (Encryption::LoginOnly, Wish::NotSupported) => 0x02,
            (Encryption::LoginOnly, _) => 0x01,
            (Encryption::Required, Wish::On) => 0x01,
            (Encryption::Required, _) => 0x03,
        };
        let mut options: Vec<(u8, Vec<u8>)> = vec![
            (VERSION, vec![16, 0, 0x10, 0x27, 0, 0]),
            (ENCRYPTION, vec![encryption]),
            (INSTANCE, vec![0]),
            (THREAD, vec![]),
            (MARS, vec![0]),
        ];
        if self.wants_federation {
            options.push((FEDERATION, vec![0]));
        }
        let mut offset = options.len() * 5 + 1;
        let (mut table, mut data) = (Vec::new(), Vec::new());
        for (token, value) in options {
            table.push(token);
            table.extend((offset as u16).to_be_bytes());
            table.extend((value.len() as u16).to_be_bytes());
            offset += value.len();
            data.extend(value);
        }
        table.push(TERMINATOR);
        table.extend(data);
        table
    }
}

fn parse_wish(byte: u8) -> Result<Wish, Violation> {
    match byte {
        0x00 => Ok(Wish::LoginOnly),
        0x01 => Ok(Wish::On),
        0x02 => Ok(Wish::NotSupported),
        0x03 => Ok(Wish::Required),
        _ => Err(Violation::new(format!("PRELOGIN ENCRYPTION 0x{byte:02X}"))),
    }
}
