//! The few requests that Ropeway sends to the service, over the official client with its own
//! retries off. A request that can be repeated is tried again for some seconds here; everything
//! longer is the engine's.

use std::{
    collections::HashMap,
    future::Future,
    num::NonZero,
    ops::Range,
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime},
};

use azure_core::{
    credentials::TokenCredential,
    http::{ClientOptions, Etag, RetryOptions, Transport, XmlFormat, policies::Policy},
};
use azure_storage_blob::{
    BlobClient, BlobClientOptions, BlobContainerClient, BlobContainerClientOptions, BlobServiceClient,
    BlobServiceClientOptions,
    models::{
        BlobClientDeleteOptions, BlobClientDownloadOptions, BlobClientGetPropertiesResultHeaders,
        BlobContainerClientListBlobsOptions, BlobServiceClientListContainersOptions,
        BlockBlobClientCommitBlockListOptions, BlockBlobClientStageBlockOptions, BlockListType, BlockLookupList,
        ListBlobsIncludeItem,
    },
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use chrono::DateTime;
use futures::TryStreamExt;
use rand::Rng;
use reqwest::Url;
use ropeway_engine::Result;

use super::{
    account::{Account, Login},
    block::Block,
    errors::{Fault, Place},
    http::{self, WireFault},
    list_page::{Item, Page},
    shared_key::SharedKeyPolicy,
    spec::Ropeway,
};
use crate::entra::OnceMore;

/// A version that the service and the emulator both speak.
const API_VERSION: &str = "2025-11-05";
/// Names of a page: with metadata of 8 KiB each they still are an answer that is read.
const NAMES_A_PAGE: i32 = 2000;
/// Pauses between the tries of one request.
const PAUSES: [Duration; 3] = [Duration::from_millis(200), Duration::from_millis(800), Duration::from_secs(2)];

/// One container of one account.
pub(crate) struct Container {
    address: Url,
    credential: Option<Arc<dyn TokenCredential>>,
    options: ClientOptions,
    moved: http::Moved,
    pub(crate) place: Place,
}

/// A blob as the service describes it.
#[derive(Clone, Debug)]
pub(crate) struct BlobState {
    pub(crate) etag: String,
    pub(crate) length: u64,
    /// Names in lower case.
    pub(crate) metadata: HashMap<String, String>,
    pub(crate) modified: Option<SystemTime>,
    pub(crate) md5: Option<[u8; 16]>,
}

impl BlobState {
    /// True for what stands for a folder: that of an account with a hierarchical namespace, or one that a program left.
    pub(crate) fn is_folder(&self) -> bool {
        self.metadata.get("hdi_isfolder").is_some_and(|value| value == "true")
    }
}

/// When a commit may replace what stands there.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    /// Only if nothing is there.
    Absent,
    /// Only if it is still this version.
    Unchanged(String),
}

/// What a commit sets besides the bytes.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) blocks: Vec<String>,
    pub(crate) length: u64,
    pub(crate) metadata: HashMap<String, String>,
    pub(crate) content_type: &'static str,
    /// Of the whole blob, if it is known: the service keeps it for those who read.
    pub(crate) md5: Option<[u8; 16]>,
}

impl Container {
    /// A client for this container; nothing is sent. An empty name stands for the account itself.
    ///
    /// # Errors
    /// A setting that cannot be used: CA bundle, proxy, identity.
    pub(crate) fn new(account: Account, container: &str, settings: &Ropeway) -> Result<Self> {
        let moved = http::Moved::default();
        let transport = http::transport(&account.endpoint, settings, Arc::clone(&moved))?;
        let mut token_advice = "no token came";
        let mut credential: Option<Arc<dyn TokenCredential>> = None;
        let mut policies: Vec<Arc<dyn Policy>> = Vec::new();
        let mut around: Vec<Arc<dyn Policy>> = Vec::new();
        match account.login {
            Login::SharedKey { account, key } => policies.push(Arc::new(SharedKeyPolicy { account, key })),
            Login::Sas(sas) => policies.push(Arc::new(sas)),
            Login::Entra(entra) => {
                token_advice = entra.advice();
                let renewable = entra.credential(&transport)?;
                around.push(Arc::new(OnceMore(Arc::clone(&renewable))));
                credential = Some(renewable);
            }
        }
        let place = Place {
            account: account.name,
            host: host(&account.endpoint),
            container: container.to_owned(),
            blob: None,
            token_advice,
        };
        let mut address = account.endpoint;
        extend(&mut address, [container].into_iter().filter(|name| !name.is_empty()));
        Ok(Self { address, credential, options: client_options(transport, policies, around), moved, place })
    }

