//! Blobs as a person reaches them: with a token of Entra ID, through a proxy, and tried first.

use ropeway_tests::{
    azurite::{self, Azurite},
    blob_service::BlobService,
    connect_proxy::{ConnectProxy, Rule},
    private_ca::PrivateCa,
    raw_blob::{Raw, signed},
    token_endpoint::{APPLICATION, IDENTITY_HEADER, SECRET, TENANT, TokenEndpoint},
};
use serde_json::{Value, json};

use super::workshop::{CANARY, Finished, Workshop, finished};

const CONTAINER: &str = "orders";

/// The workshop's copy, to a blob of this linked service.
fn workshop(service: Value, authorities: &[&PrivateCa]) -> Workshop {
    let workshop = Workshop::one_file(0.001);
    workshop.define("linkedService/Blobs", json!({"type": "AzureBlobStorage", "typeProperties": service}));
    workshop.change("dataset/Target", |it| {
        it["linkedServiceName"]["referenceName"] = "Blobs".into();
        it["typeProperties"]["location"] =
            json!({"type": "AzureBlobStorageLocation", "container": CONTAINER, "fileName": "lineitem.parquet"});
    });
    workshop.change("pipeline/CopyLineitem", |it| {
        it["activities"][0]["policy"] = json!({"retry": 0});
        it["activities"][0]["typeProperties"]["sink"]["storeSettings"]["type"] = "AzureBlobStorageWriteSettings".into();
    });
    let pem: String = authorities.iter().map(|ca| std::fs::read_to_string(ca.authority()).unwrap()).collect();
    std::fs::write(workshop.root().join("authorities.pem"), pem).unwrap();
    workshop
}

/// Runs a command with this environment; neither it nor its state holds one of the secrets.
fn perform(workshop: &Workshop, arguments: &[&str], environment: &[(&str, &str)]) -> Finished {
    let arguments = [arguments, &["--ca-bundle", "orders/authorities.pem"]].concat();
    let mut command = workshop.command(&arguments);
    command.envs(environment.iter().copied());
    let said = finished(command.output().unwrap());
    let secrets = [SECRET, IDENTITY_HEADER, CANARY, "c2lnbmF0dXJl", "canary-in-a"];
    let mut texts = vec![said.stdout.clone(), said.stderr.clone()];
    for entry in walk(&workshop.state()) {
        texts.push(String::from_utf8_lossy(&std::fs::read(entry).unwrap()).into_owned());
    }
    for secret in secrets {
        assert!(texts.iter().all(|text| !text.contains(secret)), "{secret} was told: {texts:?}");
    }
    said
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

const RUN: &[&str] = &["run", "orders/pipeline/CopyLineitem.json", "--output", "json", "--progress", "none"];

async fn azurite() -> Azurite {
    let azurite = Azurite::start();
    let (status, text) =
        signed(&raw(&azurite), "PUT", &format!("/{CONTAINER}"), &[("restype", "container")], vec![]).await;
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&text));
    azurite
}

fn raw(azurite: &Azurite) -> Raw<'static> {
    let authority = Some(azurite.ca().authority());
    Raw { endpoint: azurite.endpoint(), account: azurite::ACCOUNT, key: azurite::KEY, authority }
}

async fn written(azurite: &Azurite) -> bool {
    signed(&raw(azurite), "GET", &format!("/{CONTAINER}/lineitem.parquet"), &[], vec![]).await.0 == 200
}

