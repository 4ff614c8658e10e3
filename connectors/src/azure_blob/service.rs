//! Blob Storage and Data Lake Storage: two names for one account.
//!
//! A Data Lake account shows the same data at its `dfs` and at its `blob` endpoint. Ropeway speaks to the second for both:
//! a block list shows a file at once and whole, and its blocks are named by their content, where the other protocol
//! appends to a file that readers see growing. The price: a file that another program appended to by that protocol cannot
//! be overwritten as long as it stands there (`BlobOperationNotSupported`), and a firewall that opens only the `dfs` name
//! has to open the other one as well.

use reqwest::Url;
use ropeway_engine::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::Value;

use super::{
    account::{Account, is_loopback},
    names,
    spec::{Dataset, LinkedService, Location},
};

/// The service that a definition speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// `AzureBlobStorage`.
    Blob,
    /// `AzureBlobFS`.
    DataLake,
}

impl Service {
    fn location_type(self) -> &'static str {
        match self {
            Self::Blob => "AzureBlobStorageLocation",
            Self::DataLake => "AzureBlobFSLocation",
        }
    }

    /// The account of a linked service of this type.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] that names the properties to set.
    pub(crate) fn account(self, service: &LinkedService) -> Result<Account> {
        match self {
            Self::Blob => Account::new(service),
            Self::DataLake => Account::of_data_lake(service),
        }
    }

    /// The location of a dataset, and its container.
    ///
    /// # Errors
    /// A location of another store, no container, one that the login is not for.
    pub(crate) fn location(self, dataset: &Value, account: &Account) -> Result<(String, Location)> {
        let dataset = Dataset::deserialize(dataset).map_err(|error| {
            Error::new(ErrorKind::Spec, format!("the settings of this dataset in a storage account are wrong: {error}"))
        })?;
        let location = dataset.location;
        if location.kind != self.location_type() {
            return Err(Error::new(
                ErrorKind::Spec,
                format!("the dataset's location is not of this store; use {}", self.location_type()),
            )
            .with("type", location.kind.escape_debug()));
        }
        let (named, advice) = match self {
            Self::Blob => (&location.container, "the dataset names no container; set 'container' in its location"),
            Self::DataLake => {
                (&location.file_system, "the dataset names no file system; set 'fileSystem' in its location")
            }
        };
        let container = named.clone().filter(|name| !name.is_empty());
        let container = container.ok_or_else(|| Error::new(ErrorKind::Spec, advice))?;
        names::container(&container)?;
        if let Some(own) = account.container.as_ref().filter(|own| **own != container) {
            return Err(Error::new(
                ErrorKind::Spec,
                "sasUri is for another container than the dataset's; use the SAS of that container",
            )
            .with("sasUri", own.escape_debug())
            .with("container", container.escape_debug()));
        }
        Ok((container, location))
    }
}

/// The address of the blob service of a Data Lake account.
///
/// # Errors
/// [`ErrorKind::Spec`] for what is no such address.
pub(crate) fn blob_endpoint(mut url: Url) -> Result<Url> {
    let host = url.host_str().unwrap_or_default();
    let refused = || {
        Error::new(
            ErrorKind::Spec,
            "the url of a Data Lake account looks like https://account.dfs.core.windows.net; correct it",
        )
    };
    if is_loopback(&url) || host.contains(".blob.") {
        return Ok(url);
    }
    let Some((account, suffix)) = host.split_once(".dfs.") else { return Err(refused()) };
    let host = format!("{account}.blob.{suffix}");
    url.set_host(Some(&host)).map_err(|_| refused())?;
    Ok(url)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn account(service: Value) -> Result<Account> {
        Service::DataLake.account(&serde_json::from_value(service).unwrap())
    }

    #[test]
    fn a_data_lake_is_reached_at_the_blob_endpoint_of_its_account() {
        for (service, endpoint, name) in [
            (
                json!({"url": "https://lake.dfs.core.windows.net/", "accountKey": "a2V5"}),
                "https://lake.blob.core.windows.net/",
                "lake",
            ),
            (json!({"url": "https://lake.dfs.core.windows.net"}), "https://lake.blob.core.windows.net/", "lake"),
            (json!({"url": "http://127.0.0.1:9/acc", "accountKey": "a2V5"}), "http://127.0.0.1:9/acc", "acc"),
            (
                json!({"sasUri": "https://lake.dfs.core.windows.net/?sv=1&sig=x"}),
                "https://lake.blob.core.windows.net/",
                "lake",
            ),
        ] {
            let account = account(service.clone()).unwrap_or_else(|error| panic!("{service}: {error}"));
            assert_eq!((account.endpoint.as_str(), account.name.as_str()), (endpoint, name), "{service}");
        }
        for wrong in [
            json!({}),
            json!({"url": "https://lake.example.com", "accountKey": "a2V5"}),
            json!({"url": "http://lake.dfs.core.windows.net", "accountKey": "a2V5"}),
            json!({"url": "http://127.0.0.1:9/acc"}),
            json!({"url": "https://lake.dfs.core.windows.net", "accountKey": "hunter2!"}),
            json!({"url": "https://lake.dfs.core.windows.net", "sasUri": "https://lake.dfs.core.windows.net/?sig=hunter2"}),
        ] {
            let error = account(wrong.clone()).err().unwrap_or_else(|| panic!("{wrong} was accepted"));
            assert_eq!(error.kind(), ErrorKind::Spec, "{wrong}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_location_is_of_its_store_and_names_a_container() {
        let account = account(json!({"url": "https://lake.dfs.core.windows.net"})).unwrap();
        let of = |location: Value| Service::DataLake.location(&json!({"location": location}), &account);
        let good = json!({"type": "AzureBlobFSLocation", "fileSystem": "raw", "folderPath": "in"});
        assert_eq!(of(good).unwrap().0, "raw");
        for wrong in [
            json!({"type": "AzureBlobStorageLocation", "container": "raw"}),
            json!({"type": "AzureBlobFSLocation", "container": "raw"}),
            json!({"type": "AzureBlobFSLocation", "fileSystem": "R"}),
        ] {
            assert_eq!(of(wrong).err().unwrap().kind(), ErrorKind::Spec);
        }
    }
}
