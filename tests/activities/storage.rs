//! A storage account of Azurite, for tests that put blobs there and look at them.

use std::fs;

use ropeway_tests::{
    azurite::{self, Azurite},
    raw_blob::{Raw, signed},
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::cli::workshop::Workshop;

pub(super) struct Storage {
    azurite: Azurite,
    runtime: Runtime,
}

impl Storage {
    /// An account with these containers.
    pub(super) fn with(containers: &[&str]) -> Self {
        let storage = Self { azurite: Azurite::start(), runtime: Runtime::new().expect("a runtime") };
        for name in containers {
            storage.container(name).expect("a container");
        }
        storage
    }

    /// Makes a container; the service may refuse its name.
    pub(super) fn container(&self, name: &str) -> Result<(), String> {
        let (status, text) = self.send("PUT", &format!("/{name}"), &[("restype", "container")], &[]);
        if status == 201 { Ok(()) } else { Err(String::from_utf8_lossy(&text).into_owned()) }
    }

    /// Takes a container away, with all that is in it.
    pub(super) fn drop_container(&self, name: &str) {
        let (status, text) = self.send("DELETE", &format!("/{name}"), &[("restype", "container")], &[]);
        assert_eq!(status, 202, "{}", String::from_utf8_lossy(&text));
    }

    pub(super) fn endpoint(&self) -> String {
        self.azurite.endpoint()
    }

    pub(super) fn connection_string(&self) -> String {
        self.azurite.connection_string()
    }

    /// Writes its certificate's authority beside the workshop's factory; the path is for `--ca-bundle`.
    pub(super) fn bundle(&self, workshop: &Workshop) -> String {
        let pem = fs::read_to_string(self.azurite.ca().authority()).expect("an authority");
        let bundle = workshop.data().join(".storage.pem");
        fs::write(&bundle, pem).expect("a writable folder");
        bundle.to_string_lossy().into_owned()
    }

    /// Puts a blob: `container/path`.
    pub(super) fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        let authority = Some(self.azurite.ca().authority());
        let raw = Raw { endpoint: self.endpoint(), account: azurite::ACCOUNT, key: azurite::KEY, authority };
        let sending = ropeway_tests::raw_blob::Sending {
            method: "PUT",
            path: &format!("/{path}"),
            query: &[],
            headers: &[("x-ms-blob-type", "BlockBlob")],
            body: content.as_ref(),
        };
        let (status, text) = self.runtime.block_on(ropeway_tests::raw_blob::send(&raw, &sending));
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&text));
    }

    /// The content of a blob; `None` if there is none.
    pub(super) fn get(&self, path: &str) -> Option<String> {
        let (status, content) = self.send("GET", &format!("/{path}"), &[], &[]);
        (status == 200).then(|| String::from_utf8(content).expect("a text"))
    }

    /// The paths of all blobs of a container, sorted.
    pub(super) fn list(&self, container: &str) -> Vec<String> {
        let (status, text) =
            self.send("GET", &format!("/{container}"), &[("restype", "container"), ("comp", "list")], &[]);
        let text = String::from_utf8(text).expect("XML");
        assert_eq!(status, 200, "{text}");
        let names = text.split("<Name>").skip(1).filter_map(|rest| rest.split_once("</Name>"));
        let mut names: Vec<String> = names.map(|(name, _)| name.to_owned()).collect();
        names.sort();
        names
    }

    /// The account as a linked service of this type.
    pub(super) fn service(&self, type_name: &str) -> Value {
        let key = json!({ "type": "SecureString", "value": azurite::KEY });
        let settings = match type_name {
            "AzureBlobFS" => json!({ "url": self.endpoint(), "accountKey": key }),
            _ => json!({ "connectionString": { "type": "SecureString", "value": self.connection_string() } }),
        };
        json!({ "type": type_name, "typeProperties": settings })
    }

    fn send(&self, method: &str, path: &str, query: &[(&str, &str)], body: &[u8]) -> (u16, Vec<u8>) {
        let authority = Some(self.azurite.ca().authority());
        let raw = Raw { endpoint: self.endpoint(), account: azurite::ACCOUNT, key: azurite::KEY, authority };
        self.runtime.block_on(signed(&raw, method, path, query, body.to_vec()))
    }
}
