//! Which account, and how to log in: one decision made from the linked service.

use std::net::IpAddr;

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::Url;
use ropeway_engine::{Error, ErrorKind, Result};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::{
    connection_string::ConnectionString, credential::Entra, sas::SasPolicy, service::blob_endpoint, spec::LinkedService,
};

/// The emulator's published account; it opens nothing but an emulator on this machine.
const EMULATOR: (&str, &str) =
    ("devstoreaccount1", "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==");

/// A storage account and the way into it.
pub(crate) struct Account {
    /// For messages.
    pub(crate) name: String,
    /// The service's address without query and without a slash at its end.
    pub(crate) endpoint: Url,
    /// How requests are authorised.
    pub(crate) login: Login,
    /// The container that a SAS URI names, if it names one.
    pub(crate) container: Option<String>,
}

/// How requests are authorised.
pub(crate) enum Login {
    /// The account's key.
    SharedKey { account: String, key: SecretSlice<u8> },
    /// A shared access signature.
    Sas(SasPolicy),
    /// A token of Entra ID.
    Entra(Entra),
}

impl Account {
    /// Reads the linked service: exactly one of its ways to log in must be set.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] that names the properties to set.
    pub(crate) fn new(service: &LinkedService) -> Result<Self> {
        let ways = [
            service.connection_string.is_some(),
            service.sas_uri.is_some(),
            service.service_endpoint.is_some(),
            service.container_uri.is_some(),
        ];
        match ways.iter().filter(|set| **set).count() {
            0 => return Err(missing("set one of connectionString, sasUri and serviceEndpoint in the linked service")),
            1 => {}
            _ => {
                return Err(missing(
                    "connectionString, sasUri, serviceEndpoint and containerUri exclude each other; keep one in the linked service",
                ));
            }
        }
        if let Some(text) = &service.connection_string {
            return from_connection_string(&ConnectionString::parse(text)?, service.account_key.as_ref());
        }
        if let Some(uri) = &service.sas_uri {
            return from_sas(uri, service.sas_token.as_ref());
        }
        let Some(endpoint) = &service.service_endpoint else {
            return Err(missing(
                "containerUri is anonymous access, which cannot write; use connectionString, sasUri or serviceEndpoint",
            ));
        };
        let (endpoint, _) = split(endpoint)?;
        if endpoint.scheme() != "https" {
            return Err(missing("serviceEndpoint must start with https: a token is never sent in clear"));
        }
        Ok(Self { name: name_of(&endpoint), login: Login::Entra(Entra::new(service)?), endpoint, container: None })
    }

    /// The same for a Data Lake account, at its blob endpoint.
    pub(crate) fn of_data_lake(service: &LinkedService) -> Result<Self> {
        let account = match (&service.url, &service.sas_uri) {
            (Some(_), Some(_)) => {
                return Err(missing("url and sasUri exclude each other; keep one in the linked service"));
            }
            (None, None) => return Err(missing("set url or sasUri in the linked service")),
            (None, Some(uri)) => from_sas(uri, service.sas_token.as_ref())?,
            (Some(url), None) => {
                let (endpoint, _) = split(url)?;
                match &service.account_key {
                    Some(key) => shared_key(endpoint.as_str(), &name_of(&endpoint), key)?,
                    None if endpoint.scheme() != "https" => {
                        return Err(missing("url must start with https: a token is never sent in clear"));
                    }
                    None => {
                        let login = Login::Entra(Entra::new(service)?);
                        Self { name: name_of(&endpoint), login, endpoint, container: None }
                    }
                }
            }
        };
        Ok(Self { endpoint: blob_endpoint(account.endpoint)?, ..account })
    }
}

/// True for a host on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let named = url.host_str().is_some_and(|name| name.eq_ignore_ascii_case("localhost"));
    named || address(url).is_some_and(|address| address.is_loopback())
}

