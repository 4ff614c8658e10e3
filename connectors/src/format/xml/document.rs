//! The elements of a document as the JSON of one object.

use std::collections::BTreeMap;

use quick_xml::{
    NsReader, XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
    name::{QName, ResolveResult},
};
use ropeway_engine::{Error, ErrorKind, Result};

/// Elements within each other at most; the reader of JSON has a limit too.
const DEEPEST: usize = 100;

/// How elements become properties.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// False if the attributes that declare namespaces are attributes like all others.
    pub(super) namespaces: bool,
    /// Prefixes of properties, by namespace; the others have that of the document.
    pub(super) prefixes: BTreeMap<String, String>,
    /// True if numbers and booleans are found among texts.
    pub(super) detects: bool,
    /// The text that is null.
    pub(super) null_value: String,
}

/// An element that is open.
#[derive(Default)]
struct Element {
    name: String,
    /// Attributes and elements in the order in which their names appear, each with its JSON.
    properties: Vec<(String, Vec<String>)>,
    text: String,
}

impl Element {
    fn add(&mut self, name: String, json: String) {
        match self.properties.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(json),
            None => self.properties.push((name, vec![json])),
        }
    }
}

impl Reading {
    /// Adds the JSON of a document.
    ///
    /// # Errors
    /// A text that is no document, has a DTD, or goes too deep.
    pub(super) fn json(&self, text: &str, json: &mut String) -> Result<()> {
        let mut reader = NsReader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        let mut open = vec![Element::default()];
        loop {
            let event = reader.read_event().map_err(|error| malformed(error.to_string()))?;
            match event {
                Event::Start(start) => {
                    if open.len() > DEEPEST {
                        return Err(malformed("its elements are too deep within each other".to_owned()));
                    }
                    if open.len() == 1 && !open[0].properties.is_empty() {
                        return Err(malformed("it has a second root element".to_owned()));
                    }
                    open.push(self.start(&reader, &start)?);
                }
                Event::End(_) => {
                    let element = open.pop().unwrap_or_default();
                    let (name, value) = (element.name.clone(), self.value(element));
                    open.last_mut().ok_or_else(|| malformed("an element ends twice".to_owned()))?.add(name, value);
                }
                Event::Text(text) => self.text(&mut open, &lines(&utf8(&text)?))?,
                Event::CData(text) => self.text(&mut open, &lines(&utf8(&text)?))?,
                Event::GeneralRef(reference) => {
                    let character = reference.resolve_char_ref().map_err(|error| malformed(error.to_string()))?;
                    let name = utf8(&reference)?;
                    let resolved = match character {
                        Some(character) => character.to_string(),
                        None => resolve_predefined_entity(&name)
                            .ok_or_else(|| malformed("it has an entity of its own, which is not looked up".to_owned()))?
                            .to_owned(),
                    };
                    self.text(&mut open, &resolved)?;
                }
                Event::DocType(_) => {
                    return Err(malformed(
                        "it has a document type definition, which is not read; remove it".to_owned(),
                    ));
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let [root] = &open[..] else { return Err(malformed("it ends within an element".to_owned())) };
        if root.properties.is_empty() {
            return Err(malformed("it has no element".to_owned()));
        }
        json.push_str(&object(&root.properties));
        Ok(())
    }

    fn text(&self, open: &mut [Element], text: &str) -> Result<()> {
        let outside = open.len() == 1;
        let Some(element) = open.last_mut() else { return Ok(()) };
        if outside && !text.trim().is_empty() {
            return Err(malformed("text stands outside of its root element".to_owned()));
        }
        if !outside {
            element.text.push_str(text);
        }
        Ok(())
    }

    fn start(&self, reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<Element> {
        let (namespace, _) = reader.resolver().resolve_element(start.name());
        let mut element = Element { name: self.name(&namespace, start.name())?, ..Element::default() };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| malformed(error.to_string()))?;
            let declares = attribute.key.as_namespace_binding().is_some();
            if declares && self.namespaces {
                continue;
            }
            let value =
                attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| malformed(error.to_string()))?;
            let (namespace, _) = reader.resolver().resolve_attribute(attribute.key);
            element.add(format!("@{}", self.name(&namespace, attribute.key)?), self.literal(&value));
        }
        Ok(element)
    }

    /// The name as it stands in the document, unless the definition has a prefix for its namespace.
    fn name(&self, namespace: &ResolveResult<'_>, name: QName<'_>) -> Result<String> {
        let prefix = match namespace {
            ResolveResult::Bound(namespace) if self.namespaces => self.prefixes.get(&utf8(namespace.as_ref())?),
            _ => None,
        };
        match prefix {
            Some(prefix) => Ok(format!("{prefix}:{}", utf8(name.local_name().as_ref())?)),
            None => utf8(name.as_ref()),
        }
    }

    /// The value of an element.
    fn value(&self, mut element: Element) -> String {
        if element.properties.is_empty() {
            return self.literal(&element.text);
        }
        if !element.text.trim().is_empty() {
            let text = self.literal(&element.text);
            element.add("_value_".to_owned(), text);
        }
        object(&element.properties)
    }

    /// The JSON of a text. A number is one only if its digits are those of a JSON number: `007` stays a text.
    fn literal(&self, text: &str) -> String {
        if text == self.null_value || text.is_empty() {
            return "null".to_owned();
        }
        let detected = self.detects && (matches!(text, "true" | "false") || is_number(text));
        if detected { text.to_owned() } else { quoted(text) }
    }
}

fn is_number(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    let ends = text.ends_with(|c: char| c.is_ascii_digit());
    begins && ends && serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
}

fn object(properties: &[(String, Vec<String>)]) -> String {
    let property = |(name, values): &(String, Vec<String>)| match &values[..] {
        [value] => format!("{}:{value}", quoted(name)),
        values => format!("{}:[{}]", quoted(name), values.join(",")),
    };
    format!("{{{}}}", properties.iter().map(property).collect::<Vec<_>>().join(","))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Ends of lines as a document has them, whatever its file has.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn utf8(bytes: &[u8]) -> Result<String> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|error| malformed(error.to_string()))
}

fn malformed(how: String) -> Error {
    Error::new(
        ErrorKind::Data,
        "the file is no XML document that can be read; check the file, or the type of the dataset",
    )
    .code("XmlInvalidFile")
    .caused_by(how)
}
