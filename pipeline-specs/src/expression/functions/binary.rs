//! Base64, data URIs and bytes.

use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{
    Function,
    argument::{text, wrong},
};
use crate::expression::{content::Content, scope::Scope};

pub(super) const TABLE: &[Function] = &[
    Function { name: "base64", arguments: 1..=1, call: |a, _| Ok(BASE64_STANDARD.encode(content(a)?.bytes).into()) },
    Function { name: "base64ToString", arguments: 1..=1, call: base64_to_string },
    Function { name: "decodeBase64", arguments: 1..=1, call: base64_to_string },
    Function {
        name: "base64ToBinary",
        arguments: 1..=1,
        call: |a, _| Ok(Content::binary(decoded(text(a, 0)?)?).into()),
    },
    Function { name: "binary", arguments: 1..=1, call: |a, _| Ok(Content::binary(content(a)?.bytes).into()) },
    Function { name: "dataUri", arguments: 1..=1, call: data_uri },
    Function { name: "dataUriToString", arguments: 1..=1, call: data_uri_to_string },
    Function { name: "dataUriToBinary", arguments: 1..=1, call: |a, _| Ok(of_data_uri(text(a, 0)?)?.into()) },
    Function { name: "decodeDataUri", arguments: 1..=1, call: |a, _| Ok(of_data_uri(text(a, 0)?)?.into()) },
];

/// Bytes as they are, and text as its UTF-8 bytes.
fn content(arguments: &[Value]) -> Result<Content, String> {
    if let Some(content) = Content::of(&arguments[0]) {
        return Ok(content);
    }
    let text = arguments[0].as_str().ok_or_else(|| wrong(arguments, 0, "text or bytes"))?;
    Ok(Content { media_type: "text/plain;charset=utf-8".to_owned(), bytes: text.as_bytes().to_vec() })
}

fn base64_to_string(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    Content::binary(decoded(text(arguments, 0)?)?).into_text().map(Value::from)
}

/// White space between the digits does not count, as in .NET.
fn decoded(text: &str) -> Result<Vec<u8>, String> {
    let digits: String = text.split_whitespace().collect();
    BASE64_STANDARD.decode(digits).map_err(|error| format!("needs base64 as argument 1: {error}"))
}

fn data_uri(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let Content { media_type, bytes } = content(arguments)?;
    Ok(format!("data:{media_type};base64,{}", BASE64_STANDARD.encode(bytes)).into())
}

fn data_uri_to_string(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let content = of_data_uri(text(arguments, 0)?)?;
    let media_type = content.media_type.to_ascii_lowercase();
    let charset = media_type.split(';').find_map(|parameter| parameter.trim().strip_prefix("charset="));
    match charset.map(|name| name.trim_matches('"')) {
        None | Some("utf-8" | "us-ascii") => content.into_text().map(Value::from),
        Some(other) => Err(format!("reads data URIs in the charset utf-8, not '{other}'")),
    }
}

/// `data:TYPE;PARAMETER;base64,DATA`, of which all but the comma can be missing.
fn of_data_uri(uri: &str) -> Result<Content, String> {
    let wrong = || "needs a data URI such as 'data:text/plain;charset=utf-8;base64,aGVsbG8=' as argument 1".to_owned();
    let rest = uri.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("data:")).map(|_| &uri[5..]);
    let (head, data) = rest.and_then(|rest| rest.split_once(',')).ok_or_else(wrong)?;
    let plain =
        head.len().checked_sub(7).filter(|at| head.get(*at..).is_some_and(|end| end.eq_ignore_ascii_case(";base64")));
    let (media_type, bytes) = match plain {
        Some(at) => (&head[..at], decoded(data)?),
        None => (head, percent_decode_str(data).collect()),
    };
    let media_type = if media_type.is_empty() { "text/plain;charset=us-ascii" } else { media_type };
    Ok(Content { media_type: media_type.to_owned(), bytes })
}