    /// Pieces that moved so far, of all requests.
    pub(crate) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// A blob of this container; nothing is sent.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`](ropeway_engine::ErrorKind::Spec) if the address cannot be used.
    pub(crate) fn blob(&self, name: &str) -> Result<Blob> {
        let place = Place { blob: Some(name.to_owned()), ..self.place.clone() };
        let mut address = self.address.clone();
        extend(&mut address, name.split('/'));
        let url = address.to_string();
        let options = BlobClientOptions { client_options: self.options.clone(), version: API_VERSION.to_owned() };
        let client = BlobClient::new(address, self.credential.clone(), Some(options))
            .map_err(|error| Fault::from(error).at(&place))?;
        Ok(Blob { client: Arc::new(client), place, url })
    }

    /// Asks the account for the first of its containers: the cheapest request that needs a login.
    pub(crate) async fn account_answers(&self) -> Result<(), Fault> {
        let options =
            BlobServiceClientOptions { client_options: self.options.clone(), version: API_VERSION.to_owned() };
        let client = BlobServiceClient::new(self.address.clone(), self.credential.clone(), Some(options))?;
        patiently(|| async {
            let options = BlobServiceClientListContainersOptions { maxresults: Some(1), ..Default::default() };
            Ok(client.list_containers(Some(options))?.try_next().await.map(drop)?)
        })
        .await
    }

    /// The names of the account's containers.
    pub(crate) async fn containers(&self) -> Result<Vec<String>, Fault> {
        let options =
            BlobServiceClientOptions { client_options: self.options.clone(), version: API_VERSION.to_owned() };
        let client = BlobServiceClient::new(self.address.clone(), self.credential.clone(), Some(options))?;
        patiently(|| async {
            let found: Vec<_> = client.list_containers(None)?.try_collect().await?;
            Ok(found.into_iter().filter_map(|container| container.name).collect())
        })
        .await
    }

    /// Another container of the same account, over the same connections.
    pub(crate) fn container(&self, name: &str) -> Self {
        let mut address = self.address.clone();
        extend(&mut address, [name].into_iter());
        Self {
            address,
            credential: self.credential.clone(),
            options: self.options.clone(),
            moved: Arc::clone(&self.moved),
            place: Place { container: name.to_owned(), ..self.place.clone() },
        }
    }

