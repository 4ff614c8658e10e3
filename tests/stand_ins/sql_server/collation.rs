//! Collations: five bytes on the wire, a code page for `char` and `varchar`, an order for comparisons.

use super::SqlError;
use encoding_rs::{EUC_KR, Encoding, GBK, SHIFT_JIS, UTF_8, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252};
use std::cmp::Ordering;

/// One collation that the stand-in knows.
#[derive(Debug, PartialEq, Eq)]
pub struct Collation {
    /// Name as in `COLLATE`.
    pub name: &'static str,
    /// LCID, flags, version and sort id as MS-TDS 2.2.5.1.2 packs them.
    pub wire: [u8; 5],
    order: Order,
    code_page: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    IgnoreCase,
    MindCase,
    CodePoint,
}

/// The collation of every database of the stand-in.
pub(super) static DEFAULT: &Collation = &COLLATIONS[0];

static COLLATIONS: &[Collation] = &[
    known("SQL_Latin1_General_CP1_CI_AS", [0x09, 0x04, 0xD0, 0x00, 0x34], Order::IgnoreCase, 1252),
    known("Latin1_General_CI_AS", [0x09, 0x04, 0xD0, 0x00, 0x00], Order::IgnoreCase, 1252),
    known("Latin1_General_CS_AS", [0x09, 0x04, 0xC0, 0x00, 0x00], Order::MindCase, 1252),
    known("Latin1_General_BIN2", [0x09, 0x04, 0x00, 0x02, 0x00], Order::CodePoint, 1252),
    known("Latin1_General_100_CI_AS", [0x09, 0x04, 0xD0, 0x20, 0x00], Order::IgnoreCase, 1252),
    known("Latin1_General_100_BIN2", [0x09, 0x04, 0x00, 0x22, 0x00], Order::CodePoint, 1252),
    known("Latin1_General_100_CI_AS_SC_UTF8", [0x09, 0x04, 0xD0, 0x24, 0x00], Order::IgnoreCase, 65001),
    known("Latin1_General_100_BIN2_UTF8", [0x09, 0x04, 0x00, 0x26, 0x00], Order::CodePoint, 65001),
    known("Polish_CI_AS", [0x15, 0x04, 0xD0, 0x00, 0x00], Order::IgnoreCase, 1250),
    known("Cyrillic_General_CI_AS", [0x19, 0x04, 0xD0, 0x00, 0x00], Order::IgnoreCase, 1251),
    known("Japanese_CI_AS", [0x11, 0x04, 0xD0, 0x00, 0x00], Order::IgnoreCase, 932),
    known("Chinese_PRC_CI_AS", [0x04, 0x08, 0xD0, 0x00, 0x00], Order::IgnoreCase, 936),
    known("Korean_Wansung_CI_AS", [0x12, 0x04, 0xD0, 0x00, 0x00], Order::IgnoreCase, 949),
];

const fn known(name: &'static str, wire: [u8; 5], order: Order, code_page: u16) -> Collation {
    Collation { name, wire, order, code_page }
}

impl Collation {
    /// All collations, for registering their orders with SQLite.
    pub(super) fn all() -> &'static [Collation] {
        COLLATIONS
    }

    /// The collation of this name, or error 448.
    pub(super) fn named(name: &str) -> Result<&'static Collation, SqlError> {
        COLLATIONS
            .iter()
            .find(|known| known.name.eq_ignore_ascii_case(name))
            .ok_or_else(|| SqlError::new(448, 16, format!("Invalid collation '{name}'.")))
    }

    /// The collation with these five bytes.
    pub(super) fn from_wire(wire: [u8; 5]) -> Option<&'static Collation> {
        COLLATIONS.iter().find(|known| known.wire == wire)
    }

    /// Whether comparisons mind case: a flag in COLMETADATA.
    pub(super) fn minds_case(&self) -> bool {
        self.order != Order::IgnoreCase
    }

    /// Text in the code page. A character that the page lacks becomes `?`, as the server does it.
    pub(super) fn encode(&self, text: &str) -> Vec<u8> {
        let encoding = self.encoding();
        if encoding == UTF_8 {
            return text.as_bytes().to_vec();
        }
        let mut bytes = Vec::with_capacity(text.len());
        let mut buffer = [0_u8; 4];
        for character in text.chars() {
            let (encoded, _, unmappable) = encoding.encode(character.encode_utf8(&mut buffer));
            bytes.extend_from_slice(if unmappable { b"?" } else { &encoded });
        }
        bytes
    }

    /// Text from bytes of the code page.
    pub(super) fn decode(&self, bytes: &[u8]) -> String {
        self.encoding().decode_without_bom_handling(bytes).0.into_owned()
    }

    fn encoding(&self) -> &'static Encoding {
        match self.code_page {
            932 => SHIFT_JIS,
            936 => GBK,
            949 => EUC_KR,
            1250 => WINDOWS_1250,
            1251 => WINDOWS_1251,
            65001 => UTF_8,
            _ => WINDOWS_1252,
        }
    }

    /// Trailing blanks never count in T-SQL comparisons.
    pub(super) fn compare(&self, left: &str, right: &str) -> Ordering {
        let (left, right) = (left.trim_end_matches(' '), right.trim_end_matches(' '));
        match self.order {
            Order::CodePoint => left.encode_utf16().cmp(right.encode_utf16()),
            Order::IgnoreCase => folded(left).cmp(folded(right)),
            Order::MindCase => folded(left).cmp(folded(right)).then_with(|| right.cmp(left)),
        }
    }
}

/// Upper case, with accented Latin letters sorted behind their base letter.
fn folded(text: &str) -> impl Iterator<Item = (char, char)> {
    text.chars().flat_map(char::to_uppercase).map(|letter| (base_letter(letter), letter))
}

fn base_letter(letter: char) -> char {
    match letter {
        'À'..='Æ' => 'A',
        'Ç' => 'C',
        'È'..='Ë' => 'E',
        'Ì'..='Ï' => 'I',
        'Ñ' => 'N',
        'Ò'..='Ö' | 'Ø' => 'O',
        'Ù'..='Ü' => 'U',
        'Ý' => 'Y',
        other => other,
    }
}
