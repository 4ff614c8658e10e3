//! Logins with a token of Entra ID.

use std::sync::Arc;

use azure_core::{
    cloud::CloudConfiguration,
    credentials::{Secret, TokenCredential},
    http::{ClientOptions, RetryOptions, Transport},
};
use azure_identity::{
    AzureCliCredential, ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};
use ropeway_engine::{Error, ErrorKind, Result};
use secrecy::{ExposeSecret, SecretString};

use super::spec::LinkedService;
use crate::entra::Renewable;

/// Who asks for the token.
#[derive(Clone)]
pub(crate) struct Entra {
    identity: Identity,
    /// Whose Entra ID is asked; without it `AZURE_AUTHORITY_HOST` says, or it is the public one.
    cloud: Option<CloudConfiguration>,
}

#[derive(Clone)]
enum Identity {
    ServicePrincipal { tenant: String, id: String, key: SecretString },
    Managed,
    Workload,
    AzureCli,
}

impl Entra {
    /// Decides who asks: `authenticationType` if it is there, else a service principal if one is
    /// given, else the identity this machine has.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] that names what is missing.
    pub(crate) fn new(service: &LinkedService) -> Result<Self> {
        let wanted = service.authentication_type.as_deref();
        let identity = match wanted {
            Some("ServicePrincipal") => service_principal(service)?,
            None if service.service_principal_id.is_some() => service_principal(service)?,
            Some("Msi") | None => of_this_machine(),
            Some("AzureCli") => Identity::AzureCli,
            Some("WorkloadIdentity") => Identity::Workload,
            Some(other) => {
                return Err(Error::new(
                    ErrorKind::Spec,
                    "with serviceEndpoint the authenticationType is ServicePrincipal, Msi, WorkloadIdentity or AzureCli",
                )
                .with("authenticationType", other.escape_debug()));
            }
        };
        Ok(Self { identity, cloud: cloud(service.azure_cloud_type.as_deref())? })
    }

    /// The credential that the client asks for tokens, through the same transport as blobs.
    ///
    /// # Errors
    /// [`ErrorKind::Auth`] if this machine has no such identity.
    pub(crate) fn credential(&self, transport: &Transport) -> Result<Arc<Renewable>> {
        let (this, transport) = (self.clone(), transport.clone());
        let made = Renewable::new(move || this.make(&transport));
        // The library's text may quote what it was given, so only its kind is kept.
        made.map_err(|error| Error::new(ErrorKind::Auth, self.advice()).with("reason", error.kind()))
    }

    fn make(&self, transport: &Transport) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let client_options = ClientOptions {
            transport: Some(transport.clone()),
            cloud: self.cloud.clone().map(Arc::new),
            retry: RetryOptions::none(),
            ..ClientOptions::default()
        };
        match &self.identity {
            Identity::ServicePrincipal { tenant, id, key } => ClientSecretCredential::new(
                tenant,
                id.clone(),
                Secret::new(key.expose_secret().to_owned()),
                Some(ClientSecretCredentialOptions { client_options }),
            )
            .map(|it| it as _),
            Identity::Managed => {
                let options = ManagedIdentityCredentialOptions { client_options, ..Default::default() };
                ManagedIdentityCredential::new(Some(options)).map(|it| it as _)
            }
            Identity::Workload => {
                let credential_options = ClientAssertionCredentialOptions { client_options };
                let options = WorkloadIdentityCredentialOptions { credential_options, ..Default::default() };
                WorkloadIdentityCredential::new(Some(options)).map(|it| it as _)
            }
            Identity::AzureCli => AzureCliCredential::new(None).map(|it| it as _),
        }
    }

    /// What to check when no token came.
    pub(crate) fn advice(&self) -> &'static str {
        match &self.identity {
            Identity::ServicePrincipal { .. } => {
                "Entra ID gave the service principal no token; check tenant, servicePrincipalId and that servicePrincipalKey has not expired"
            }
            Identity::Managed => {
                "this machine has no managed identity that gives a token; assign one, or log in with a service principal"
            }
            Identity::Workload => {
                "the workload identity gave no token; check AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_FEDERATED_TOKEN_FILE"
            }
            Identity::AzureCli => "the Azure CLI gave no token; run 'az login' as the user that runs this program",
        }
    }
}

fn service_principal(service: &LinkedService) -> Result<Identity> {
    if let Some(kind) =
        service.service_principal_credential_type.as_deref().filter(|kind| *kind != "ServicePrincipalKey")
    {
        return Err(Error::new(
            ErrorKind::Spec,
            "a service principal logs in with a key here; set servicePrincipalCredentialType to ServicePrincipalKey",
        )
        .with("servicePrincipalCredentialType", kind.escape_debug()));
    }
    let key = service.service_principal_key.as_ref().or(service.service_principal_credential.as_ref());
    match (&service.tenant, &service.service_principal_id, key) {
        (Some(tenant), Some(id), Some(key)) => {
            Ok(Identity::ServicePrincipal { tenant: tenant.clone(), id: id.clone(), key: key.clone() })
        }
        _ => Err(Error::new(
            ErrorKind::Spec,
            "a service principal needs tenant, servicePrincipalId and servicePrincipalKey in the linked service",
        )),
    }
}

/// A pod with a federated token has that identity; any other machine is asked for its managed one.
fn of_this_machine() -> Identity {
    if std::env::var_os("AZURE_FEDERATED_TOKEN_FILE").is_some() { Identity::Workload } else { Identity::Managed }
}

fn cloud(name: Option<&str>) -> Result<Option<CloudConfiguration>> {
    match name {
        None => Ok(None),
        Some("AzurePublic") => Ok(Some(CloudConfiguration::AzurePublic)),
        Some("AzureChina") => Ok(Some(CloudConfiguration::AzureChina)),
        Some("AzureUsGovernment") => Ok(Some(CloudConfiguration::AzureGovernment)),
        Some(other) => {
            Err(Error::new(ErrorKind::Spec, "azureCloudType is AzurePublic, AzureChina or AzureUsGovernment")
                .with("azureCloudType", other.escape_debug()))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn entra(service: Value) -> Result<Entra> {
        Entra::new(&serde_json::from_value(service).unwrap())
    }

    #[test]
    fn the_hint_decides_and_a_principal_needs_all_three() {
        let principal = json!({"servicePrincipalId": "app", "servicePrincipalKey": "k", "tenant": "t"});
        assert!(matches!(entra(principal).unwrap().identity, Identity::ServicePrincipal { .. }));
        assert!(matches!(entra(json!({"authenticationType": "AzureCli"})).unwrap().identity, Identity::AzureCli));
        assert!(matches!(
            entra(json!({"authenticationType": "WorkloadIdentity"})).unwrap().identity,
            Identity::Workload
        ));
        for wrong in [
            json!({"authenticationType": "ServicePrincipal"}),
            json!({"servicePrincipalId": "app"}),
            json!({"authenticationType": "Password"}),
            json!({"azureCloudType": "AzureMoon"}),
        ] {
            assert_eq!(entra(wrong).err().unwrap().kind(), ErrorKind::Spec);
        }
    }
}
