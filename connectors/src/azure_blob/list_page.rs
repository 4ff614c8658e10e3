//! One page of List Blobs, from its XML.
//!
//! The client's own model knows no delimiter and trims names, and a blob whose name ends with a space is another blob.

use std::time::SystemTime;

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::DateTime;
use percent_encoding::percent_decode_str;
use quick_xml::{
    Reader,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
};

/// A page, and where the next one begins.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    pub(crate) next: Option<String>,
}

/// What stands in a page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Blob(Listed),
    /// What blobs share up to the delimiter, the delimiter included.
    Prefix(String),
}

/// A blob as a list describes it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) length: u64,
    pub(crate) modified: Option<SystemTime>,
    /// With its quotation marks, which lists leave out.
    pub(crate) etag: String,
    pub(crate) md5: Option<[u8; 16]>,
    /// True for what stands for a folder: that of an account with a hierarchical namespace, or one that a program left.
    pub(crate) is_folder: bool,
}

/// Why a page cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoPage;

impl Page {
    /// # Errors
    /// What is no such XML: a proxy's page, an answer that was cut off.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, NoPage> {
        let text = std::str::from_utf8(bytes).map_err(|_| NoPage)?;
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
        let (mut page, mut path, mut element) = (Self::default(), Vec::new(), Element::default());
        let mut is_whole = false;
        loop {
            match reader.read_event().map_err(|_| NoPage)? {
                Event::Start(start) => {
                    element = Element::of(&start)?;
                    if matches!(element.name.as_str(), "Blob" | "BlobPrefix") && path.len() == 2 {
                        page.items.push(if element.name == "Blob" {
                            Item::Blob(Listed::default())
                        } else {
                            Item::Prefix(String::new())
                        });
                    }
                    path.push(element.name.clone());
                }
                Event::Text(text) => element.text += &text.decode().map_err(|_| NoPage)?,
                Event::CData(text) => element.text += &text.decode().map_err(|_| NoPage)?,
                Event::GeneralRef(reference) => match reference.resolve_char_ref().map_err(|_| NoPage)? {
                    Some(character) => element.text.push(character),
                    None => {
                        let name = reference.decode().map_err(|_| NoPage)?;
                        element.text += resolve_predefined_entity(&name).ok_or(NoPage)?;
                    }
                },
                Event::End(_) => {
                    page.take(&path, &element)?;
                    path.pop();
                    element = Element::default();
                    is_whole |= path.is_empty();
                }
                // No list has a document type, and what entities it could define is nothing to try out.
                Event::DocType(_) => return Err(NoPage),
                Event::Eof => break,
                _ => {}
            }
        }
        if is_whole { Ok(page) } else { Err(NoPage) }
    }

    /// Takes the value of an element that ended.
    fn take(&mut self, path: &[String], element: &Element) -> Result<(), NoPage> {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match (path.as_slice(), self.items.last_mut()) {
            (["EnumerationResults", "NextMarker"], _) if !element.text.is_empty() => {
                self.next = Some(element.text.clone());
            }
            (["EnumerationResults", "Blobs", "BlobPrefix", "Name"], Some(Item::Prefix(prefix))) => {
                *prefix = element.name_text()?;
            }
            (["EnumerationResults", "Blobs", "Blob", rest @ ..], Some(Item::Blob(blob))) => blob.take(rest, element)?,
            _ => {}
        }
        Ok(())
    }
}

impl Listed {
    fn take(&mut self, path: &[&str], element: &Element) -> Result<(), NoPage> {
        let text = element.text.trim();
        match path {
            ["Name"] => self.name = element.name_text()?,
            ["Properties", "Content-Length"] => self.length = text.parse().map_err(|_| NoPage)?,
            ["Properties", "Last-Modified"] => {
                self.modified = DateTime::parse_from_rfc2822(text).ok().map(SystemTime::from);
            }
            ["Properties", "Etag"] if text.starts_with('"') || text.is_empty() => self.etag = text.to_owned(),
            ["Properties", "Etag"] => self.etag = format!("\"{text}\""),
            ["Properties", "Content-MD5"] => {
                self.md5 = BASE64_STANDARD.decode(text).ok().and_then(|md5| md5.try_into().ok());
            }
            ["Properties", "ResourceType"] => self.is_folder |= text == "directory",
            ["Metadata", name] if name.eq_ignore_ascii_case("hdi_isfolder") => self.is_folder |= text == "true",
            _ => {}
        }
        Ok(())
    }
}

