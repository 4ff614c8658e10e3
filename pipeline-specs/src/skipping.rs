//! What a Copy does with rows that do not fit (`enableSkipIncompatibleRow`) and files that cannot be copied
//! (`skipErrorFile`), and where they are written down.

pub(crate) mod files;

use serde_json::{Value, json};

use crate::{
    activity::Activity,
    copy::flag,
    dataset,
    definition::Kind,
    diagnostic::{Findings, Severity, list, property},
    evaluation::{Context, Twin},
    factory::Factory,
    inputs::Inputs,
    reference,
    secret::Settings,
    support::Moment,
};

/// Rows that do not fit, or files that cannot be copied, are left out.
#[derive(Clone, Debug)]
pub struct Skipping {
    /// Which of the two.
    pub what: Skipped,
    /// Where they are written down; `None` if they are only counted.
    pub log: Option<LogLocation>,
}

/// What is left out of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// Rows of a table or file.
    Rows,
    /// Whole files of a Binary copy.
    Files,
}

/// Where what was left out is written down.
#[derive(Clone, Debug)]
pub struct LogLocation {
    /// The linked service's type: the key of the connector.
    pub linked_service_type: String,
    /// `{"linkedService": ...}`.
    pub settings: Settings,
    /// The folder below which the log goes, as it is written; in a blob store it begins with the container.
    pub path: String,
    /// What the log looks like.
    pub layout: LogLayout,
}

/// The two layouts of Data Factory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLayout {
    /// `logSettings` and `logStorageSettings`.
    Session,
    /// `redirectIncompatibleRowSettings`.
    Redirect,
}

/// Linked services that a log can go to.
const STORES: [&str; 3] = ["AzureBlobStorage", "AzureBlobFS", "FileServer"];

/// Copy sources of which no row is left out.
const WITHOUT: [&str; 2] = ["ParquetSource", "SyntheticSource"];

/// Copy sinks that may refuse a row for what is in the table.
const TABLES: [&str; 5] = ["SqlSink", "SqlServerSink", "AzureSqlSink", "SqlMISink", "OdbcSink"];

/// One of the places of a definition that say where.
struct Place {
    /// The property of the Copy.
    name: &'static str,
    /// Where its linked service and path stand, below it.
    location: Option<&'static str>,
    layout: LogLayout,
}

/// The newest first: where several are given, it holds.
const PLACES: [Place; 3] = [
    Place { name: "logSettings", location: Some("logLocationSettings"), layout: LogLayout::Session },
    Place { name: "logStorageSettings", location: None, layout: LogLayout::Session },
    Place { name: "redirectIncompatibleRowSettings", location: None, layout: LogLayout::Redirect },
];

impl Place {
    /// Its object with the linked service and the path, if it asks for a log.
    fn of<'v>(&self, settings: &'v Value) -> Option<&'v Value> {
        let object = settings.get(self.name).filter(|object| object.is_object())?;
        let Some(location) = self.location else { return Some(object) };
        let silent = &mut Findings::silent();
        flag(object, "enableCopyActivityLog", "", silent).then(|| object.get(location)).flatten()
    }

    fn path(&self, above: &str) -> String {
        let path = property(above, self.name);
        self.location.map_or(path.clone(), |location| property(&path, location))
    }
}

/// What can be said of the settings before anything is evaluated, and is worth a look also when it runs.
pub(crate) fn check(settings: &Value, path: &str, factory: Option<&Factory>, moment: Moment, findings: &mut Findings) {
    files::check(settings, path, moment, findings);
    let what = what(settings);
    let rows = settings.get("enableSkipIncompatibleRow").is_some_and(|value| !value.is_null() && *value != false);
    let severity = if moment == (Moment::Run { strict: true }) { Severity::Error } else { Severity::Warning };
    let mut ignored = |name: &str, message: String| {
        findings.push(severity, "ignored-property", &property(path, name), message);
    };
    for (log, level) in [("logSettings", "/copyActivityLogSettings/logLevel"), ("logStorageSettings", "/logLevel")] {
        let level = settings.get(log).and_then(|log| log.pointer(level)).and_then(Value::as_str).unwrap_or_default();
        if level.eq_ignore_ascii_case("Info") {
            let message = "the log level 'Info' is taken as 'Warning': Ropeway logs the rows and files that are \
                           skipped, and its report names the files that are written";
            ignored(log, message.to_owned());
        }
    }
    if what == Skipped::Files && rows {
        ignored(
            "enableSkipIncompatibleRow",
            "a Binary copy has no rows: 'skipErrorFile' says which files are skipped".to_owned(),
        );
    }
    let (asked, setting) = match what {
        Skipped::Rows => (rows, "without 'enableSkipIncompatibleRow' no row is skipped"),
        // An expression may turn out to be true.
        Skipped::Files => (
            files::are_any(&files::classes(settings, path, &mut Findings::silent())) || moment == Moment::Validate,
            "'skipErrorFile' skips no file",
        ),
    };
    if !asked {
        for place in PLACES.iter().filter(|place| place.of(settings).is_some()) {
            ignored(place.name, format!("'{}' has no effect: {setting}", place.name));
        }
        return;
    }
    if what == Skipped::Rows
        && let Some(message) = left_out_by(settings)
    {
        ignored("enableSkipIncompatibleRow", message);
    }
    let mut places = PLACES.iter().filter(|place| place.of(settings).is_some());
    let used = places.next();
    for place in places {
        ignored(
            place.name,
            format!("'{}' is ignored: '{}' says where", place.name, used.map_or("", |place| place.name)),
        );
    }
    if moment == Moment::Validate
        && let Some((factory, place)) = factory.zip(used)
        && let Some(location) = place.of(settings)
        && let Some(value) = location.get("linkedServiceName")
        && let Some(reference) = reference::read(value, Kind::LinkedService, "")
        && let Some(service) = factory.get(Kind::LinkedService, &reference.name)
        && !STORES.contains(&service.type_name())
    {
        let message = format!("{}; this copy will not run", unsupported(service.type_name()));
        findings.warning("unsupported-type", &place.path(path), message);
    }
}

