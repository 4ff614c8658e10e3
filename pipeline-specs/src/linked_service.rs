//! A linked service's settings, parameters evaluated and secrets put in.

mod key_vault;

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::{
    connection_string,
    definition::{Definition, PROPERTIES},
    diagnostic::{Diagnostic, Findings, property},
    evaluation::{Context, Twin},
    factory::Factory,
    inputs::Inputs,
    parameter::{Owner, Values, values},
    schema,
    secret::{Settings, exposed, is_masked, variable},
    support::{self, Moment},
};

/// A linked service ready to connect.
#[derive(Clone, Debug)]
pub struct ResolvedStore {
    /// Its name in the factory.
    pub linked_service_name: String,
    /// Its type: the key of the connector.
    pub linked_service_type: String,
    /// `{"linkedService": {"type": ..., ...}}`.
    pub settings: Settings,
    /// What is worth a look.
    pub warnings: Vec<Diagnostic>,
}

/// The settings of a linked service: `{"type": ..., ...typeProperties}`.
pub(crate) struct Resolved {
    pub(crate) type_name: String,
    pub(crate) settings: Twin,
}

/// Resolves for a connection test.
pub(crate) fn resolve_alone(
    factory: &Factory,
    definition: &Definition,
    inputs: &Inputs,
) -> Result<ResolvedStore, Vec<Diagnostic>> {
    let mut findings = Findings::new(&definition.file);
    let path = property(PROPERTIES, "parameters");
    let owner = Owner { name: format!("linked service '{}'", definition.name), path: &path };
    let parameters = values(definition.properties.get("parameters"), &inputs.parameters, &owner, &mut findings);
    let resolved = resolve((factory, definition), parameters, inputs, &mut findings);
    let (resolved, warnings) = findings.finish(Some(resolved))?;
    Ok(ResolvedStore {
        linked_service_name: definition.name.clone(),
        linked_service_type: resolved.type_name,
        settings: Settings::new(serde_json::json!({ "linkedService": resolved.settings.real })),
        warnings,
    })
}

/// Resolves with the given parameter values; `findings` are those of the linked service's file.
pub(crate) fn resolve(
    (factory, definition): (&Factory, &Definition),
    parameters: Values,
    inputs: &Inputs,
    findings: &mut Findings,
) -> Resolved {
    let type_name = definition.type_name().to_owned();
    let class = schema::type_properties_class("LinkedService", &type_name).unwrap_or_default();
    let mut known: Vec<&str> = schema::property_names(&class).collect();
    known.extend(ALSO_ACCEPTED);
    let supplied = inputs.secrets.of(&definition.name, &known);
    let context = Context::new(inputs.now, &definition.name).with("linkedService", parameters.into());
    let mut reader = Reader {
        factory,
        inputs,
        definition,
        context: &context,
        class: &class,
        supplied: &supplied,
        missing: Vec::new(),
        has_secret: false,
    };
    let mut real = Map::from_iter([("type".to_owned(), Value::from(type_name.clone()))]);
    let mut masked = real.clone();
    for (name, value) in definition.type_properties() {
        let path = property(&property(PROPERTIES, "typeProperties"), &name);
        let Some(twin) = reader.read(&name, &value, &path, findings) else { continue };
        real.insert(name.clone(), twin.real);
        masked.insert(name, twin.masked);
    }
    reader.report_missing(findings);
    for (name, secret) in &supplied {
        real.insert(name.clone(), exposed(secret));
        masked.remove(name);
    }
    let path = property(PROPERTIES, "typeProperties");
    support::check(&Value::Object(real.clone()), &class, &path, Moment::Run { strict: inputs.strict }, findings);
    let type_name = support::store(&type_name).to_owned();
    real.insert("type".to_owned(), type_name.clone().into());
    Resolved { type_name, settings: Twin { real: real.into(), masked: masked.into() } }
}

/// Secrets that stand beside a connection string and supplement it, whatever the type's own table says.
const ALSO_ACCEPTED: [&str; 4] = ["password", "accountKey", "sasToken", "userName"];

/// The ways to say where a storage account is.
const ADDRESSES: [&str; 5] = ["connectionString", "sasUri", "serviceEndpoint", "containerUri", "url"];

