//! Code pages of one byte a character that only old machines have.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::LazyLock,
};

/// `make.py` wrote it.
static PAGES: LazyLock<Vec<CodePage>> = LazyLock::new(|| {
    // The test of this file reads what is compiled in.
    let tables: BTreeMap<String, String> = serde_json::from_str(include_str!("code_pages.json")).unwrap_or_default();
    tables.into_iter().map(|(name, table)| CodePage::new(name, &table)).collect()
});

/// A code page.
pub(crate) struct CodePage {
    name: String,
    /// The character of every byte; `None` if it has none.
    characters: Vec<Option<char>>,
    bytes: HashMap<char, u8>,
}

impl CodePage {
    /// The page of this name, also where its number has other zeros in front.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        let plain = |name: &str| {
            let name = name.to_ascii_uppercase().replace("CP", "IBM");
            name.replace("IBM00", "IBM").replace("IBM0", "IBM")
        };
        PAGES.iter().find(|page| plain(&page.name) == plain(name))
    }

    fn new(name: String, table: &str) -> Self {
        let characters: Vec<_> = table.chars().map(|c| Some(c).filter(|c| *c != char::REPLACEMENT_CHARACTER)).collect();
        let mut bytes = HashMap::new();
        for (byte, c) in (0..=u8::MAX).zip(&characters) {
            if let Some(c) = c {
                bytes.entry(*c).or_insert(byte);
            }
        }
        Self { name, characters, bytes }
    }

    pub(super) fn encode(&self, text: &str) -> Result<Vec<u8>, char> {
        text.chars().map(|c| self.bytes.get(&c).copied().ok_or(c)).collect()
    }

    /// Adds the text of some bytes; `None` if one has no character.
    pub(super) fn decode(&self, bytes: &[u8], text: &mut String) -> Option<()> {
        for byte in bytes {
            text.push((*self.characters.get(usize::from(*byte))?)?);
        }
        Some(())
    }
}

impl PartialEq for CodePage {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for CodePage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_a_character_for_its_bytes_and_back() {
        assert_eq!(PAGES.len(), 30);
        for page in PAGES.iter() {
            assert_eq!(page.characters.len(), 256, "{page:?}");
            for (byte, c) in (0..=u8::MAX).zip(&page.characters) {
                let Some(c) = c else { continue };
                let again = page.encode(&c.to_string()).unwrap();
                assert_eq!(page.characters[usize::from(again[0])], Some(*c), "{page:?} {byte}");
            }
        }
        assert!(CodePage::named("IBM037").unwrap().encode("A1 é\n").unwrap() == [0xC1, 0xF1, 0x40, 0x51, 0x25]);
        assert_eq!(CodePage::named("ibm01140").unwrap().encode("€"), Ok(vec![0x9F]));
        assert_eq!(CodePage::named("IBM437").unwrap().encode("€"), Err('€'));
    }
}