    /// True if the container exists.
    pub(crate) async fn is_there(&self) -> Result<bool, Fault> {
        let client = self.client(None)?;
        let asked = patiently(|| async { Ok(client.get_properties(None).await.map(drop)?) }).await;
        match asked {
            Ok(()) => Ok(true),
            Err(fault) if fault.status == 404 && matches!(fault.code.as_str(), "ContainerNotFound" | "") => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Names and lengths of the blobs whose name starts like this.
    pub(crate) async fn list(&self, prefix: &str) -> Result<HashMap<String, u64>, Fault> {
        let (mut found, mut marker) = (HashMap::new(), None);
        loop {
            let page = self.page(None, prefix, marker.as_deref()).await?;
            found.extend(page.items.into_iter().filter_map(|item| match item {
                Item::Blob(blob) => Some((blob.name, blob.length)),
                Item::Prefix(_) => None,
            }));
            marker = page.next;
            if marker.is_none() {
                return Ok(found);
            }
        }
    }

    /// A page of the blobs whose name starts like this; with a delimiter those that share the piece up to it are one
    /// prefix.
    pub(crate) async fn page(
        &self,
        delimiter: Option<&'static str>,
        prefix: &str,
        marker: Option<&str>,
    ) -> Result<Page, Fault> {
        let client = self.client(delimiter)?;
        patiently(|| async {
            let options = BlobContainerClientListBlobsOptions {
                include: Some(vec![ListBlobsIncludeItem::Metadata]),
                marker: marker.map(str::to_owned),
                maxresults: Some(NAMES_A_PAGE),
                prefix: (!prefix.is_empty()).then(|| prefix.to_owned()),
                ..Default::default()
            };
            let page = client.list_blobs(Some(options))?.into_pages().try_next().await?;
            let body = page.map(|page| page.into_body());
            let parsed = Page::parse(body.as_ref().map_or(&[], AsRef::as_ref));
            parsed.map_err(|_| Fault::of_wire(WireFault::Broken("the answer is no list of blobs".into())))
        })
        .await
    }

    /// The client's list knows no delimiter; it keeps what the query of its address says.
    fn client(&self, delimiter: Option<&str>) -> Result<BlobContainerClient, Fault> {
        let options =
            BlobContainerClientOptions { client_options: self.options.clone(), version: API_VERSION.to_owned() };
        let mut address = self.address.clone();
        if let Some(delimiter) = delimiter {
            address.query_pairs_mut().append_pair("delimiter", delimiter);
        }
        Ok(BlobContainerClient::new(address, self.credential.clone(), Some(options))?)
    }
}

/// One blob.
#[derive(Clone)]
pub(crate) struct Blob {
    client: Arc<BlobClient>,
    pub(crate) place: Place,
    /// Without a query.
    pub(crate) url: String,
}

impl Blob {
    /// Stages a block. The same block may be staged any number of times.
    pub(crate) async fn stage(&self, block: &Block) -> Result<(), Fault> {
        let client = self.client.block_blob_client();
        patiently(|| async {
            let options = BlockBlobClientStageBlockOptions {
                transactional_content_md5: Some(block.md5.to_vec()),
                ..Default::default()
            };
            let (id, bytes) = (block.id.as_bytes(), block.bytes.clone());
            Ok(client.stage_block(id, bytes.len() as u64, bytes.into(), Some(options)).await.map(drop)?)
        })
        .await
    }

    /// Shows these blocks as the blob, once. Never repeated here: its answer may be lost.
    pub(crate) async fn commit(&self, commit: &Commit, condition: &Condition) -> Result<(), Fault> {
        let (if_match, if_none_match) = match condition {
            Condition::Absent => (None, Some(Etag::from("*"))),
            Condition::Unchanged(etag) => (Some(Etag::from(etag.as_str())), None),
        };
        let blocks = BlockLookupList {
            // Not `Uncommitted`: after a success whose answer was lost they are committed ones.
            latest: Some(commit.blocks.iter().map(|id| id.as_bytes().to_vec()).collect()),
            ..Default::default()
        };
        let options = BlockBlobClientCommitBlockListOptions {
            if_match,
            if_none_match,
            metadata: Some(commit.metadata.clone()),
            blob_content_type: Some(commit.content_type.to_owned()),
            blob_content_md5: commit.md5.map(|md5| md5.to_vec()),
            ..Default::default()
        };
        let body = azure_core::http::RequestContent::<_, XmlFormat>::try_from(blocks)?;
        Ok(self.client.block_blob_client().commit_block_list(body, Some(options)).await.map(drop)?)
    }

    /// The blob as it stands now, if it does.
    pub(crate) async fn state(&self) -> Result<Option<BlobState>, Fault> {
        let asked = patiently(|| async {
            let answer = self.client.get_properties(None).await?;
            let etag = answer.headers().get_optional_str(&"etag".into()).unwrap_or_default().to_owned();
            let metadata = answer.metadata()?.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
            let modified = answer.headers().get_optional_str(&"last-modified".into());
            let md5 = answer.headers().get_optional_str(&"content-md5".into());
            Ok(BlobState {
                etag,
                length: answer.content_length()?.unwrap_or_default(),
                metadata: metadata.collect(),
                modified: modified.and_then(|text| DateTime::parse_from_rfc2822(text).ok()).map(SystemTime::from),
                md5: md5.and_then(|text| BASE64_STANDARD.decode(text).ok()?.try_into().ok()),
            })
        })
        .await;
        match asked {
            Ok(state) => Ok(Some(state)),
            // A HEAD has no body, and an old gateway drops the code.
            Err(fault) if fault.status == 404 && matches!(fault.code.as_str(), "BlobNotFound" | "") => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Every block that a commit could name now, with its length.
    pub(crate) async fn blocks(&self) -> Result<HashMap<String, u64>, Fault> {
        let client = self.client.block_blob_client();
        let listed = patiently(|| async {
            let list = client.get_block_list(BlockListType::All, None).await?.into_model()?;
            Ok([list.committed_blocks, list.uncommitted_blocks])
        })
        .await;
        match listed {
            Ok(lists) => Ok(lists
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|block| Some((String::from_utf8(block.name?).ok()?, u64::try_from(block.size?).ok()?)))
                .collect()),
            Err(fault) if fault.status == 404 && fault.code == "BlobNotFound" => Ok(HashMap::new()),
            Err(fault) => Err(fault),
        }
    }

    /// The bytes of a small blob, if it exists, with its version.
    pub(crate) async fn read(&self) -> Result<Option<(Bytes, BlobState)>, Fault> {
        let Some(state) = self.state().await? else { return Ok(None) };
        let etag = Etag::from(state.etag.as_str());
        let bytes = patiently(|| async {
            let options = BlobClientDownloadOptions { if_match: Some(etag.clone()), ..Default::default() };
            Ok(self.client.download(Some(options)).await?.body.collect().await?)
        })
        .await?;
        Ok(Some((bytes, state)))
    }

    /// Bytes of this version of the blob.
    pub(crate) async fn range(&self, etag: &str, range: Range<u64>) -> Result<Bytes, Fault> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let etag = Etag::from(etag);
        patiently(|| async {
            let options = BlobClientDownloadOptions {
                if_match: Some(etag.clone()),
                range: Some(range.clone().into()),
                // One request: the caller asks for as much as it wants at once.
                partition_size: usize::try_from(range.end - range.start).ok().and_then(NonZero::new),
                ..Default::default()
            };
            Ok(self.client.download(Some(options)).await?.body.collect().await?)
        })
        .await
    }

    /// Deletes the blob, if it is still this version where one is given; absent is as good.
    pub(crate) async fn delete(&self, etag: Option<&str>) -> Result<(), Fault> {
        let deleted = patiently(|| async {
            let options = BlobClientDeleteOptions { if_match: etag.map(Etag::from), ..Default::default() };
            Ok(self.client.delete(Some(options)).await.map(drop)?)
        })
        .await;
        match deleted {
            Err(fault) if fault.status == 404 && fault.code != "ContainerNotFound" => Ok(()),
            other => other,
        }
    }
}

/// Host and port, for messages and probes.
pub(crate) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn client_options(
    transport: Transport,
    per_try_policies: Vec<Arc<dyn Policy>>,
    per_call_policies: Vec<Arc<dyn Policy>>,
) -> ClientOptions {
    ClientOptions {
        transport: Some(transport),
        per_call_policies,
        per_try_policies,
        retry: RetryOptions::none(),
        ..Default::default()
    }
}

/// Adds steps to the path, each percent-encoded, without doubling a slash.
fn extend<'a>(address: &mut Url, steps: impl Iterator<Item = &'a str>) {
    if let Ok(mut path) = address.path_segments_mut() {
        path.pop_if_empty().extend(steps);
    }
}

async fn patiently<T, F: Future<Output = Result<T, Fault>>>(mut request: impl FnMut() -> F) -> Result<T, Fault> {
    for pause in PAUSES {
        match request().await {
            Err(fault) if fault.is_brief() => {
                let jittered = pause.mul_f64(rand::rng().random_range(0.5..=1.0));
                tokio::time::sleep(jittered.max(fault.retry_after().unwrap_or_default())).await;
            }
            outcome => return outcome,
        }
    }
    request().await
}