fn principal(azurite: &Azurite, secret: &str) -> Value {
    json!({
        "serviceEndpoint": azurite.endpoint(),
        "servicePrincipalId": APPLICATION,
        "servicePrincipalKey": {"type": "SecureString", "value": secret},
        "tenant": TENANT,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_principal_copies_with_a_token() {
    let (azurite, entra) = (azurite().await, TokenEndpoint::start().await);
    let host = entra.authority_host();
    let environment = [("AZURE_AUTHORITY_HOST", host.as_str())];
    let authorities = [azurite.ca(), entra.ca()];

    let wrong = workshop(principal(&azurite, "another secret"), &authorities);
    let refused = perform(&wrong, RUN, &environment).ended(3);
    assert!(refused.stderr.contains("servicePrincipalKey has not expired"), "{}", refused.stderr);
    assert!(entra.log().iter().all(|said| said == "invalid_client 7000215") && !entra.log().is_empty());
    assert!(!written(&azurite).await);

    let right = workshop(principal(&azurite, SECRET), &authorities);
    let done = perform(&right, RUN, &environment).ended(0).json();
    assert_eq!(done["activityRuns"][0]["status"], "Succeeded");
    assert_eq!(entra.log().iter().filter(|said| *said == "token").count(), 1, "a token is asked for once");
    assert!(written(&azurite).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_managed_identity_copies_with_a_token() {
    let (azurite, entra) = (azurite().await, TokenEndpoint::start().await);
    let endpoint = entra.identity_endpoint();
    let workshop = workshop(json!({"serviceEndpoint": azurite.endpoint()}), &[azurite.ca(), entra.ca()]);
    let with = |header| [("IDENTITY_ENDPOINT", endpoint.as_str()), ("IDENTITY_HEADER", header)];
    let refused = perform(&workshop, RUN, &with("somebody")).ended(3);
    assert!(refused.stderr.contains("no managed identity that gives a token"), "{}", refused.stderr);
    assert!(!written(&azurite).await);
    perform(&workshop, RUN, &with(IDENTITY_HEADER)).ended(0);
    assert!(written(&azurite).await);
}

async fn fake() -> BlobService {
    let service = BlobService::https(PrivateCa::new(&["127.0.0.1"])).await;
    service.create_container(CONTAINER);
    service
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_goes_through_the_proxy_or_says_why_not() {
    let service = fake().await;
    let host = service.endpoint().split('/').nth(2).unwrap().to_owned();
    let workshop = workshop(json!({"connectionString": service.connection_string()}), &[service.ca().unwrap()]);
    for (rule, user, code, said) in [
        (Rule::Nobody(403), "", 4, Some("the proxy opens no way to the service")),
        (Rule::Only("ann", "canary-7f3a-secret"), "", 3, Some("the proxy wants a user and a password")),
        (Rule::Only("ann", "canary-7f3a-secret"), "ann:canary-7f3a-secret@", 0, None),
        (Rule::Everybody, "", 0, None),
    ] {
        let proxy = ConnectProxy::start(rule).await;
        let before = service.log().len();
        let address = format!("http://{user}{}", proxy.address());
        let run = perform(&workshop, &[RUN, &["--proxy", &address]].concat(), &[]).ended(code);
        let log = proxy.log();
        assert!(!log.is_empty() && log.iter().all(|line| line.starts_with(&host)), "{rule:?}: {log:?}");
        match said {
            // With teeth: nothing reached the service by another way.
            Some(said) => {
                assert!(run.stderr.contains(said), "{rule:?}: {}", run.stderr);
                assert_eq!(service.log().len(), before, "{rule:?}");
            }
            None => {
                assert!(log.iter().all(|line| line.ends_with(" 200")), "{log:?}");
                assert!(service.log().len() > before);
                assert!(service.blob(CONTAINER, "lineitem.parquet").is_some());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn test_connection_tries_to_write_where_it_is_told() {
    let service = fake().await;
    let workshop = workshop(json!({"connectionString": service.connection_string()}), &[service.ca().unwrap()]);
    let step = |said: &Finished, name: &str| {
        let json = said.json();
        let steps = json["linkedServices"].as_array().unwrap().iter().flat_map(|it| it["steps"].as_array().unwrap());
        steps.clone().find(|step| step["name"] == name).cloned()
    };
    let staged = || service.log().iter().filter(|line| line.contains("\"comp\", \"block\"")).count();
    let base = ["test-connection", "orders", "Blobs", "--output", "json"];

    let untold = perform(&workshop, &base, &[]).ended(0);
    assert_eq!(step(&untold, "Permission to write"), None);
    assert!(step(&untold, "Login").unwrap()["message"].as_str().unwrap().contains("--container"));
    assert_eq!(staged(), 0);

    let told = perform(&workshop, &[&base[..], &["--container", CONTAINER]].concat(), &[]).ended(0);
    assert_eq!(step(&told, "Permission to write").unwrap()["succeeded"], true);
    assert_eq!(staged(), 1);
    // A pipeline names its container by its dataset.
    let pipeline = ["test-connection", "orders/pipeline/CopyLineitem.json", "--output", "json"];
    let told = perform(&workshop, &pipeline, &[]);
    assert_eq!(step(&told, "Permission to write").unwrap()["succeeded"], true, "{told:?}");
    assert_eq!(staged(), 2);
    assert_eq!(service.names(CONTAINER), Vec::<String>::new(), "nothing is left that readers see");

    let absent = perform(&workshop, &[&base[..], &["--container", "absent"]].concat(), &[]);
    assert!(!matches!(absent.code, Some(0)), "{absent:?}");
    assert!(absent.stdout.contains("container"), "{}", absent.stdout);
    let invalid = perform(&workshop, &[&base[..], &["--container", "No Such"]].concat(), &[]).ended(2);
    assert!(invalid.stderr.contains("lower-case"), "{}", invalid.stderr);
    let elsewhere = ["test-connection", "orders", "Files", "--container", CONTAINER];
    let refused = perform(&workshop, &elsewhere, &[]).ended(2);
    assert!(refused.stderr.contains("AzureBlobStorage"), "{}", refused.stderr);

    // Who may read only is told so, before a run finds out.
    let reader = self::workshop(
        json!({"sasUri": {"type": "SecureString", "value": service.sas_uri("rl", "2099-01-01T00:00:00Z")}}),
        &[service.ca().unwrap()],
    );
    let refused = perform(&reader, &[&base[..], &["--container", CONTAINER]].concat(), &[]).ended(3);
    assert_eq!(step(&refused, "Permission to write").unwrap()["succeeded"], false);
}
