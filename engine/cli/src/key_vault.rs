//! Fetches the secrets of Key Vaults that a person allowed to ask, and of no other: who is asked is shown a token.

use std::{path::Path, time::Duration};

use ropeway_connectors::web::{Call, Caller, Reply, may_be_called};
use ropeway_engine::{Error, ErrorKind, Result, retry::RetryClass};
use ropeway_specs::{Diagnostic, Inputs, VaultSecret};
use serde_json::Value;

use crate::{args::ConnectionArgs, request::Request};

/// The version of the service's interface.
const VERSION: &str = "7.4";
/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(30);
/// What tokens are for, by the ends of the vaults' names; the first one is everybody else's.
const RESOURCES: [(&str, &str); 3] = [
    (".vault.azure.net", "https://vault.azure.net"),
    (".vault.azure.cn", "https://vault.azure.cn"),
    (".vault.usgovcloudapi.net", "https://vault.usgovcloudapi.net"),
];

/// Which vaults may be asked, and how they are reached.
pub(crate) struct KeyVault<'a> {
    /// As `--allow-host` has them.
    pub(crate) hosts: &'a [String],
    pub(crate) ca_bundle: Option<&'a Path>,
    pub(crate) proxy: Option<&'a str>,
}

impl<'a> KeyVault<'a> {
    pub(crate) fn of(request: &'a Request) -> Self {
        let Request { allow_hosts, ca_bundle, proxy, .. } = request;
        Self { hosts: allow_hosts, ca_bundle: ca_bundle.as_deref(), proxy: proxy.as_deref() }
    }

    pub(crate) fn of_line(connection: &'a ConnectionArgs) -> Self {
        let ConnectionArgs { allow_host, ca_bundle, proxy, .. } = connection;
        Self { hosts: allow_host, ca_bundle: ca_bundle.as_deref(), proxy: proxy.as_deref() }
    }

    /// Evaluates, and does so again while that asks for secrets that can be fetched. What is not allowed is told by what
    /// was evaluated.
    ///
    /// # Errors
    /// Of a vault that was asked.
    pub(crate) async fn with_secrets<T>(
        &self,
        inputs: &Inputs,
        evaluate: impl Fn() -> Result<T, Vec<Diagnostic>>,
    ) -> Result<Result<T, Vec<Diagnostic>>> {
        loop {
            let found = evaluate();
            let mut wanted = inputs.vaults.take_wanted();
            wanted.retain(|secret| may_be_called(&secret.vault, self.hosts));
            if found.is_ok() || wanted.is_empty() {
                return Ok(found);
            }
            for secret in wanted {
                let value = self
                    .fetch(&secret)
                    .await
                    .map_err(|error| error.with("vault", &secret.vault).with("secret", &secret.name))?;
                inputs.vaults.put(secret, value);
            }
        }
    }

    async fn fetch(&self, secret: &VaultSecret) -> Result<String> {
        let VaultSecret { vault, name, version } = secret;
        let version = version.as_ref().map(|version| format!("/{version}")).unwrap_or_default();
        let call = Call {
            url: format!("{vault}/secrets/{name}{version}?api-version={VERSION}"),
            method: "GET".to_owned(),
            headers: Vec::new(),
            body: None,
            caller: Some(caller(resource(vault))),
            limit: LIMIT,
            follows_accepted: false,
        };
        value(&call.make(self.hosts, self.ca_bundle, self.proxy).await?)
    }
}

fn resource(vault: &str) -> &'static str {
    let known = RESOURCES.iter().find(|(end, _)| vault.ends_with(end)).unwrap_or(&RESOURCES[0]);
    known.1
}

/// The application that the environment names, as Azure's own tools know it; else the identity of this machine.
fn caller(resource: &str) -> Caller {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let resource = resource.to_owned();
    match (variable("AZURE_TENANT_ID"), variable("AZURE_CLIENT_ID"), variable("AZURE_CLIENT_SECRET")) {
        (Some(tenant), Some(client), Some(key)) => {
            Caller::ServicePrincipal { tenant, client, key: key.into(), resource }
        }
        _ => Caller::ManagedIdentity { resource },
    }
}

/// The secret in an answer, of which nothing else is told.
fn value(reply: &Reply) -> Result<String> {
    let (kind, message) = match reply.status {
        200 => {
            let answer: Value = serde_json::from_str(&reply.body).unwrap_or_default();
            if let Some(secret) = answer.get("value").and_then(Value::as_str) {
                return Ok(secret.to_owned());
            }
            (ErrorKind::Data, "the Key Vault's answer holds no secret; check the vault's address")
        }
        401 | 403 => (
            ErrorKind::Auth,
            "the Key Vault does not show the secret to this identity; let it read secrets there, or supply the secret with --secrets",
        ),
        404 => (
            ErrorKind::Spec,
            "the Key Vault has no such secret; correct 'secretName', or supply the secret with --secrets",
        ),
        408 | 429 | 500.. => (ErrorKind::Unavailable, "the Key Vault does not answer now; try again later"),
        _ => (ErrorKind::Spec, "the Key Vault does not understand the request; check its address"),
    };
    let error = Error::new(kind, message).with("status", reply.status).code("2108");
    Err(if kind == ErrorKind::Unavailable { error.class(RetryClass::Transient) } else { error })
}
