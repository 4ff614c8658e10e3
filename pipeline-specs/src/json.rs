//! JSON text as people keep it: strict where a mistake would change meaning, tolerant where it cannot.

mod build;
mod decode;
mod tolerate;

use serde_json::Value;

use crate::diagnostic::Findings;

/// Files above this are not definitions.
pub(crate) const MAX_BYTES: usize = 10 << 20;
/// Deeper nesting is an attack or an accident.
pub(crate) const MAX_DEPTH: usize = 64;

/// Parses a file's bytes. `None` when they are no JSON value; the findings say why.
///
/// A byte-order mark, UTF-16, `//` comments and trailing commas are warnings; duplicate keys and nesting beyond
/// [`MAX_DEPTH`] are errors.
pub(crate) fn parse(bytes: &[u8], findings: &mut Findings) -> Option<Value> {
    if bytes.len() > MAX_BYTES {
        findings.error(
            "too-large",
            "$",
            format!("the file has {} bytes; a definition has at most {MAX_BYTES}", bytes.len()),
        );
        return None;
    }
    let text = decode::text(bytes, findings)?;
    let cleaned = tolerate::clean(&text, findings);
    parse_clean(&cleaned, findings)
}

fn parse_clean(text: &str, findings: &mut Findings) -> Option<Value> {
    let mut problems = Vec::new();
    let parsed = build::value(text, &mut problems);
    for (path, message) in problems {
        findings.error("duplicate-key", &path, message);
    }
    match parsed {
        Ok(value) => Some(value),
        Err(error) => {
            findings.error("not-json", "$", format!("not JSON: {error}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> (Option<Value>, Vec<String>) {
        let mut findings = Findings::new(Path::new("f"));
        let value = parse(text.as_bytes(), &mut findings);
        (value, findings.into_vec().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn tolerates_what_editors_leave() {
        let (value, messages) = parsed("\u{feff}{\n // why\n \"a\": [1, 2,],\n \"u\": \"http://x,]\" , }\n");
        assert_eq!(value, Some(serde_json::json!({"a": [1, 2], "u": "http://x,]"})));
        assert_eq!(messages.len(), 3, "{messages:?}");
        assert!(messages.iter().all(|message| message.contains("warning")), "{messages:?}");
    }

    #[test]
    fn reads_the_encodings_of_windows() {
        let read = |bytes: &[u8]| {
            let mut findings = Findings::new(Path::new("f"));
            (parse(bytes, &mut findings), findings.into_vec())
        };
        let text = "{\"ä\": 1}";
        let little: Vec<u8> = [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
        for bytes in [little, big] {
            let (value, found) = read(&bytes);
            assert_eq!(value, Some(serde_json::json!({ "ä": 1 })));
            assert_eq!(found[0].code, "utf-16");
        }
        for wrong in [&b"{\"\xe4\": 1}"[..], b"\xff\xfe{\0\"", b"\xff\xfe\x00\xd8{\0"] {
            let (value, found) = read(wrong);
            assert_eq!((value, found.last().unwrap().code), (None, "unreadable"));
        }
    }

    #[test]
    fn a_tidy_file_has_no_warnings() {
        assert_eq!(parsed(r#"{"a": [1, {"b": "// no comment, ]"}]}"#).1, Vec::<String>::new());
    }

    #[test]
    fn names_every_duplicate_key() {
        let (_, messages) = parsed(r#"{"a": {"x": 1, "x": 2}, "b": [ {"y": 1, "y": 1} ]}"#);
        assert_eq!(
            messages,
            [
                "f: $.a.x: error: the key 'x' occurs twice in one object; remove one of them",
                "f: $.b[0].y: error: the key 'y' occurs twice in one object; remove one of them"
            ]
        );
    }

    #[test]
    fn limits_depth_exactly() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(parsed(&nested(MAX_DEPTH)).0.is_some());
        let (value, messages) = parsed(&nested(MAX_DEPTH + 1));
        assert_eq!(value, None);
        assert!(messages[0].contains("nested more than 64 levels"), "{messages:?}");
    }

    #[test]
    fn says_where_the_text_stops_being_json() {
        let (value, messages) = parsed("{\n  \"a\": nope\n}");
        assert_eq!(value, None);
        assert!(messages[0].contains("line 2"), "{messages:?}");
    }

    #[test]
    fn refuses_large_files() {
        assert!(parsed(&" ".repeat(MAX_BYTES + 1)).1[0].contains("at most"));
    }

    proptest! {
        #[test]
        fn never_panics(text in "[\\[\\]{},:\"/\\\\ a1\u{feff}\n*]{0,60}") {
            let _ = parsed(&text);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40), marked in proptest::bool::ANY) {
            let mark: &[u8] = if marked { b"\xff\xfe" } else { b"" };
            let _ = parse(&[mark, &bytes].concat(), &mut Findings::silent());
        }

        #[test]
        fn reads_what_serde_writes(text in "\\PC{0,40}") {
            let value = serde_json::json!({ "k": [text, {"n": 1.5}] });
            let (read, messages) = parsed(&value.to_string());
            prop_assert_eq!(read, Some(value));
            prop_assert!(messages.is_empty());
        }
    }
}