struct Reader<'a> {
    factory: &'a Factory,
    inputs: &'a Inputs,
    definition: &'a Definition,
    context: &'a Context,
    class: &'a str,
    supplied: &'a BTreeMap<String, SecretString>,
    /// Path, property and reason of every secret that the definition does not carry.
    missing: Vec<(String, String, String)>,
    has_secret: bool,
}

impl Reader<'_> {
    /// The property's value, or `None` where it is replaced, missing or of no use here.
    fn read(&mut self, name: &str, value: &Value, path: &str, findings: &mut Findings) -> Option<Twin> {
        if self.supplied.contains_key(name) || self.is_replaced(name) || value.is_null() {
            return None;
        }
        if name == "encryptedCredential" {
            let reason = "holds an 'encryptedCredential', which only Microsoft's service can read;";
            self.missing.push((path.to_owned(), self.usual_secret().to_owned(), reason.to_owned()));
            return None;
        }
        if schema::shape_of(self.class, name) != Some("secret") {
            return Some(self.context.evaluate(value, path, findings));
        }
        let secret = match key_vault::reference(value) {
            Some(asked) => self.of_vault(asked, path, findings),
            None => plain_secret(value).map(str::to_owned).map_err(str::to_owned),
        };
        match secret {
            Ok(text) => {
                let twin = self.secret_text(&text, path, findings);
                // A connection string or a SAS address says where, and may say nothing secret.
                self.has_secret |= name != "connectionString";
                Some(Twin { masked: mask(name, &twin.masked), real: twin.real })
            }
            Err(reason) => {
                self.missing.push((path.to_owned(), name.to_owned(), reason));
                None
            }
        }
    }

    /// Whether this says where an account is, and another address of it was supplied: they exclude each other.
    fn is_replaced(&self, name: &str) -> bool {
        let is_address = |name: &str| ADDRESSES.contains(&name);
        is_address(name) && self.supplied.keys().any(|supplied| is_address(supplied))
    }

    /// Only a secret that mentions `linkedService()` is an expression: passwords begin with '@' as they like.
    fn secret_text(&self, text: &str, path: &str, findings: &mut Findings) -> Twin {
        let value = Value::from(text);
        if text.contains('@') && text.to_lowercase().contains("linkedservice(") {
            return self.context.evaluate(&value, path, findings);
        }
        Twin { masked: value.clone(), real: value }
    }

    /// The secret that usually completes a linked service of this type.
    fn usual_secret(&self) -> &'static str {
        match self.definition.type_name() {
            "AzureBlobStorage" | "AzureStorage" | "AzureBlobFS" => "accountKey",
            "Odbc" => "connectionString",
            _ => "password",
        }
    }

    fn report_missing(&self, findings: &mut Findings) {
        // A whole connection string replaces everything; a mounted folder needs no password.
        if self.supplied.contains_key("connectionString") || self.definition.type_name() == "FileServer" {
            return;
        }
        for (path, name, reason) in &self.missing {
            let encrypted = path.ends_with(".encryptedCredential");
            if encrypted && (self.has_secret || !self.supplied.is_empty()) {
                continue;
            }
            let service = &self.definition.name;
            let message = format!(
                "the linked service '{service}' {reason} supply '{name}': in a file given with --secrets, {}, or in the environment as {}",
                serde_json::json!({ service: { name: "..." } }),
                variable(service, name),
            );
            findings.error("missing-secret", path, message);
        }
    }
}

/// The text of a secret in any of its forms, or why it has none.
fn plain_secret(value: &Value) -> Result<&str, &'static str> {
    let text = value.as_str().or_else(|| value.get("value").and_then(Value::as_str));
    match text {
        Some(text) if is_masked(text) => Err("has a masked secret ('**********');"),
        Some(text) => Ok(text),
        None => Err("has a secret in a form that is not known;"),
    }
}

/// What a fingerprint and an echo may know of a secret: where it leads, not what it is.
fn mask(name: &str, value: &Value) -> Value {
    let text = value.as_str().unwrap_or_default();
    match name {
        "connectionString" => connection_string::masked(text).into(),
        "sasUri" => text.split('?').next().into(),
        _ => Value::Null,
    }
}
