//! LOGIN7 (MS-TDS 2.2.6.4): fixed part, offsets, features.

use super::protocol::Violation;
use super::reader::{Reader, utf16};

const FIXED: usize = 94;
const TDS_73: u32 = 0x730B_0003;
const TDS_74: u32 = 0x7400_0004;
const TDS_8: u32 = 0x0800_0000;

/// What a client says to log in. The password stays here and is never shown.
pub(super) struct Login {
    pub(super) version: u32,
    pub(super) packet_size: u32,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) database: String,
    pub(super) application: String,
    /// Windows authentication or an Entra token was offered instead of a password.
    pub(super) integrated: bool,
    pub(super) federated: bool,
    pub(super) wants_features: bool,
    /// Feature ids of FEATUREEXT, in the order sent.
    pub(super) features: Vec<u8>,
}

impl Login {
    pub(super) fn parse(body: &[u8], strict: bool) -> Result<Login, Violation> {
        let mut fixed = Reader::new(body);
        if fixed.u32()? as usize != body.len() {
            return Err(Violation::new("LOGIN7 tells a wrong length"));
        }
        let version = fixed.u32()?;
        if !(matches!(version, TDS_73 | TDS_74) || strict && version == TDS_8) {
            return Err(Violation::new(format!("TDS version 0x{version:08X}")));
        }
        let packet_size = fixed.u32()?;
        fixed.bytes(12)?;
        let [_, flags2, _, flags3] = fixed.array()?;
        fixed.bytes(8)?;
        let text = |index: usize| -> Result<String, Violation> { utf16(field(body, index, 2)?) };
        let password = decode_password(field(body, 2, 2)?)?;
        let mut features = Vec::new();
        let mut federated = false;
        if flags3 & 0x10 != 0 {
            let pointer = field(body, 5, 1)?;
            let offset =
                u32::from_le_bytes(pointer.try_into().map_err(|_| Violation::new("FEATUREEXT without its offset"))?);
            let list = body.get(offset as usize..).ok_or(Violation::new("FEATUREEXT points behind LOGIN7"))?;
            let mut list = Reader::new(list);
            loop {
                let feature = list.u8()?;
                if feature == 0xFF {
                    break;
                }
                let length = list.u32()? as usize;
                list.bytes(length)?;
                federated |= feature == 0x02;
                features.push(feature);
            }
        }
        Ok(Login {
            version,
            wants_features: flags3 & 0x10 != 0,
            packet_size,
            user: text(1)?,
            password,
            application: text(3)?,
            database: text(8)?,
            integrated: flags2 & 0x80 != 0,
            federated,
            features,
        })
    }
}

/// The bytes of one of the variable fields: host 0, user 1, password 2, application 3, server 4, extension 5, interface 6,
/// language 7, database 8.
fn field(body: &[u8], index: usize, unit: usize) -> Result<&[u8], Violation> {
    let mut entry = Reader::new(body.get(36 + index * 4..).ok_or(Violation::new("LOGIN7 is too short"))?);
    let (offset, length) = (usize::from(entry.u16()?), usize::from(entry.u16()?) * unit);
    if length == 0 {
        return Ok(&[]);
    }
    if offset < FIXED {
        return Err(Violation::new("a LOGIN7 field points into the fixed part"));
    }
    body.get(offset..offset + length).ok_or(Violation::new("a LOGIN7 field points behind the message"))
}

/// Every byte has its halves swapped and is XORed with 0xA5.
fn decode_password(bytes: &[u8]) -> Result<String, Violation> {
    let plain: Vec<u8> = bytes.iter().map(|byte| (byte ^ 0xA5).rotate_left(4)).collect();
    utf16(&plain)
}
