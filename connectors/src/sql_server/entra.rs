//! Tokens of Microsoft Entra for the logins that have no password.

use std::sync::Arc;

use azure_core::{
    credentials::{Secret, TokenCredential},
    http::{ClientOptions, Transport},
};
use azure_identity::{
    ClientSecretCredential, ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId,
};
use ropeway_engine::{Error, ErrorKind, Result};
use secrecy::{ExposeSecret as _, SecretString};

use super::login::{Credential, Login};
use crate::{azure_blob::http, entra::Renewable};

/// A credential and the resource that its tokens are for. The credential renews tokens that run out by itself.
pub(crate) struct Entra {
    credential: Arc<Renewable>,
    scope: &'static str,
}

impl Entra {
    /// `None` for a login with a password.
    pub(crate) fn of(login: &Login) -> Result<Option<Self>> {
        let (cloud, builder) = match &login.credential {
            Credential::Sql { .. } => return Ok(None),
            Credential::ServicePrincipal { cloud, .. } => (cloud.as_deref(), reqwest::Client::builder()),
            // The endpoint of a managed identity is this machine's own: no proxy leads there.
            Credential::ManagedIdentity { .. } => (None, reqwest::Client::builder().no_proxy()),
        };
        let (scope, transport, identity) = (scope_of(cloud), transport(login, builder)?, login.credential.clone());
        let credential = Renewable::new(move || credential(&identity, &transport)).map_err(|error| {
            Error::new(ErrorKind::Spec, "the Entra identity of the linked service is not complete").caused_by(error)
        })?;
        Ok(Some(Self { credential, scope }))
    }

    /// The next token is another one than this, which the server refused.
    ///
    /// # Errors
    /// [`ErrorKind::Auth`] if there can be no other.
    pub(crate) fn renew(&self, refused: &SecretString) -> Result<()> {
        self.credential.renew(refused.expose_secret()).map_err(no_token)
    }

    /// A token for a login.
    ///
    /// # Errors
    /// [`ErrorKind::Auth`] if Entra gives none.
    pub(crate) async fn token(&self) -> Result<SecretString> {
        let token = self.credential.get_token(&[self.scope], None).await.map_err(no_token)?;
        Ok(SecretString::from(token.token.secret().to_owned()))
    }
}

fn no_token(error: azure_core::Error) -> Error {
    Error::new(
        ErrorKind::Auth,
        "Entra gave no token; check «tenant», «servicePrincipalId» and its key, or that this machine has the managed \
         identity",
    )
    .code("SqlUnauthorizedAccess")
    .caused_by(error)
}

/// A credential without a token. One with a password has none.
fn credential(identity: &Credential, transport: &Transport) -> azure_core::Result<Arc<dyn TokenCredential>> {
    let transport = Some(transport.clone());
    match identity {
        Credential::ServicePrincipal { tenant, id, key, cloud } => {
            let secret = Secret::new(key.expose_secret().to_owned());
            let client_options = ClientOptions { cloud: cloud_of(cloud.as_deref()), transport, ..Default::default() };
            let options = ClientSecretCredentialOptions { client_options };
            ClientSecretCredential::new(tenant, id.clone(), secret, Some(options)).map(|it| it as _)
        }
        Credential::ManagedIdentity { client_id } => {
            let user_assigned_id = client_id.clone().map(UserAssignedId::ClientId);
            let client_options = ClientOptions { transport, ..Default::default() };
            let options = ManagedIdentityCredentialOptions { user_assigned_id, client_options };
            ManagedIdentityCredential::new(Some(options)).map(|it| it as _)
        }
        Credential::Sql { .. } => {
            Err(azure_core::Error::with_message(azure_core::error::ErrorKind::Credential, "a password is no token"))
        }
    }
}

/// The library's own client would look for a TLS provider that this program does not have.
fn transport(login: &Login, builder: reqwest::ClientBuilder) -> Result<Transport> {
    let tls = http::tls(login.ca_bundle.as_deref())?;
    let client = builder.tls_backend_preconfigured(tls).redirect(reqwest::redirect::Policy::none()).build();
    let client = client.map_err(|error| {
        Error::new(ErrorKind::Bug, "the HTTP client could not be made; please report it").caused_by(error)
    })?;
    Ok(Transport::new(Arc::new(client)))
}

fn scope_of(cloud: Option<&str>) -> &'static str {
    match cloud {
        Some("AzureChina") => "https://database.chinacloudapi.cn/.default",
        Some("AzureUsGovernment") => "https://database.usgovcloudapi.net/.default",
        _ => "https://database.windows.net/.default",
    }
}

fn cloud_of(cloud: Option<&str>) -> Option<Arc<azure_core::cloud::CloudConfiguration>> {
    let known = match cloud {
        Some("AzureChina") => azure_core::cloud::CloudConfiguration::AzureChina,
        Some("AzureUsGovernment") => azure_core::cloud::CloudConfiguration::AzureGovernment,
        _ => return None,
    };
    Some(Arc::new(known))
}
