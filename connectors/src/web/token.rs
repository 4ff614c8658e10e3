//! Tokens of Microsoft Entra for endpoints.

use std::{path::Path, sync::Arc};

use azure_core::{
    credentials::{Secret, TokenCredential},
    http::{ClientOptions, Transport},
};
use azure_identity::{
    ClientSecretCredential, ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
};
use ropeway_engine::{Error, ErrorKind, Result};
use secrecy::{ExposeSecret as _, SecretString};

use super::Caller;
use crate::azure_blob::http;

/// The token that tells who calls.
///
/// # Errors
/// [`ErrorKind::Auth`] if Entra gives none.
pub(super) async fn of(caller: &Caller, ca_bundle: Option<&Path>) -> Result<SecretString> {
    let (credential, resource) = credential(caller, ca_bundle)?;
    let scope = format!("{}/.default", resource.trim_end_matches('/'));
    let token = credential.get_token(&[&scope], None).await.map_err(no_token)?;
    Ok(SecretString::from(token.token.secret().to_owned()))
}

fn credential<'c>(caller: &'c Caller, ca_bundle: Option<&Path>) -> Result<(Arc<dyn TokenCredential>, &'c str)> {
    match caller {
        Caller::ServicePrincipal { tenant, client, key, resource } => {
            let client_options = options(ca_bundle, reqwest::Client::builder())?;
            let secret = Secret::new(key.expose_secret().to_owned());
            let options = Some(ClientSecretCredentialOptions { client_options });
            let credential = ClientSecretCredential::new(tenant, client.clone(), secret, options).map_err(no_token)?;
            Ok((credential, resource))
        }
        Caller::ManagedIdentity { resource } => {
            // Its endpoint is this machine's own: no proxy leads there.
            let client_options = options(ca_bundle, reqwest::Client::builder().no_proxy())?;
            let options = Some(ManagedIdentityCredentialOptions { client_options, ..Default::default() });
            Ok((ManagedIdentityCredential::new(options).map_err(no_token)?, resource))
        }
        Caller::Basic { .. } => Err(Error::new(ErrorKind::Bug, "a password is no token; please report it")),
    }
}

fn options(ca_bundle: Option<&Path>, builder: reqwest::ClientBuilder) -> Result<ClientOptions> {
    let builder = builder.tls_backend_preconfigured(http::tls(ca_bundle)?);
    let client = builder.redirect(reqwest::redirect::Policy::none()).build().map_err(|error| {
        Error::new(ErrorKind::Bug, "the HTTP client could not be made; please report it").caused_by(error)
    })?;
    Ok(ClientOptions { transport: Some(Transport::new(Arc::new(client))), ..Default::default() })
}

fn no_token(error: azure_core::Error) -> Error {
    let message = "Entra gave no token; check the application's tenant, id and key, or that this machine has the managed identity";
    Error::new(ErrorKind::Auth, message).code("2403").caused_by(error)
}
