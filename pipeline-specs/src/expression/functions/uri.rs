//! Text in URIs: every byte is escaped but letters, digits and `-_.~`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

use super::{Function, argument::text};
use crate::expression::{content::Content, scope::Scope};

pub(super) const TABLE: &[Function] = &[
    Function { name: "uriComponent", arguments: 1..=1, call: encode },
    Function { name: "encodeUriComponent", arguments: 1..=1, call: encode },
    Function { name: "uriComponentToString", arguments: 1..=1, call: decode },
    Function { name: "decodeUriComponent", arguments: 1..=1, call: decode },
    Function { name: "uriComponentToBinary", arguments: 1..=1, call: decode_to_binary },
];

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn encode(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    Ok(utf8_percent_encode(text(arguments, 0)?, ESCAPED).to_string().into())
}

fn decode(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let decoded = percent_decode_str(text(arguments, 0)?).decode_utf8();
    decoded.map(Value::from).map_err(|_| "needs escapes that are UTF-8 text; uriComponentToBinary takes any".to_owned())
}

fn decode_to_binary(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    Ok(Content::binary(percent_decode_str(text(arguments, 0)?).collect()).into())
}