/// An element whose text is being read.
#[derive(Default)]
struct Element {
    name: String,
    is_encoded: bool,
    text: String,
}

impl Element {
    fn of(start: &BytesStart<'_>) -> Result<Self, NoPage> {
        let name = std::str::from_utf8(start.name().into_inner()).map_err(|_| NoPage)?.to_owned();
        let encoded = start.try_get_attribute("Encoded").map_err(|_| NoPage)?;
        let is_encoded = encoded.is_some_and(|encoded| *encoded.value == *b"true");
        Ok(Self { name, is_encoded, text: String::new() })
    }

    /// Names with characters that XML has no place for are percent-encoded, and say so.
    fn name_text(&self) -> Result<String, NoPage> {
        if !self.is_encoded {
            return Ok(self.text.clone());
        }
        percent_decode_str(&self.text).decode_utf8().map(String::from).map_err(|_| NoPage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(blobs: &str) -> Result<Page, NoPage> {
        Page::parse(
            format!("\u{feff}<?xml version=\"1.0\"?><EnumerationResults ServiceEndpoint=\"https://x/\"><Prefix>a</Prefix><Blobs>{blobs}</Blobs><NextMarker>2!8</NextMarker></EnumerationResults>")
                .as_bytes(),
        )
    }

    #[test]
    fn a_page_has_blobs_and_prefixes_in_its_order() {
        let page = parse(
            "<Blob><Name>a/1 &amp; &#x41;&lt;.csv</Name><Deleted>false</Deleted><Properties><Last-Modified>Wed, 09 Sep 2009 09:20:02 GMT</Last-Modified>\
             <Etag>0x8CBFF45D8A29A19</Etag><Content-Length>1024</Content-Length><Content-MD5>kAFQmDzST7DWlj99KOF/cg==</Content-MD5></Properties><Metadata /></Blob>\
             <BlobPrefix><Name>a/b/</Name></BlobPrefix>",
        )
        .unwrap();
        assert_eq!(page.next.as_deref(), Some("2!8"));
        let [Item::Blob(blob), Item::Prefix(prefix)] = &page.items[..] else { panic!("{page:?}") };
        assert_eq!((blob.name.as_str(), blob.length, prefix.as_str()), ("a/1 & A<.csv", 1024, "a/b/"));
        assert_eq!(blob.etag, "\"0x8CBFF45D8A29A19\"");
        assert_eq!(blob.md5.unwrap()[..2], [0x90, 0x01]);
        assert_eq!(blob.modified, Some(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_252_488_002)));
    }

    #[test]
    fn names_keep_their_spaces_and_what_xml_cannot_hold() {
        let page =
            parse("<Blob><Name> a </Name></Blob><Blob><Name Encoded=\"true\">b%01%25%EF%BF%BF</Name></Blob>").unwrap();
        let names: Vec<_> =
            page.items.iter().map(|item| if let Item::Blob(blob) = item { blob.name.as_str() } else { "" }).collect();
        assert_eq!(names, [" a ", "b\u{1}%\u{ffff}"]);
    }

    #[test]
    fn folders_are_told_from_blobs() {
        let page = parse(
            "<Blob><Name>d</Name><Properties><ResourceType>directory</ResourceType></Properties></Blob>\
             <Blob><Name>e</Name><Metadata><Hdi_isfolder>true</Hdi_isfolder></Metadata></Blob><Blob><Name>f</Name><Metadata><other>true</other></Metadata></Blob>",
        )
        .unwrap();
        let folders: Vec<_> =
            page.items.iter().map(|item| matches!(item, Item::Blob(blob) if blob.is_folder)).collect();
        assert_eq!(folders, [true, true, false]);
    }

    #[test]
    fn what_is_no_whole_page_is_refused() {
        let whole = b"<EnumerationResults><Blobs><Blob><Name>a</Name></Blob></Blobs><NextMarker/></EnumerationResults>";
        assert_eq!(Page::parse(whole).unwrap().next, None);
        assert_eq!(Page::parse(&whole[..whole.len() - 5]), Err(NoPage));
        for bad in [
            "",
            "no list",
            "<EnumerationResults><Blobs>&other;</Blobs></EnumerationResults>",
            "<!DOCTYPE x [<!ENTITY a \"b\">]><EnumerationResults></EnumerationResults>",
            "<EnumerationResults><Blobs><Blob><Properties><Content-Length>-1</Content-Length></Properties></Blob></Blobs></EnumerationResults>",
        ] {
            assert_eq!(Page::parse(bad.as_bytes()), Err(NoPage), "{bad}");
        }
    }
}
