//! Bytes and XML among JSON values, as the service passes them on: `{"$content-type": "...", "$content": "base64"}`.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

const TYPE: &str = "$content-type";
const CONTENT: &str = "$content";

/// Bytes that say what they are.
pub(super) struct Content {
    pub(super) media_type: String,
    pub(super) bytes: Vec<u8>,
}

impl Content {
    pub(super) fn binary(bytes: Vec<u8>) -> Self {
        Self { media_type: "application/octet-stream".to_owned(), bytes }
    }

    pub(super) fn xml(text: String) -> Self {
        Self { media_type: "application/xml;charset=utf-8".to_owned(), bytes: text.into_bytes() }
    }

    /// The content that a value is.
    pub(super) fn of(value: &Value) -> Option<Self> {
        let object = value.as_object().filter(|object| object.len() == 2)?;
        let (media_type, encoded) = (object.get(TYPE)?.as_str()?, object.get(CONTENT)?.as_str()?);
        Some(Self { media_type: media_type.to_owned(), bytes: BASE64_STANDARD.decode(encoded).ok()? })
    }

    pub(super) fn is_xml(&self) -> bool {
        let essence = self.media_type.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/xml") || essence.eq_ignore_ascii_case("text/xml")
    }

    pub(super) fn into_text(self) -> Result<String, String> {
        String::from_utf8(self.bytes).map_err(|_| "needs bytes that are UTF-8 text".to_owned())
    }
}

impl From<Content> for Value {
    fn from(content: Content) -> Self {
        json!({ TYPE: content.media_type, CONTENT: BASE64_STANDARD.encode(content.bytes) })
    }
}
