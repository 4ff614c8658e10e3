//! A WebActivity.

use std::{fmt, time::Duration};

use secrecy::SecretString;
use serde_json::Value;

use super::Properties;
use crate::{copy, timespan};

/// A call of an HTTPS endpoint. Address, headers and body may hold secrets.
pub struct WebRequest {
    /// Where to.
    pub url: String,
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// What is sent; text as it is, everything else as JSON.
    pub body: Option<Value>,
    /// How the caller says who it is.
    pub authentication: Option<Authentication>,
    /// How long an answer may take.
    pub limit: Duration,
    /// Whether a 202 with a Location is followed until it is done.
    pub follows_accepted: bool,
}

/// How the caller of an endpoint says who it is.
pub enum Authentication {
    /// A user name and a password.
    Basic(String, SecretString),
    /// A managed identity, with a token for this resource.
    ManagedIdentity(String),
    /// A service principal, with a token for this resource.
    ServicePrincipal {
        /// The tenant.
        tenant: String,
        /// The application's id.
        client: String,
        /// Its key.
        key: SecretString,
        /// What the token is for.
        resource: String,
    },
}

/// The default and the range of `httpRequestTimeout`.
const LIMIT: Duration = Duration::from_secs(60);
const MOST: Duration = Duration::from_secs(600);

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

pub(super) fn request(properties: &mut Properties<'_>) -> Option<WebRequest> {
    let url = properties.text("url");
    let method = properties.text("method").map(|method| method.to_uppercase());
    if let Some(method) = method.as_ref().filter(|method| !METHODS.contains(&method.as_str())) {
        let message = format!("'{method}' is no method of a WebActivity; it is one of {}", METHODS.join(", "));
        properties.error("wrong-value", "method", message);
    }
    let headers = headers(properties);
    let body = properties.get("body").map(|twin| twin.real).filter(|body| !body.is_null());
    let authentication = authentication(properties);
    let limit = match properties.get("httpRequestTimeout") {
        None => Some(LIMIT),
        Some(twin) => twin.real.as_str().and_then(timespan::parse).filter(|limit| !limit.is_zero() && *limit <= MOST),
    };
    if limit.is_none() {
        let message = "'httpRequestTimeout' must be a time span of at most ten minutes, such as '00:01:00'";
        properties.error("wrong-value", "httpRequestTimeout", message);
    }
    if properties.flag("disableCertValidation", false) {
        let message = "Ropeway verifies every certificate; name the issuer with --ca-bundle, and set 'disableCertValidation' to false";
        properties.error("unsupported-property", "disableCertValidation", message);
    }
    let follows_accepted = !properties.flag("turnOffAsync", false);
    Some(WebRequest {
        url: url?,
        method: method?,
        headers: headers?,
        body,
        authentication: authentication?,
        limit: limit?,
        follows_accepted,
    })
}

fn headers(properties: &mut Properties<'_>) -> Option<Vec<(String, String)>> {
    match properties.get("headers").unwrap_or_default().real {
        Value::Null => Some(Vec::new()),
        Value::String(text) if text.is_empty() => Some(Vec::new()),
        Value::Object(headers) => {
            let filled = headers.iter().filter(|(_, value)| !value.is_null());
            Some(filled.map(|(name, value)| (name.clone(), copy::text(value))).collect())
        }
        _ => {
            properties.error("wrong-value", "headers", "'headers' must be an object of names and values");
            None
        }
    }
}

/// `Some(None)` if the endpoint is called by nobody in particular.
fn authentication(properties: &mut Properties<'_>) -> Option<Option<Authentication>> {
    let Some(written) = properties.activity.type_property("authentication") else { return Some(None) };
    let path = properties.path_of("authentication");
    let value = properties.context.evaluate(written, &path, properties.findings).real;
    let text = |name: &str| {
        let value = value.get(name).filter(|value| !value.is_null())?;
        Some(copy::text(value.get("value").unwrap_or(value)))
    };
    let kind = text("type").unwrap_or_else(|| "None".to_owned());
    let found = match kind.to_ascii_lowercase().as_str() {
        "none" | "anonymous" => return Some(None),
        "basic" => {
            text("username").zip(text("password")).map(|(user, password)| Authentication::Basic(user, password.into()))
        }
        "msi" => text("resource").map(Authentication::ManagedIdentity),
        "serviceprincipal" => text("userTenant").zip(text("username")).zip(text("password").zip(text("resource"))).map(
            |((tenant, client), (key, resource))| Authentication::ServicePrincipal {
                tenant,
                client,
                key: key.into(),
                resource,
            },
        ),
        _ => {
            let message =
                format!("the authentication '{kind}' is not supported yet; it is Basic, MSI or ServicePrincipal");
            properties.error("unsupported-type", "authentication", message);
            return None;
        }
    };
    if found.is_none() {
        let message = format!(
            "the authentication '{kind}' lacks a property; Basic has username and password, MSI a resource, \
                               ServicePrincipal userTenant, username, password and resource"
        );
        properties.error("missing-property", "authentication", message);
    }
    found.map(Some)
}

impl fmt::Debug for WebRequest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("WebRequest").field("method", &self.method).finish_non_exhaustive()
    }
}