fn address(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

fn from_connection_string(parts: &ConnectionString, beside: Option<&SecretString>) -> Result<Account> {
    if parts.development {
        let endpoint = format!("http://127.0.0.1:10000/{}", EMULATOR.0);
        return shared_key(&endpoint, EMULATOR.0, &EMULATOR.1.into());
    }
    let endpoint = match (&parts.blob_endpoint, &parts.account_name) {
        (Some(endpoint), _) => endpoint.clone(),
        (None, Some(account)) => format!(
            "{}://{account}.blob.{}",
            parts.protocol.as_deref().unwrap_or("https"),
            parts.endpoint_suffix.as_deref().unwrap_or("core.windows.net")
        ),
        (None, None) => return Err(missing("the connection string names no AccountName and no BlobEndpoint; add one")),
    };
    if let Some(token) = &parts.shared_access_signature {
        return sas(&endpoint, token.expose_secret());
    }
    let Some(account) = &parts.account_name else {
        return Err(missing("the connection string has no AccountName; add it beside the key"));
    };
    let key = parts.account_key.as_ref().or(beside).ok_or_else(|| {
        missing("the connection string has no AccountKey and no SharedAccessSignature; supply accountKey as a secret")
    })?;
    shared_key(&endpoint, account, key)
}

fn from_sas(uri: &SecretString, token: Option<&SecretString>) -> Result<Account> {
    let uri = uri.expose_secret();
    let (address, query) = uri.split_once('?').unwrap_or((uri, ""));
    sas(address, token.map_or(query, |token| token.expose_secret()))
}

fn sas(address: &str, query: &str) -> Result<Account> {
    let (endpoint, container) = split(address)?;
    Ok(Account { name: name_of(&endpoint), login: Login::Sas(SasPolicy::new(query)?), endpoint, container })
}

fn shared_key(endpoint: &str, account: &str, key: &SecretString) -> Result<Account> {
    let (endpoint, _) = split(endpoint)?;
    let key = BASE64_STANDARD.decode(key.expose_secret()).ok().filter(|key| !key.is_empty()).ok_or_else(|| {
        missing("the account key is not base64; copy 'key1' or 'key2' again from the storage account's access keys")
            .with("account", account.escape_debug())
    })?;
    let login = Login::SharedKey { account: account.to_owned(), key: key.into() };
    Ok(Account { name: account.to_owned(), endpoint, login, container: None })
}

/// The service's address, and the container if the path goes on to one.
fn split(address: &str) -> Result<(Url, Option<String>)> {
    // The text may hold a token in the wrong place, so messages never repeat it.
    let mut url: Url = address.trim().parse().map_err(|_| {
        missing("the address of the blob service is no URL; write it like https://account.blob.core.windows.net")
    })?;
    if !(url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url)) {
        return Err(missing(
            "the address of the blob service must start with https; plain http is only for this machine",
        ));
    }
    if url.host_str().is_none() || !url.username().is_empty() || url.password().is_some() {
        return Err(missing(
            "the address of the blob service must hold a host and no user; write it like https://account.blob.core.windows.net",
        ));
    }
    url.set_query(None);
    url.set_fragment(None);
    // An emulator has the account in the path, the service has it in the host.
    let steps: Vec<String> = url.path().split('/').filter(|step| !step.is_empty()).map(str::to_owned).collect();
    let account_steps = usize::from(path_style(&url));
    // A slash at the end would make `//container`, which the service answers with an empty 400.
    url.set_path(&steps[..account_steps.min(steps.len())].join("/"));
    Ok((url, steps.get(account_steps).cloned()))
}

fn path_style(url: &Url) -> bool {
    is_loopback(url) || address(url).is_some()
}

fn name_of(endpoint: &Url) -> String {
    let host = endpoint.host_str().unwrap_or_default();
    let name =
        if path_style(endpoint) { endpoint.path().trim_matches('/') } else { host.split('.').next().unwrap_or(host) };
    name.to_owned()
}