fn what(settings: &Value) -> Skipped {
    if files::is_of_files(settings) { Skipped::Files } else { Skipped::Rows }
}

/// What of the rows that do not fit still fails a copy.
fn left_out_by(settings: &Value) -> Option<String> {
    let class = |side: &str| settings.pointer(side).and_then(Value::as_str).unwrap_or_default();
    let (source, sink) = (class("/source/type"), class("/sink/type"));
    // A value that is mapped to another type may not fit.
    let is_mapped = settings.get("translator").is_some_and(|translator| !translator.is_null());
    if TABLES.contains(&sink) {
        let refused = if sink == "OdbcSink" {
            "; one that the table refuses, such as a duplicate key, still fails the copy"
        } else {
            ", and on insert those whose key another row has; one that another rule of the table refuses, such as a CHECK, \
             still fails the copy"
        };
        return Some(format!(
            "rows with a value that the source cannot convert, or that its column of the table cannot hold, are \
             skipped{refused}"
        ));
    }
    (WITHOUT.contains(&source) && !is_mapped)
        .then(|| format!("a {source} has no rows that Ropeway could skip: one that does not fit fails the copy"))
}

/// What the Copy asks for, and what of it belongs to the fingerprint; `None` if the first row that does not fit, or
/// file that cannot be copied, ends the copy.
pub(crate) fn resolve(
    settings: &Twin,
    activity: &Activity<'_>,
    context: &Context,
    inputs: &Inputs,
    findings: &mut Findings,
) -> Option<(Skipping, Value)> {
    let above = property(&activity.path, "typeProperties");
    check(&settings.real, &above, None, Moment::Run { strict: inputs.strict }, findings);
    let (what, classes) = (what(&settings.real), files::classes(&settings.real, &above, findings));
    let is_asked = match what {
        Skipped::Files => files::are_any(&classes),
        Skipped::Rows => flag(&settings.real, "enableSkipIncompatibleRow", &above, findings),
    };
    if !is_asked {
        return None;
    }
    let identity = |log: Value| match what {
        Skipped::Files => json!({ "files": classes, "log": log }),
        Skipped::Rows => json!({ "log": log }),
    };
    let Some((place, location)) = PLACES.iter().find_map(|place| Some((place, place.of(&settings.real)?))) else {
        return Some((Skipping { what, log: None }, identity(Value::Null)));
    };
    let path = place.path(&above);
    let folder = location.get("path").and_then(Value::as_str).map(str::trim).filter(|folder| !folder.is_empty());
    if folder.is_none() {
        findings.error(
            "missing-property",
            &path,
            "the log of what is skipped has no 'path': name a container or folder",
        );
    }
    // The parameters of a reference are evaluated by whoever follows it.
    let written = activity.value.get("typeProperties").and_then(|settings| place.of(settings)).unwrap_or(location);
    let reference = [written, location].map(|location| {
        reference::read(location.get("linkedServiceName")?, Kind::LinkedService, &property(&path, "linkedServiceName"))
    });
    let [written, evaluated] = reference;
    let reference = written.filter(|reference| !reference.name.contains('@')).or(evaluated);
    let (_, service) = dataset::linked_service(activity.factory, reference, &path, (context, inputs), findings)?;
    if !STORES.contains(&service.type_name.as_str()) {
        findings.error("unsupported-type", &path, unsupported(&service.type_name));
        return None;
    }
    let identity = identity(json!({
        "linkedService": service.settings.masked, "path": folder, "layout": format!("{:?}", place.layout),
    }));
    let log = LogLocation {
        linked_service_type: service.type_name,
        settings: Settings::new(json!({ "linkedService": service.settings.real })),
        path: folder?.to_owned(),
        layout: place.layout,
    };
    Some((Skipping { what, log: Some(log) }, identity))
}

fn unsupported(service: &str) -> String {
    format!("the log of what is skipped goes to {}, not to {service}", list(STORES))
}
