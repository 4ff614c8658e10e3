//! Binary copies: files as they are, from a Binary dataset to a Binary dataset.

use serde_json::Value;

use crate::{
    copy::ResolvedSide,
    diagnostic::{Findings, Severity, element, property},
    schema,
    support::Moment,
};

/// Whether files are copied as they are, and what of the settings goes only with that, or never.
pub(crate) fn check(settings: &Value, path: &str, moment: Moment, findings: &mut Findings) -> bool {
    let class = |side: &str| settings.pointer(side).and_then(Value::as_str).unwrap_or_default();
    let (source, sink) = (class("/source/type"), class("/sink/type"));
    let given = |at: &str| settings.pointer(at).is_some_and(|value| !value.is_null() && value != "");
    let ignored = if moment == (Moment::Run { strict: true }) { Severity::Error } else { Severity::Warning };
    reserved_metadata(settings, path, moment, findings);
    match (source == "BinarySource", sink == "BinarySink") {
        (true, true) if given("/translator") => {
            let message = "'translator' is ignored: a binary copy has no columns".to_owned();
            findings.push(ignored, "ignored-property", &property(path, "translator"), message);
            true
        }
        (true, true) => true,
        (false, false) => {
            // Those of the older form have their settings beside their type.
            let is_of_files =
                ["storeSettings", "recursive"].iter().any(|name| schema::shape_of(source, name).is_some());
            if given("/sink/storeSettings/copyBehavior") && !source.is_empty() && !is_of_files {
                let path = property(&property(&property(path, "sink"), "storeSettings"), "copyBehavior");
                let message = "'copyBehavior' is ignored where rows come from no files: a sink with a file name gives that \
                               one file, a folder gives one file per chunk";
                findings.push(ignored, "ignored-property", &path, message.to_owned());
            }
            for name in ["preserveZipFileNameAsFolder", "preserveCompressionFileNameAsFolder"] {
                let place = ["source", "formatSettings", "compressionProperties", name];
                if settings.pointer(&format!("/{}", place.join("/"))).is_some_and(is_on) {
                    let path = place.iter().fold(path.to_owned(), |path, name| property(&path, name));
                    let message = format!(
                        "'{name}' is ignored where rows are copied: the files of an archive are read one after the other, \
                         and nothing is unpacked beside it"
                    );
                    findings.push(ignored, "ignored-property", &path, message);
                }
            }
            let deletes = settings.get("source").is_some_and(deletes_files);
            if deletes && settings.get("enableSkipIncompatibleRow").is_some_and(is_on) {
                let message = "'deleteFilesAfterCompletion' does not go with 'enableSkipIncompatibleRow': a row that is left \
                               out would be nowhere but in its file; remove one of them";
                let severity = if moment == Moment::Validate { Severity::Warning } else { Severity::Error };
                let path =
                    property(&property(&property(path, "source"), "storeSettings"), "deleteFilesAfterCompletion");
                findings.push(severity, "unsupported-property", &path, message.to_owned());
            }
            false
        }
        // The other end may be misspelt or an expression, which is told elsewhere.
        _ if source.is_empty() || sink.is_empty() => false,
        _ => {
            let severity = if moment == Moment::Validate { Severity::Warning } else { Severity::Error };
            let message = format!(
                "'{source}' does not go with '{sink}': a Binary dataset is copied to a Binary dataset only; give both ends \
                 the same kind of dataset"
            );
            findings.push(severity, "unsupported-type", path, message);
            false
        }
    }
}