fn missing(message: &'static str) -> Error {
    Error::new(ErrorKind::Spec, message)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn account(service: Value) -> Result<Account> {
        Account::new(&serde_json::from_value(service).unwrap())
    }

    #[test]
    fn every_shape_gives_its_endpoint_and_login() {
        let key = "a2V5";
        for (service, endpoint, name, login) in [
            (
                json!({"connectionString": format!("AccountName=shop;AccountKey={key}")}),
                "https://shop.blob.core.windows.net/",
                "shop",
                "key",
            ),
            (
                json!({"connectionString": "AccountName=shop;EndpointSuffix=core.chinacloudapi.cn", "accountKey": key}),
                "https://shop.blob.core.chinacloudapi.cn/",
                "shop",
                "key",
            ),
            (
                json!({"connectionString": "UseDevelopmentStorage=true"}),
                "http://127.0.0.1:10000/devstoreaccount1",
                "devstoreaccount1",
                "key",
            ),
            (
                json!({"connectionString": format!("BlobEndpoint=https://127.0.0.1:9/acc/;AccountName=acc;AccountKey={key}")}),
                "https://127.0.0.1:9/acc",
                "acc",
                "key",
            ),
            (
                json!({"connectionString": "BlobEndpoint=https://shop.blob.core.windows.net;SharedAccessSignature=sv=1&sig=x"}),
                "https://shop.blob.core.windows.net/",
                "shop",
                "sas",
            ),
            (
                json!({"sasUri": "https://shop.blob.core.windows.net/box?sv=1&sig=x"}),
                "https://shop.blob.core.windows.net/",
                "shop",
                "sas",
            ),
            (
                json!({"sasUri": "https://shop.blob.core.windows.net/", "sasToken": "?sv=1&sig=x"}),
                "https://shop.blob.core.windows.net/",
                "shop",
                "sas",
            ),
            (
                json!({"serviceEndpoint": "https://shop.blob.core.windows.net/"}),
                "https://shop.blob.core.windows.net/",
                "shop",
                "entra",
            ),
        ] {
            let account = account(service.clone()).unwrap_or_else(|error| panic!("{service}: {error}"));
            let kind = match account.login {
                Login::SharedKey { .. } => "key",
                Login::Sas(_) => "sas",
                Login::Entra(_) => "entra",
            };
            assert_eq!((account.endpoint.as_str(), account.name.as_str(), kind), (endpoint, name, login), "{service}");
        }
    }

    #[test]
    fn a_container_sas_names_its_container() {
        let account = account(json!({"sasUri": "https://127.0.0.1:9/acc/box?sv=1&sig=x"})).unwrap();
        assert_eq!((account.container.as_deref(), account.endpoint.path()), (Some("box"), "/acc"));
    }

    #[test]
    fn wrong_shapes_are_spec_errors_that_repeat_no_secret() {
        for service in [
            json!({}),
            json!({"connectionString": "AccountName=a;AccountKey=hunter2!"}),
            json!({"connectionString": "AccountKey=hunter2"}),
            json!({"connectionString": "AccountName=a"}),
            json!({"connectionString": "BlobEndpoint=http://shop.example;AccountName=a;AccountKey=hunter2=="}),
            json!({"connectionString": "BlobEndpoint=https://hunter2:x@shop.example;AccountName=a;AccountKey=aaaa"}),
            json!({"sasUri": "https://shop.blob.core.windows.net/?se=hunter2"}),
            json!({"sasUri": "hunter2"}),
            json!({"sasUri": "https://a.b/?sig=hunter2", "connectionString": "AccountName=hunter2"}),
            json!({"containerUri": "https://shop.blob.core.windows.net/box"}),
            json!({"serviceEndpoint": "http://127.0.0.1:1/acc"}),
        ] {
            let error = account(service.clone()).err().unwrap_or_else(|| panic!("{service} was accepted"));
            assert_eq!(error.kind(), ErrorKind::Spec);
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }
}
