//! A Copy activity: everything evaluated, both ends followed to their stores, checked.

mod ends;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use ends::{Ends, Found};

use crate::{
    activity::Activity,
    binary, dataset,
    diagnostic::{Diagnostic, Findings, list, property},
    evaluation::{Context, Twin},
    fingerprint,
    inputs::Inputs,
    policy::{Policy, integer},
    schema,
    secret::Settings,
    skipping::{self, Skipping, files},
    support::{self, End, Moment},
    translator::{self, Hierarchy, Mapping, Reporter},
};

/// A Copy that can run.
#[derive(Clone, Debug)]
pub struct ResolvedCopy {
    /// The activity's name.
    pub name: String,
    /// How often and how long it is tried.
    pub policy: Policy,
    /// `parallelCopies`, when the definition has it.
    pub parallel_copies: Option<u32>,
    /// `validateDataConsistency`: what is written is read back and compared.
    pub validate_data_consistency: bool,
    /// `enableSkipIncompatibleRow`, or `skipErrorFile`: what happens with rows that do not fit, or files that cannot be
    /// copied; `None` if they end the copy.
    pub skipping: Option<Skipping>,
    /// Where rows come from.
    pub source: ResolvedSide,
    /// Where rows go.
    pub sink: ResolvedSide,
    /// What is said of columns; `None` for all of them, by name and as they are.
    pub mapping: Option<Mapping>,
    /// The evaluated `typeProperties`, secrets masked: the activity's `input` in reports.
    pub settings: Value,
    /// The evaluated `userProperties` as text by name, secrets masked: labels for monitoring.
    pub user_properties: BTreeMap<String, String>,
    /// A hash of what is copied from where to where, without secrets, policy and parallelism.
    pub fingerprint: String,
    /// What is ignored or worth a look.
    pub warnings: Vec<Diagnostic>,
}

/// One end of a copy.
#[derive(Clone, Debug)]
pub struct ResolvedSide {
    /// The linked service's name.
    pub linked_service_name: String,
    /// The linked service's type: the key of the connector.
    pub linked_service_type: String,
    /// The dataset's name.
    pub dataset_name: String,
    /// `{"linkedService": ..., "dataset": ..., "source" or "sink": ...}`, with `parallelCopies` for a source.
    pub settings: Settings,
}

pub(crate) fn resolve(
    activity: &Activity<'_>,
    context: &Context,
    inputs: &Inputs,
    findings: &mut Findings,
) -> Option<ResolvedCopy> {
    let moment = Moment::Run { strict: inputs.strict };
    let path = property(&activity.path, "typeProperties");
    let null = Value::Null;
    let mut settings = context.evaluate(activity.value.get("typeProperties").unwrap_or(&null), &path, findings);
    support::check(&settings.real, "CopyActivityTypeProperties", &path, moment, findings);
    let mut ends = Ends::find(activity, context, inputs, findings);
    ends.modernize(&mut settings.real, &path, moment, findings);
    let is_binary = binary::check(&settings.real, &path, moment, findings);
    let policy = policy(activity, context, findings);
    let parallel_copies = parallel_copies(&settings.real, &path, findings);
    let validate_data_consistency = flag(&settings.real, "validateDataConsistency", &path, findings);
    let skipping = skipping::resolve(&settings, activity, context, inputs, findings);
    let translator = settings
        .real
        .get("translator")
        .and_then(|value| translator::object(value, &property(&path, "translator"), findings));
    let (mapping, hierarchy) =
        translator::mapping(translator.as_ref(), &settings.real, &path, &mut Reporter { moment, findings });
    let place = Place { activity, parallel_copies, hierarchy };
    let source = place.side(End::Source, ends.source, &mut settings, findings);
    let sink = place.side(End::Sink, ends.sink, &mut settings, findings);
    let (mut source, source_identity) = source?;
    let (sink, sink_identity) = sink?;
    if is_binary {
        let classes = files::classes(&settings.real, &path, &mut Findings::silent());
        let packed = binary::compression(&sink).cloned();
        if packed.is_some() || binary::compression(&source).is_some() {
            files::refuse_repacked(&settings.real, &path, findings);
        }
        let classes = files::of_source(&classes, &sink);
        let into_one = binary::is_one_file(&sink);
        source.settings = source
            .settings
            .with("skipErrorFile", classes)
            .with("sinkCompression", packed.into())
            .with("sinkIsOneFile", into_one.into());
    }
    let mut identity = json!({ "activity": activity.name, "source": source_identity, "sink": sink_identity, "translator": translator });
    let skipping = skipping.map(|(skipping, described)| {
        identity["skipping"] = described;
        skipping
    });
    Some(ResolvedCopy {
        name: activity.name.to_owned(),
        policy,
        parallel_copies,
        validate_data_consistency,
        skipping,
        source,
        sink,
        mapping: mapping.filter(|_| !is_binary),
        settings: settings.masked,
        user_properties: user_properties(activity, context, findings),
        fingerprint: fingerprint::of(&identity),
        warnings: Vec::new(),
    })
}

/// The evaluated policy of an activity.
pub(crate) fn policy(activity: &Activity<'_>, context: &Context, findings: &mut Findings) -> Policy {
    let path = property(&activity.path, "policy");
    let policy = context.evaluate(activity.value.get("policy").unwrap_or(&Value::Null), &path, findings);
    Policy::read(&policy.real, &path, findings)
}

