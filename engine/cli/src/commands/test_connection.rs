//! `ropeway test-connection`: tries linked services step by step.

use chrono::Utc;
use ropeway_engine::{
    Error, ErrorKind, Result,
    registry::{ProbeStep, Registry},
};
use ropeway_specs::{Factory, Inputs, ResolvedSide, Scene};
use serde_json::{Value, json};

use crate::{
    args::{OutputShape, TestConnectionArgs},
    assemble::Extras,
    definitions, exit_code,
    key_vault::KeyVault,
    report::causes,
    request::Request,
    table::Table,
    terminal::{self, Safe},
};

/// A linked service to try.
struct Candidate {
    name: String,
    kind: String,
    /// `{ "linkedService": ... }`, with secrets.
    settings: Value,
    /// The blob container that a pipeline writes to.
    container: Option<String>,
}

/// The type of the linked services that have containers.
const BLOBS: &str = "AzureBlobStorage";

/// Tries them all; the exit code is that of the first failure.
pub(crate) async fn perform(args: TestConnectionArgs) -> Result<u8> {
    let (candidates, extras) = match &args.linked_service {
        Some(name) => of_factory(&args, name).await?,
        None => of_pipeline(&args).await?,
    };
    if args.container.is_some() && !candidates.iter().any(|candidate| candidate.kind == BLOBS) {
        return Err(Error::new(
            ErrorKind::Spec,
            "--container is for linked services of type AzureBlobStorage; leave it out",
        )
        .with("linked services", candidates.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(", ")));
    }
    let registry = ropeway_connectors::registry();
    let mut tried = Vec::new();
    for candidate in candidates {
        let container = args.container.as_ref().or(candidate.container.as_ref()).cloned();
        let steps = probe(&candidate, container, &registry, &extras).await?;
        tried.push((candidate, steps));
    }
    terminal::result(&match args.output.output {
        OutputShape::Text => tried.iter().map(|(candidate, steps)| text(candidate, steps)).collect(),
        OutputShape::Json => {
            let documents: Vec<_> = tried.iter().map(|(candidate, steps)| document(candidate, steps)).collect();
            format!("{:#}\n", json!({ "linkedServices": documents }))
        }
    })?;
    let failed = tried.iter().flat_map(|(_, steps)| steps).find_map(|step| step.outcome.as_ref().err());
    Ok(failed.map_or(exit_code::SUCCEEDED, |error| exit_code::of(error.kind())))
}

async fn of_factory(args: &TestConnectionArgs, name: &str) -> Result<(Vec<Candidate>, Extras)> {
    // The folder takes the place of a pipeline: nothing of a pipeline is looked at.
    let request = request(args)?;
    let (factory, _) = Factory::load(&request.pipeline);
    let mut inputs = Inputs::manual("test-connection", Utc::now());
    inputs.secrets = definitions::secrets(request.secrets.as_deref())?;
    inputs.parameters = request.parameters.clone();
    let vault = KeyVault::of(&request);
    let store = vault.with_secrets(&inputs, || factory.linked_service(name, &inputs)).await?;
    let store = store.map_err(definitions::refuse)?;
    let candidate = Candidate {
        name: store.linked_service_name,
        kind: store.linked_service_type,
        settings: store.settings.into_exposed(),
        container: None,
    };
    Ok((vec![candidate], Extras::of(&request)))
}

async fn of_pipeline(args: &TestConnectionArgs) -> Result<(Vec<Candidate>, Extras)> {
    let request = request(args)?;
    if request.pipeline.is_dir() {
        return Err(Error::new(ErrorKind::Spec, "name the linked service to try after the factory's folder")
            .with("factory", request.pipeline.display()));
    }
    let definitions = definitions::load(&request, "test-connection", Utc::now())?;
    let pipeline = definitions.factory.pipeline(&definitions.pipeline).map_err(definitions::refuse)?;
    let vault = KeyVault::of(&request);
    let mut candidates: Vec<Candidate> = Vec::new();
    for activity in pipeline.activities().iter().filter(|activity| activity.type_name() == "Copy") {
        let scene = Scene::first(&definitions.inputs, activity.name(), pipeline.variables());
        let copy = || activity.copy(&definitions.inputs, &scene);
        let copy = vault.with_secrets(&definitions.inputs, copy).await?.map_err(definitions::refuse)?;
        for side in [copy.source, copy.sink] {
            if !candidates.iter().any(|known| known.name == side.linked_service_name) {
                candidates.push(of_side(side));
            }
        }
    }
    Ok((candidates, Extras::of(&request)))
}

fn of_side(side: ResolvedSide) -> Candidate {
    let mut settings = side.settings.into_exposed();
    let container = settings.pointer("/dataset/location/container").and_then(Value::as_str).map(str::to_owned);
    let settings = json!({ "linkedService": settings["linkedService"].take() });
    Candidate { name: side.linked_service_name, kind: side.linked_service_type, settings, container }
}

fn request(args: &TestConnectionArgs) -> Result<Request> {
    Request::new(&args.definitions, &args.definition, &Default::default(), &args.connection)
}

async fn probe(
    candidate: &Candidate,
    container: Option<String>,
    registry: &Registry,
    extras: &Extras,
) -> Result<Vec<ProbeStep>> {
    let mut settings = extras.beside(candidate.settings.clone(), 1, None);
    if candidate.kind == BLOBS {
        settings["ropeway"]["container"] = container.into();
    }
    let named = |error: Error| error.with("linked service", &candidate.name);
    Ok(registry.connect_store(&candidate.kind, settings).map_err(named)?.probe().await)
}

fn text(candidate: &Candidate, steps: &[ProbeStep]) -> String {
    let mut table = Table::new(["step", "took", "result"]);
    let mut failure = String::new();
    for step in steps {
        let result = match &step.outcome {
            Ok(found) => found.clone(),
            Err(error) => {
                failure = format!("  error: {}\n", Safe(error));
                failure.extend(causes(error).iter().map(|cause| format!("  caused by: {}\n", Safe(cause))));
                "failed".to_owned()
            }
        };
        table.row([step.name, &format!("{} ms", step.took.as_millis()), &result]);
    }
    format!("{} ({})\n{}{failure}", Safe(&candidate.name), candidate.kind, table.print("  "))
}

fn document(candidate: &Candidate, steps: &[ProbeStep]) -> Value {
    let step = |step: &ProbeStep| {
        json!({
            "name": step.name,
            "milliseconds": step.took.as_millis() as u64,
            "succeeded": step.outcome.is_ok(),
            "message": step.outcome.as_ref().map_or_else(ToString::to_string, Clone::clone),
        })
    };
    json!({
        "name": candidate.name,
        "type": candidate.kind,
        "succeeded": steps.iter().all(|step| step.outcome.is_ok()),
        "steps": steps.iter().map(step).collect::<Vec<_>>(),
    })
}
