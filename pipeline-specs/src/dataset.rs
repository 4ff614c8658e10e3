//! A dataset's settings, its parameters evaluated, with its linked service.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::{
    copy::ResolvedSide,
    definition::{Definition, Kind, PROPERTIES},
    diagnostic::{Diagnostic, Findings, property},
    evaluation::{Context, Twin},
    factory::Factory,
    inputs::Inputs,
    linked_service, older,
    parameter::{Owner, Values, values},
    reference::{self, Reference},
    schema,
    secret::Settings,
    support::{self, Moment},
};

/// A dataset and its linked service, ready to be put beside a copy source or sink.
pub(crate) struct Resolved {
    pub(crate) name: String,
    /// Where it is defined.
    pub(crate) file: PathBuf,
    pub(crate) type_name: String,
    pub(crate) settings: Twin,
    /// Whether it was of the older form (see [`older`]) before it was brought to the newer one.
    pub(crate) was_older: bool,
    /// The names that `structure` gives to columns.
    pub(crate) columns: Vec<String>,
    pub(crate) linked_service_name: String,
    pub(crate) linked_service: linked_service::Resolved,
}

/// Resolves for a preview: the dataset with the source that reads it on its own.
pub(crate) fn resolve_alone(
    factory: &Factory,
    definition: &Definition,
    inputs: &Inputs,
) -> Result<ResolvedSide, Vec<Diagnostic>> {
    let mut findings = Findings::new(&definition.file);
    let path = property(PROPERTIES, "parameters");
    let owner = Owner { name: format!("dataset '{}'", definition.name), path: &path };
    let parameters = values(definition.properties.get("parameters"), &inputs.parameters, &owner, &mut findings);
    let context = Context::new(inputs.now, &format!("{}/{}", inputs.run_id, definition.name));
    let side = resolve(factory, definition, parameters, &context, inputs).map_err(|found| findings.absorb(found)).ok();
    let side = side.and_then(|(mut resolved, warnings)| {
        findings.absorb(warnings);
        let of_older = resolved.modernize_alone(Moment::Run { strict: inputs.strict }, &mut findings);
        let source = source_of(&resolved, &mut findings)?;
        let source = of_older.unwrap_or(source);
        let settings = json!({
            "linkedService": resolved.linked_service.settings.real,
            "dataset": resolved.settings.real,
            "source": source,
            "parallelCopies": null,
        });
        Some(ResolvedSide {
            linked_service_name: resolved.linked_service_name,
            linked_service_type: resolved.linked_service.type_name,
            dataset_name: resolved.name,
            settings: Settings::new(settings),
        })
    });
    findings.finish(side).map(|(side, _)| side)
}

/// Resolves with the given parameter values; `context` is the place that refers to the dataset.
pub(crate) fn resolve(
    factory: &Factory,
    definition: &Definition,
    parameters: Values,
    context: &Context,
    inputs: &Inputs,
) -> Result<(Resolved, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut findings = Findings::new(&definition.file);
    let context = context.clone().with("dataset", parameters.into());
    let settings = settings(definition, &context, inputs, &mut findings);
    let service = service(factory, definition, &context, inputs, &mut findings);
    let resolved = service.map(|(linked_service_name, linked_service)| Resolved {
        name: definition.name.clone(),
        file: definition.file.clone(),
        type_name: definition.type_name().to_owned(),
        settings,
        was_older: false,
        columns: definition.properties.get("structure").map(older::column_names).unwrap_or_default(),
        linked_service_name,
        linked_service,
    });
    findings.finish(resolved)
}

fn settings(definition: &Definition, context: &Context, inputs: &Inputs, findings: &mut Findings) -> Twin {
    let path = property(PROPERTIES, "typeProperties");
    let mut twin = context.evaluate(&definition.type_properties().into(), &path, findings);
    let class = schema::type_properties_class("Dataset", definition.type_name()).unwrap_or_default();
    support::check(&twin.real, &class, &path, Moment::Run { strict: inputs.strict }, findings);
    let type_name = Value::from(definition.type_name());
    let columns = definition.properties.get("schema").map(|columns| match columns {
        // The names of columns are text, `@odata.etag` included.
        Value::Array(_) => Twin { real: columns.clone(), masked: columns.clone() },
        _ => context.evaluate(columns, &property(PROPERTIES, "schema"), findings),
    });
    let columns = columns.filter(|columns| columns.real.as_array().is_some_and(|columns| !columns.is_empty()));
    for (object, columns) in [
        (&mut twin.real, columns.as_ref().map(|columns| &columns.real)),
        (&mut twin.masked, columns.as_ref().map(|columns| &columns.masked)),
    ] {
        let mut all = Map::from_iter([("type".to_owned(), type_name.clone())]);
        all.extend(object.as_object().cloned().unwrap_or_default());
        all.extend(columns.map(|columns| ("columns".to_owned(), columns.clone())));
        *object = all.into();
    }
    twin
}

fn service(
    factory: &Factory,
    definition: &Definition,
    context: &Context,
    inputs: &Inputs,
    findings: &mut Findings,
) -> Option<(String, linked_service::Resolved)> {
    let path = property(PROPERTIES, "linkedServiceName");
    let value = definition.properties.get("linkedServiceName");
    let reference = value.and_then(|value| reference::read(value, Kind::LinkedService, &path));
    linked_service(factory, reference, PROPERTIES, (context, inputs), findings)
}

/// The linked service that a reference leads to, with its name; `owner` is the object that has the reference.
pub(crate) fn linked_service(
    factory: &Factory,
    reference: Option<Reference<'_>>,
    owner: &str,
    (context, inputs): (&Context, &Inputs),
    findings: &mut Findings,
) -> Option<(String, linked_service::Resolved)> {
    let Some(reference) = reference else {
        let message = "there is no 'linkedServiceName'; name the linked service of the store";
        findings.error("missing-linked-service", owner, message);
        return None;
    };
    let path = &reference.path;
    let Some(service) = factory.get(Kind::LinkedService, &reference.name) else {
        findings.error("missing-linked-service", path, factory.missing(Kind::LinkedService, &reference.name));
        return None;
    };
    let parameters = context.parameters(&reference, service.properties.get("parameters"), &service.name, findings);
    let mut of_service = Findings::new(&service.file);
    let resolved = linked_service::resolve((factory, service), parameters, inputs, &mut of_service);
    findings.absorb(of_service.into_vec());
    Some((service.name.clone(), resolved))
}

fn source_of(resolved: &Resolved, findings: &mut Findings) -> Option<Value> {
    let (service, dataset) = (&resolved.linked_service.type_name, &resolved.type_name);
    let Some(source) = support::natural_source(service, dataset) else {
        let message = support::refusal(support::End::Source, service, dataset, "").unwrap_or_default();
        findings.error("unsupported-type", &property(PROPERTIES, "type"), message);
        return None;
    };
    // Of the files in a folder, all: a preview shows what a copy of the whole dataset would read.
    let is_file = resolved.settings.real.get("location").is_some();
    Some(match is_file {
        true => {
            json!({ "type": source, "storeSettings": { "type": format!("{service}ReadSettings"), "recursive": true } })
        }
        false => json!({ "type": source }),
    })
}
