//! Secrets of a Key Vault: asked only where a person allowed it, with a token for vaults, and never told.

use ropeway_tests::{
    azurite::{self, Azurite},
    key_vault::KeyVault,
    private_ca::PrivateCa,
    raw_blob::{Raw, signed},
    token_endpoint::{APPLICATION, IDENTITY_HEADER, SECRET, TENANT, TokenEndpoint},
};
use serde_json::{Value, json};

use super::workshop::{Finished, Workshop, finished};

/// The workshop's copy to a container of Azurite, whose key is a secret of the vault.
struct Place {
    azurite: Azurite,
    entra: TokenEndpoint,
    vault: KeyVault,
    workshop: Workshop,
}

fn secret(name: Value) -> Value {
    json!({ "type": "AzureKeyVaultSecret", "secretName": name,
            "store": { "referenceName": "Vault", "type": "LinkedServiceReference" } })
}

impl Place {
    async fn new() -> Self {
        let azurite = Azurite::start();
        let raw = Raw {
            endpoint: azurite.endpoint(),
            account: azurite::ACCOUNT,
            key: azurite::KEY,
            authority: Some(azurite.ca().authority()),
        };
        assert_eq!(signed(&raw, "PUT", "/orders", &[("restype", "container")], vec![]).await.0, 201);
        let vault = KeyVault::start(&[("account-key", azurite::KEY), ("account-key/2019", "b2xk")]).await;
        let entra = TokenEndpoint::start().await;
        let workshop = Workshop::one_file(0.001);
        workshop.define(
            "linkedService/Vault",
            json!({ "type": "AzureKeyVault", "typeProperties": { "baseUrl": vault.base_url() } }),
        );
        workshop.change("dataset/Target", |it| {
            it["linkedServiceName"]["referenceName"] = "Blobs".into();
            it["typeProperties"]["location"] =
                json!({ "type": "AzureBlobStorageLocation", "container": "orders", "fileName": "lineitem.parquet" });
        });
        workshop.change("pipeline/CopyLineitem", |it| {
            it["activities"][0]["typeProperties"]["sink"]["storeSettings"]["type"] =
                "AzureBlobStorageWriteSettings".into();
        });
        let authorities: [&PrivateCa; 3] = [azurite.ca(), entra.ca(), vault.ca()];
        let pem: String =
            authorities.iter().map(|ca| std::fs::read_to_string(ca.authority()).expect("a file")).collect();
        std::fs::write(workshop.root().join("authorities.pem"), pem).expect("a writable folder");
        let place = Self { azurite, entra, vault, workshop };
        place.key(secret(json!("account-key")));
        place
    }

    /// Changes where the account's key comes from.
    fn key(&self, key: Value) {
        let connection = format!("AccountName={};BlobEndpoint={}", azurite::ACCOUNT, self.azurite.endpoint());
        let settings = json!({ "connectionString": connection, "accountKey": key });
        self.workshop.define("linkedService/Blobs", json!({ "type": "AzureBlobStorage", "typeProperties": settings }));
    }

    /// A command as the managed identity of this machine, or as somebody else.
    fn perform(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Finished {
        let endpoint = self.entra.identity_endpoint();
        let host = self.entra.authority_host();
        let identity = [
            ("IDENTITY_ENDPOINT", endpoint.as_str()),
            ("IDENTITY_HEADER", IDENTITY_HEADER),
            ("AZURE_AUTHORITY_HOST", &host),
        ];
        let arguments = [arguments, &["--ca-bundle", "orders/authorities.pem"]].concat();
        let mut command = self.workshop.command(&arguments);
        command.envs(identity).envs(environment.iter().copied());
        let said = finished(command.output().expect("the binary starts"));
        for secret in [azurite::KEY, SECRET, "canary-in-a-message"] {
            assert!(!said.stdout.contains(secret) && !said.stderr.contains(secret), "{secret} was told: {said:?}");
        }
        let state = walk(&self.workshop.state());
        assert!(
            state
                .iter()
                .all(|file| !String::from_utf8_lossy(&std::fs::read(file).expect("a file")).contains(azurite::KEY))
        );
        said
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

const RUN: [&str; 4] = ["run", "orders/pipeline/CopyLineitem.json", "--progress", "none"];

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_fetched_from_a_vault_that_was_allowed() {
    let place = Place::new().await;
    let host = place.vault.host();
    let refused = place.perform(&RUN, &[]).ended(2).stderr;
    assert!(refused.contains(&format!("ask it with --allow-host {host}, or supply 'accountKey'")), "{refused}");
    assert_eq!((place.vault.log().len(), place.entra.log().len()), (0, 0), "nobody is asked, and no token is shown");
    let allowed = [&RUN[..], &["--allow-host", &host]].concat();
    place.perform(&allowed, &[]).ended(0);
    assert_eq!(place.vault.log(), ["200  /secrets/account-key"], "once for the whole run");
    let preview = ["test-connection", "orders", "Blobs", "--container", "orders", "--allow-host", &host];
    place.perform(&preview, &[]).ended(0);
    place.perform(&["plan", RUN[1], "--allow-host", &host], &[]).ended(0);

    // Where the environment names an application, it is the one that asks.
    let application = [
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_CLIENT_ID", APPLICATION),
        ("AZURE_CLIENT_SECRET", SECRET),
        ("IDENTITY_ENDPOINT", ""),
    ];
    place.perform(&allowed, &application).ended(0);
    let wrong = [&application[..2], &[("AZURE_CLIENT_SECRET", "another one"), ("IDENTITY_ENDPOINT", "")]].concat();
    let refused = place.perform(&allowed, &wrong).ended(3).stderr;
    assert!(refused.contains("Entra gave no token"), "{refused}");
    // What --secrets has is asked of nobody.
    std::fs::write(
        place.workshop.root().join("s.json"),
        json!({ "Blobs": { "accountKey": azurite::KEY } }).to_string(),
    )
    .expect("a writable folder");
    let asked = place.vault.log().len();
    place.perform(&[&allowed[..], &["--secrets", "orders/s.json"]].concat(), &[]).ended(0);
    assert_eq!(place.vault.log().len(), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_vault_does_not_show_is_told_by_name() {
    let place = Place::new().await;
    let host = place.vault.host();
    let allowed = [&RUN[..], &["--allow-host", &host]].concat();
    place.key(secret(json!("no-such-key")));
    let refused = place.perform(&allowed, &[]).ended(2).stderr;
    assert!(refused.contains("the Key Vault has no such secret") && refused.contains("no-such-key"), "{refused}");
    // An expression names it, and a version that has another value.
    let mut old = secret(json!({ "value": "@concat('account', '-', 'key')", "type": "Expression" }));
    old["secretVersion"] = json!("2019");
    place.key(old);
    place.perform(&allowed, &[]).ended(3);
    assert_eq!(place.vault.log().last().map(String::as_str), Some("200  /secrets/account-key/2019"));
    for hostile in ["../keys/account-key", "a?b", "a/b", ""] {
        place.key(secret(json!(hostile)));
        let refused = place.perform(&allowed, &[]).ended(2).stderr;
        assert!(refused.contains("in a way that Ropeway cannot follow"), "{refused}");
    }
    let of_identity = place.entra.log().len();
    place.workshop.define(
        "linkedService/Vault",
        json!({ "type": "AzureKeyVault", "typeProperties": { "baseUrl": "http://plain" } }),
    );
    place.key(secret(json!("account-key")));
    place.perform(&[&allowed[..], &["--allow-host", "plain"]].concat(), &[]).ended(2);
    assert_eq!(place.entra.log().len(), of_identity, "no token travels on a plain connection");
}
