//! `skipErrorFile`: which files a Binary copy leaves out instead of ending with them.

use serde_json::{Value, json};

use crate::{
    copy::{ResolvedSide, flag},
    diagnostic::{Findings, Severity, property},
    support::Moment,
};

/// A class of files that are left out.
struct Class {
    /// The property.
    name: &'static str,
    /// Whether files of it are left out where the definition says nothing.
    by_default: bool,
    /// Data Factory's code for who asks for it where rows are copied.
    refusal: &'static str,
}

const CLASSES: [Class; 4] = [
    Class { name: "fileMissing", by_default: true, refusal: "SkipMissingFileNotSupportedForNonDirectBinaryCopy" },
    Class { name: "fileForbidden", by_default: false, refusal: "SkipForbiddenFileNotSupportedForNonDirectBinaryCopy" },
    Class {
        name: "dataInconsistency",
        by_default: false,
        refusal: "SkipInconsistencyDataNotSupportedForNonDirectBinaryCopy",
    },
    Class {
        name: "invalidFileName",
        by_default: false,
        refusal: "SkipInvalidFileNameNotSupportedForNonDirectBinaryCopy",
    },
];

/// What the settings of a Copy say of files that cannot be copied; the properties of `skipErrorFile`, each true or false.
pub(crate) fn classes(settings: &Value, path: &str, findings: &mut Findings) -> Value {
    let object = settings.get("skipErrorFile").filter(|object| object.is_object());
    let path = property(path, "skipErrorFile");
    let is_on = |class: &Class, findings: &mut Findings| {
        let given = object.filter(|object| object.get(class.name).is_some_and(|value| !value.is_null()));
        given.map_or(class.by_default, |object| flag(object, class.name, &path, findings))
    };
    let mut classes: serde_json::Map<String, Value> =
        CLASSES.iter().map(|class| (class.name.to_owned(), is_on(class, findings).into())).collect();
    // There is nothing to be inconsistent where nothing is compared.
    if !flag(settings, "validateDataConsistency", &path, &mut Findings::silent()) {
        classes.insert("dataInconsistency".to_owned(), false.into());
    }
    classes.into()
}

/// Whether the source gives files as they are.
pub(super) fn is_of_files(settings: &Value) -> bool {
    settings.pointer("/source/type").is_some_and(|class| class == "BinarySource")
}

/// Whether any file is left out.
pub(crate) fn are_any(classes: &Value) -> bool {
    CLASSES.iter().any(|class| classes[class.name] == true)
}

/// What can be said before anything is evaluated.
pub(crate) fn check(settings: &Value, path: &str, moment: Moment, findings: &mut Findings) {
    let Some(object) = settings.get("skipErrorFile").filter(|object| object.is_object()) else { return };
    let path = property(path, "skipErrorFile");
    if !is_of_files(settings) {
        let severity = if moment == Moment::Validate { Severity::Warning } else { Severity::Error };
        refuse(object, &path, severity, findings);
    } else if object.get("dataInconsistency").is_some_and(|value| !is_off(value))
        && settings.get("validateDataConsistency").is_none_or(is_off)
    {
        let severity = if moment == (Moment::Run { strict: true }) { Severity::Error } else { Severity::Warning };
        let message = "'dataInconsistency' has no effect: without 'validateDataConsistency' nothing is compared";
        findings.push(severity, "ignored-property", &property(&path, "dataInconsistency"), message.to_owned());
    }
}

/// Says that no file is left out of a Binary copy that unpacks or compresses.
pub(crate) fn refuse_repacked(settings: &Value, path: &str, findings: &mut Findings) {
    if let Some(object) = settings.get("skipErrorFile").filter(|object| object.is_object()) {
        refuse(object, &property(path, "skipErrorFile"), Severity::Error, findings);
    }
}

fn refuse(object: &Value, path: &str, severity: Severity, findings: &mut Findings) {
    for class in CLASSES.iter().filter(|class| object.get(class.name).is_some_and(|value| !is_off(value))) {
        let message = format!(
            "'{}' goes with Binary datasets without compression at both ends only ({}): take it out, or copy the files as \
             they are",
            class.name, class.refusal
        );
        findings.push(severity, "unsupported-property", &property(path, class.name), message);
    }
}

fn is_off(value: &Value) -> bool {
    value.is_null() || value == false || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("false"))
}

/// The classes for the connector of the source, with what it has to know of the names that the sink takes.
pub(crate) fn of_source(classes: &Value, sink: &ResolvedSide) -> Value {
    let settings = sink.settings.expose();
    let text = |at: &str| settings.pointer(at).and_then(Value::as_str).unwrap_or_default();
    let behavior = text("/sink/storeSettings/copyBehavior");
    let keeps_names = (behavior.is_empty() || behavior.eq_ignore_ascii_case("PreserveHierarchy"))
        && text("/dataset/location/fileName").is_empty();
    let names = json!({
        "blobs": sink.linked_service_type != "FileServer",
        "folder": text("/dataset/location/folderPath").trim_matches('/'),
    });
    let mut classes = classes.clone();
    let is_asked = classes["invalidFileName"] == true && keeps_names;
    classes["invalidFileName"] = if is_asked { names } else { Value::Null };
    classes
}
