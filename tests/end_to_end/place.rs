//! Where an example writes to, as readers see it.

use std::{fs, process::Command};

use ropeway_tests::{
    azurite::{self, Azurite},
    blob_service::{self, BlobService},
    private_ca::PrivateCa,
    raw_blob::{Raw, signed},
    readback,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::{runtime::Handle, task::block_in_place};

use super::{example::Example, oracle::Row};

/// A store, and what an example leaves in each round's part of it.
pub(crate) struct Place {
    store: Store,
    shape: Shape,
}

/// Where blobs or files are.
pub(crate) enum Store {
    Folder(TempDir),
    Fake(BlobService),
    Real(Box<Azurite>),
}

/// What readers look for.
pub(crate) enum Shape {
    /// One file or blob of this name.
    Single(&'static str),
    /// A folder of this path, complete once it has `_SUCCESS`.
    Folder(&'static str),
}

impl Place {
    /// A folder of this machine.
    pub(crate) fn local(shape: Shape) -> Self {
        Self { store: Store::Folder(tempfile::tempdir().expect("a temporary folder")), shape }
    }

    /// The blob service that keeps the service's rules, over HTTPS.
    pub(crate) async fn fake(shape: Shape) -> Self {
        Self { store: Store::Fake(BlobService::https(PrivateCa::new(&["127.0.0.1"])).await), shape }
    }

    /// Azurite, over HTTPS.
    pub(crate) fn azurite(shape: Shape) -> Self {
        Self { store: Store::Real(Box::new(Azurite::start())), shape }
    }

    /// The service of [`Place::fake`], to let it fail.
    pub(crate) fn service(&self) -> &BlobService {
        match &self.store {
            Store::Fake(service) => service,
            _ => panic!("this place is another one"),
        }
    }

    /// Makes the place of a round and points the example at it.
    pub(crate) fn make(&self, round: &str, example: &mut Example) {
        if let Store::Folder(root) = &self.store {
            let root = root.path().join(round);
            fs::create_dir(&root).expect("a new round");
            example.give("root", root.to_str().expect("a plain path"));
            return;
        }
        let (raw, secret) = self.raw();
        if let Store::Fake(service) = &self.store {
            service.create_container(round);
        } else {
            let (status, text) = request(&raw, "PUT", &format!("/{round}"), &[("restype", "container")]);
            assert_eq!(status, 201, "{}", String::from_utf8_lossy(&text));
        }
        example.give("account", raw.account);
        example.give("endpoint", &raw.endpoint);
        example.give("container", round);
        example.secret("LS_Blob", "accountKey", secret);
        example.trust(&fs::read_to_string(raw.authority.expect("HTTPS")).expect("the authority"));
    }

    /// Names that readers see in a round's place.
    pub(crate) fn visible(&self, round: &str) -> Vec<String> {
        let Store::Folder(root) = &self.store else {
            let query = [("restype", "container"), ("comp", "list")];
            let (status, text) = request(&self.raw().0, "GET", &format!("/{round}"), &query);
            let text = String::from_utf8(text).expect("XML");
            assert_eq!(status, 200, "{text}");
            let names = text.split("<Name>").skip(1).map(|rest| rest.split("</Name>").next().expect("a name"));
            return names.map(str::to_owned).collect();
        };
        let root = root.path().join(round);
        let mut find = Command::new("find");
        find.arg(&root).args(["-type", "f", "-printf", "%P\\n"]);
        let found = find.output().expect("find is installed");
        assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
        let names = String::from_utf8(found.stdout).expect("plain names");
        let hidden = |name: &&str| name.split('/').any(|step| step.starts_with('.'));
        names.lines().filter(|name| !hidden(name)).map(str::to_owned).collect()
    }

    /// The rows that an independent reader sees; `None` before the copy is there. A part of a single file is never
    /// there; a folder is a copy once it has `_SUCCESS`.
    pub(crate) fn rows(&self, round: &str) -> Option<Vec<Row>> {
        let visible = self.visible(round);
        let names: Vec<_> = match self.shape {
            Shape::Single(name) => {
                assert!(visible.iter().all(|seen| seen == name), "more than {name} is visible: {visible:?}");
                visible
            }
            Shape::Folder(path) => {
                let inside = |name: &&String| name.strip_prefix(path).is_some_and(|name| name.starts_with('/'));
                assert!(visible.iter().all(|name| inside(&name)), "something beside {path} is visible: {visible:?}");
                if !visible.iter().any(|name| *name == format!("{path}/_SUCCESS")) {
                    return None;
                }
                let is_part = |name: &String| !name[path.len() + 1..].starts_with('_');
                visible.into_iter().filter(is_part).collect()
            }
        };
        (!names.is_empty()).then(|| self.read(round, &names))
    }

    fn read(&self, round: &str, names: &[String]) -> Vec<Row> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in names {
            let file = folder.path().join(name.rsplit('/').next().expect("a name"));
            let bytes = match &self.store {
                Store::Folder(root) => fs::read(root.path().join(round).join(name)).expect("a readable file"),
                _ => self.get(&format!("/{round}/{name}")),
            };
            fs::write(file, bytes).expect("a writable folder");
        }
        match names[0].rsplit('.').next() {
            Some("parquet") => readback::parquet(folder.path(), usize::MAX >> 1).values,
            Some("csv") => readback::csv(folder.path(), &json!({"escape": "\""}), usize::MAX >> 1).values,
            _ => panic!("nobody expects {}", names[0]),
        }
    }

    fn get(&self, path: &str) -> Vec<u8> {
        let (status, bytes) = request(&self.raw().0, "GET", path, &[]);
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&bytes));
        bytes
    }

    fn raw(&self) -> (Raw<'static>, &'static str) {
        let (endpoint, account, key, ca) = match &self.store {
            Store::Fake(fake) => (fake.endpoint(), blob_service::ACCOUNT, blob_service::KEY, fake.ca()),
            Store::Real(azurite) => (azurite.endpoint(), azurite::ACCOUNT, azurite::KEY, Some(azurite.ca())),
            Store::Folder(_) => panic!("a folder is no blob service"),
        };
        (Raw { endpoint, account, key, authority: ca.map(PrivateCa::authority) }, key)
    }
}

fn request(raw: &Raw<'_>, method: &str, path: &str, query: &[(&str, &str)]) -> (u16, Vec<u8>) {
    block_in_place(|| Handle::current().block_on(signed(raw, method, path, query, Vec::new())))
}