/// The evaluated `userProperties` as text by name, secrets masked.
pub(crate) fn user_properties(
    activity: &Activity<'_>,
    context: &Context,
    findings: &mut Findings,
) -> BTreeMap<String, String> {
    let Some(written) = activity.value.get("userProperties") else { return BTreeMap::new() };
    let evaluated = context.evaluate(written, &property(&activity.path, "userProperties"), findings).masked;
    let entries = evaluated.as_array().into_iter().flatten();
    let labels = entries.filter_map(|entry| Some((entry.get("name")?.as_str()?.to_owned(), text(entry.get("value")?))));
    labels.collect()
}

/// A value as Data Factory shows it where only text fits: arrays and objects are JSON.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn parallel_copies(settings: &Value, path: &str, findings: &mut Findings) -> Option<u32> {
    let value = settings.get("parallelCopies").filter(|value| !value.is_null())?;
    let number = integer(value).and_then(|number| u32::try_from(number).ok());
    if number.is_none() {
        findings.error(
            "wrong-value",
            &property(path, "parallelCopies"),
            "'parallelCopies' must be a number of at least 1",
        );
    }
    // Zero is how the user interface writes "automatic".
    number.filter(|number| *number > 0)
}

/// A property that is true or false, or an expression's text of it; absent is false.
pub(crate) fn flag(settings: &Value, name: &str, path: &str, findings: &mut Findings) -> bool {
    match settings.get(name) {
        None | Some(Value::Null) => false,
        Some(Value::Bool(it)) => *it,
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => true,
        Some(Value::String(text)) if text.is_empty() || text.eq_ignore_ascii_case("false") => false,
        Some(_) => {
            findings.error("wrong-value", &property(path, name), format!("'{name}' must be true or false"));
            false
        }
    }
}

/// The copy whose ends are resolved.
struct Place<'a> {
    activity: &'a Activity<'a>,
    parallel_copies: Option<u32>,
    hierarchy: Hierarchy,
}

impl Place<'_> {
    /// The end's settings, and what of them belongs to the fingerprint.
    fn side(
        &self,
        end: End,
        dataset: Option<Found>,
        settings: &mut Twin,
        findings: &mut Findings,
    ) -> Option<(ResolvedSide, Value)> {
        let copy = self.copy_settings(end, settings, findings);
        let (copy, Found { path, dataset }) = (copy?, dataset?);
        let copy_type = copy.real.get("type").and_then(Value::as_str).unwrap_or_default();
        let service = &dataset.linked_service;
        if let Some(message) = support::refusal(end, &service.type_name, &dataset.type_name, copy_type) {
            findings.error("unsupported-type", &path, message);
            return None;
        }
        self.require_location(end, &dataset, &path, findings);
        let mut real = Map::new();
        let mut identity = Map::new();
        for (key, twin) in [("linkedService", &service.settings), ("dataset", &dataset.settings), (end.key(), &copy)] {
            real.insert(key.to_owned(), twin.real.clone());
            identity.insert(key.to_owned(), twin.masked.clone());
        }
        let hierarchy = if end == End::Source { &self.hierarchy.source } else { &self.hierarchy.sink };
        if let (Some(hierarchy), Some(Value::Object(copy))) = (hierarchy, real.get_mut(end.key())) {
            let format = copy.entry("formatSettings").or_insert(Value::Null);
            if format.is_null() {
                *format = json!({});
            }
            // Beside Data Factory's own properties: what the translator says is for the format.
            format["hierarchy"] = hierarchy.clone();
        }
        if end == End::Source {
            real.insert("parallelCopies".to_owned(), self.parallel_copies.into());
        }
        let side = ResolvedSide {
            linked_service_name: dataset.linked_service_name.clone(),
            linked_service_type: service.type_name.clone(),
            dataset_name: dataset.name,
            settings: Settings::new(real.into()),
        };
        Some((side, identity.into()))
    }

    /// The `source` or `sink` object.
    fn copy_settings(&self, end: End, settings: &mut Twin, findings: &mut Findings) -> Option<Twin> {
        let path = property(&property(&self.activity.path, "typeProperties"), end.key());
        let part = |value: &mut Value| value.get_mut(end.key()).map(Value::take).filter(Value::is_object);
        // The echo keeps its own copy.
        let masked = settings.masked.get(end.key()).cloned().unwrap_or_default();
        let Some(mut real) = part(&mut settings.real) else {
            findings.error(
                "missing-property",
                &path,
                format!("the copy '{}' has no '{}'", self.activity.name, end.key()),
            );
            return None;
        };
        if end == End::Source
            && let Some(object) = real.as_object_mut()
        {
            object.remove("additionalColumns");
        }
        // Data Factory's own samples call the query of a SQL source `query`.
        if let Some(object) = real.as_object_mut()
            && object
                .get("type")
                .and_then(Value::as_str)
                .is_some_and(|name| schema::shape_of(name, "sqlReaderQuery").is_some())
            && let Some(query) = object.remove("query")
        {
            object.entry("sqlReaderQuery").or_insert(query);
        }
        Some(Twin { real, masked })
    }

    /// A sink must say where to; a file source too. A table source may have a query instead.
    fn require_location(&self, end: End, dataset: &dataset::Resolved, path: &str, findings: &mut Findings) {
        let class = schema::type_properties_class("Dataset", &dataset.type_name).unwrap_or_default();
        let names: Vec<&str> = schema::property_names(&class).collect();
        let needed: &[&str] = if names.contains(&"location") {
            &["location"]
        } else if names.contains(&"scaleFactor") {
            &["table"]
        } else {
            &[]
        };
        let missing: Vec<&&str> =
            needed.iter().filter(|name| dataset.settings.real.get(**name).is_none_or(Value::is_null)).collect();
        if !missing.is_empty() {
            let message = format!("the dataset '{}' of the {} has no {}", dataset.name, end.key(), list(missing));
            findings.error("missing-property", path, message);
        }
    }
}