/// `$$LASTMODIFIED` of a source's file as metadata of a blob.
fn reserved_metadata(settings: &Value, path: &str, moment: Moment, findings: &mut Findings) {
    let items = settings.pointer("/sink/storeSettings/metadata").and_then(Value::as_array);
    for (index, item) in items.into_iter().flatten().enumerate() {
        if item.get("value").and_then(Value::as_str).is_some_and(|value| value.starts_with("$$")) {
            let severity = if moment == Moment::Validate { Severity::Warning } else { Severity::Error };
            let list =
                ["sink", "storeSettings", "metadata"].iter().fold(path.to_owned(), |it, name| property(&it, name));
            let message = "a reserved value such as '$$LASTMODIFIED' is not filled in; write a value, or take it out";
            findings.push(severity, "unsupported-property", &element(&list, index), message.to_owned());
        }
    }
}

/// `compression` of a dataset, if it asks for any.
pub(crate) fn compression(side: &ResolvedSide) -> Option<&Value> {
    let compression = side.settings.expose().pointer("/dataset/compression")?;
    let codec = compression.get("type").and_then(Value::as_str).unwrap_or_default();
    (!codec.is_empty() && !codec.eq_ignore_ascii_case("none")).then_some(compression)
}

/// Whether the files of a copy become one in this sink.
pub(crate) fn is_one_file(sink: &ResolvedSide) -> bool {
    let text = |place: &str| sink.settings.expose().pointer(place).and_then(Value::as_str).unwrap_or_default();
    !text("/dataset/location/fileName").is_empty()
        || text("/sink/storeSettings/copyBehavior").eq_ignore_ascii_case("MergeFiles")
}

/// Whether a copy source deletes the files that it has read.
pub(crate) fn deletes_files(source: &Value) -> bool {
    source.pointer("/storeSettings/deleteFilesAfterCompletion").is_some_and(is_on)
}

fn is_on(value: &Value) -> bool {
    match value {
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        value => *value == true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn copy_behavior_has_nothing_to_do_where_rows_come_from_no_files() {
        let warnings = |source: &str, behavior: &str| {
            let sink = json!({"type": "ParquetSink", "storeSettings": {"copyBehavior": behavior}});
            let mut findings = Findings::silent();
            check(&json!({"source": {"type": source}, "sink": sink}), "$", Moment::Validate, &mut findings);
            findings.into_vec().len()
        };
        assert_eq!(warnings("SqlServerSource", "MergeFiles"), 1);
        assert_eq!(warnings("SqlServerSource", ""), 0);
        assert_eq!(warnings("DelimitedTextSource", "MergeFiles"), 0);
        assert_eq!(warnings("BlobSource", "MergeFiles"), 0);
    }

    #[test]
    fn reserved_values_of_metadata_are_named() {
        let metadata = json!([{"name": "a", "value": "plain"}, {"name": "b", "value": "$$LASTMODIFIED"}]);
        let sink = json!({"type": "BinarySink", "storeSettings": {"metadata": metadata}});
        let mut findings = Findings::silent();
        check(&json!({"source": {"type": "BinarySource"}, "sink": sink}), "$", Moment::Validate, &mut findings);
        let paths: Vec<_> = findings.into_vec().into_iter().map(|found| found.path).collect();
        assert_eq!(paths, ["$.sink.storeSettings.metadata[1]"]);
    }

    #[test]
    fn archives_become_folders_only_where_files_are_copied_as_they_are() {
        let warnings = |format: &str, keeps: Value| {
            let compression = json!({"type": "ZipDeflateReadSettings", "preserveZipFileNameAsFolder": keeps});
            let source =
                json!({"type": format!("{format}Source"), "formatSettings": {"compressionProperties": compression}});
            let settings = json!({"source": source, "sink": {"type": format!("{format}Sink")}});
            let mut findings = Findings::silent();
            check(&settings, "$", Moment::Validate, &mut findings);
            findings.into_vec().into_iter().map(|found| found.path).collect::<Vec<_>>()
        };
        let place = "$.source.formatSettings.compressionProperties.preserveZipFileNameAsFolder";
        assert_eq!(warnings("Json", json!(true)), [place]);
        assert!(warnings("Json", json!("false")).is_empty());
        assert!(warnings("Binary", json!(true)).is_empty());
    }
}
