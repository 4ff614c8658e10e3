//! Calls an HTTPS endpoint, for a WebActivity.

use ropeway_connectors::web::{Call, Caller, Reply};
use ropeway_engine::{Error, ErrorKind, Result};
use ropeway_specs::{Authentication, WebRequest};
use serde_json::{Map, Value, json};

use super::{
    one::{Doing, Done},
    task,
};

/// The answer as the activity's output.
pub(super) async fn call(doing: &Doing<'_>, request: &WebRequest) -> Result<Done> {
    let started = std::time::Instant::now();
    let extras = doing.crew.extras;
    let call = Call {
        url: request.url.clone(),
        method: request.method.clone(),
        headers: request.headers.clone(),
        body: request.body.as_ref().map(body),
        caller: request.authentication.as_ref().map(caller),
        limit: request.limit,
        follows_accepted: request.follows_accepted,
    };
    let reply = call.make(doing.crew.hosts, extras.ca_bundle.as_deref(), extras.proxy.as_deref()).await?;
    if reply.status >= 400 {
        return Err(refused(&reply));
    }
    let mut output = output(&reply);
    output.insert("ADFWebActivityResponseHeaders".to_owned(), headers(&reply));
    output.insert("effectiveIntegrationRuntime".to_owned(), "Ropeway".into());
    output.insert("executionDuration".to_owned(), started.elapsed().as_secs().into());
    output.insert("durationInQueue".to_owned(), json!({ "integrationRuntimeQueue": 0 }));
    Ok(task::output(output.into()))
}

/// Text as it is, everything else as JSON.
fn body(body: &Value) -> String {
    body.as_str().map_or_else(|| body.to_string(), str::to_owned)
}

fn caller(authentication: &Authentication) -> Caller {
    match authentication {
        Authentication::Basic(user, password) => Caller::Basic { user: user.clone(), password: password.clone() },
        Authentication::ManagedIdentity(resource) => Caller::ManagedIdentity { resource: resource.clone() },
        Authentication::ServicePrincipal { tenant, client, key, resource } => Caller::ServicePrincipal {
            tenant: tenant.clone(),
            client: client.clone(),
            key: key.clone(),
            resource: resource.clone(),
        },
    }
}

/// An object is the output itself; everything else stands under `Response`.
fn output(reply: &Reply) -> Map<String, Value> {
    match serde_json::from_str(&reply.body) {
        Ok(Value::Object(object)) => object,
        Ok(other) => Map::from_iter([("Response".to_owned(), other)]),
        Err(_) => Map::from_iter([("Response".to_owned(), reply.body.as_str().into())]),
    }
}

fn headers(reply: &Reply) -> Value {
    reply.headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect::<Map<_, _>>().into()
}

/// The endpoint's own words may hold secrets that it was sent, so they are not told.
fn refused(reply: &Reply) -> Error {
    let kind = match reply.status {
        401 | 403 => ErrorKind::Auth,
        408 | 429 | 500.. => ErrorKind::Unavailable,
        _ => ErrorKind::Data,
    };
    Error::new(kind, "the endpoint refused the call; look up the status in its documentation")
        .with("status", reply.status)
        .with("host", &reply.host)
        .code("2108")
}
