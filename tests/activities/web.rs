//! Calls of endpoints, at a server that is strict about what it is sent.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use ropeway_tests::private_ca::PrivateCa;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

use super::factory::{Factory, activity, only};
use crate::cli::workshop::CANARY;

/// An endpoint that answers by the path of a call and keeps what it was sent.
struct Endpoint {
    address: SocketAddr,
    ca: PrivateCa,
    calls: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Endpoint {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let ca = PrivateCa::new(&["127.0.0.1"]);
        let tls = TlsAcceptor::from(ca.server_config());
        let calls = Arc::<Mutex<Vec<String>>>::default();
        let kept = calls.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (tls, calls) = (tls.clone(), kept.clone());
                tokio::spawn(async move {
                    let Ok(socket) = tls.accept(socket).await else { return };
                    let service = service_fn(|request| respond(request, calls.clone()));
                    http1::Builder::new().serve_connection(TokioIo::new(socket), service).await.ok();
                });
            }
        });
        Self { address, ca, calls, accepting }
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().expect("no panic").clone()
    }

    /// Runs a pipeline of one call, `properties` beside the address.
    fn call(&self, factory: &Factory, path: &str, properties: Value, code: i32) -> Value {
        let mut settings = json!({ "url": format!("https://{}{path}", self.address) });
        for (name, value) in properties.as_object().expect("properties") {
            settings[name] = value.clone();
        }
        let mut call = activity("Call", "WebActivity", settings);
        call["policy"] = json!({ "retry": 2, "retryIntervalInSeconds": 0, "secureInput": true });
        factory.pipeline(json!({}), json!([call]));
        let (bundle, host) = (self.ca.authority(), self.address.to_string());
        let report = factory.report(&["--ca-bundle", bundle.to_str().expect("a path"), "--allow-host", &host], code);
        only(&report, "Call").clone()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn respond(
    request: Request<Incoming>,
    calls: Arc<Mutex<Vec<String>>>,
) -> Result<Response<Full<Bytes>>, hyper::http::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let path = parts.uri.path().to_owned();
    let header =
        |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let seen = {
        let mut calls = calls.lock().expect("no panic");
        let line = format!(
            "{} {path} {} {} {}",
            parts.method,
            header("authorization"),
            header("content-type"),
            String::from_utf8_lossy(&body)
        );
        calls.push(line);
        calls.iter().filter(|call| call.contains(&path)).count()
    };
    let answer = Response::builder().header("x-request-id", "r-1");
    let (answer, text) = match path.as_str() {
        "/object" => (answer.status(200), r#"{"a":[1,2],"b":null}"#.to_owned()),
        "/list" => (answer.status(200), "[1,2]".to_owned()),
        "/text" => (answer.status(200), "hello".to_owned()),
        "/flaky" if seen < 3 => (answer.status(503), "busy".to_owned()),
        "/flaky" => (answer.status(200), r#"{"ok":true}"#.to_owned()),
        "/missing" => (answer.status(404), format!("you sent {CANARY}")),
        "/job" => (answer.status(202).header("location", "/job/1").header("retry-after", "0"), String::new()),
        "/job/1" if seen < 2 => {
            (answer.status(202).header("location", "/job/1").header("retry-after", "0"), String::new())
        }
        "/job/1" => (answer.status(200), r#"{"done":true}"#.to_owned()),
        "/away" => (answer.status(302).header("location", "https://evil.example/"), String::new()),
        "/moved" => (answer.status(302).header("location", "/object"), String::new()),
        "/large" => (answer.status(200), "x".repeat((4 << 20) + 1)),
        _ => (answer.status(500), String::new()),
    };
    answer.body(Full::new(text.into()))
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_become_outputs() {
    let (endpoint, factory) = (Endpoint::start().await, Factory::new());
    let get = || json!({ "method": "GET" });
    let object = endpoint.call(&factory, "/object", get(), 0);
    assert_eq!(
        (&object["output"]["a"], &object["output"]["ADFWebActivityResponseHeaders"]["x-request-id"]),
        (&json!([1, 2]), &json!("r-1"))
    );
    assert_eq!(endpoint.call(&factory, "/list", get(), 0)["output"]["Response"], json!([1, 2]));
    assert_eq!(endpoint.call(&factory, "/text", get(), 0)["output"]["Response"], "hello");
    assert_eq!(endpoint.call(&factory, "/moved", get(), 0)["output"]["a"], json!([1, 2]));
    assert_eq!(endpoint.call(&factory, "/job", json!({ "method": "POST", "body": {} }), 0)["output"]["done"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_sends_what_it_is_told_to_and_no_report_shows_it() {
    let (endpoint, factory) = (Endpoint::start().await, Factory::new());
    let post = json!({
        "method": "POST", "headers": { "Content-Type": "application/x-orders" }, "body": { "day": "@{formatDateTime('2026-11-22','yyyy')}" },
        "authentication": { "type": "Basic", "username": "u", "password": { "type": "SecureString", "value": CANARY } },
    });
    endpoint.call(&factory, "/object", post, 0);
    let expected = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("u:{CANARY}"));
    assert_eq!(endpoint.calls(), [format!("POST /object Basic {expected} application/x-orders {{\"day\":\"2026\"}}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_tried_again_and_what_is_refused_is_told_without_its_words() {
    let (endpoint, factory) = (Endpoint::start().await, Factory::new());
    let flaky = endpoint.call(&factory, "/flaky", json!({ "method": "GET" }), 0);
    assert_eq!((&flaky["output"]["ok"], &flaky["retryAttempt"]), (&json!(true), &json!(2)));
    let missing = endpoint.call(&factory, "/missing", json!({ "method": "DELETE" }), 1);
    assert_eq!(missing["error"]["errorCode"], "2108");
    assert!(missing["error"]["message"].as_str().is_some_and(|text| text.contains("status=404")), "{missing:#}");
    let large = endpoint.call(&factory, "/large", json!({ "method": "GET" }), 1);
    assert!(large["error"]["message"].as_str().is_some_and(|text| text.contains("larger than 4 MB")), "{large:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_hosts_that_a_person_allowed_are_called() {
    let (endpoint, factory) = (Endpoint::start().await, Factory::new());
    let away = endpoint.call(&factory, "/away", json!({ "method": "GET" }), 2);
    assert!(
        away["error"]["message"].as_str().is_some_and(|text| text.contains("--allow-host evil.example")),
        "{away:#}"
    );
    let before = endpoint.calls().len();
    let url = format!("https://{}/object?sig={CANARY}", endpoint.address);
    for (url, message) in [
        (url.as_str(), "may not be called"),
        (url.replace("https", "http").as_str(), "HTTPS endpoints only"),
        ("https://169.254.169.254/metadata", "may not be called"),
    ] {
        let mut call = activity("Call", "WebActivity", json!({ "url": url, "method": "GET" }));
        call["policy"] = json!({ "secureInput": true });
        factory.pipeline(json!({}), json!([call]));
        let bundle = endpoint.ca.authority();
        let report = factory.report(&["--ca-bundle", bundle.to_str().expect("a path")], 2);
        let error = &only(&report, "Call")["error"];
        assert!(error["message"].as_str().is_some_and(|text| text.contains(message)), "{error}");
    }
    assert_eq!(endpoint.calls().len(), before, "nobody was called");
    // A certificate that nobody vouches for ends the call.
    let mut call = activity(
        "Call",
        "WebActivity",
        json!({ "url": format!("https://{}/object", endpoint.address), "method": "GET" }),
    );
    call["policy"] = json!({ "retry": 0 });
    factory.pipeline(json!({}), json!([call]));
    let report = factory.report(&["--allow-host", &endpoint.address.to_string()], 3);
    assert_eq!(only(&report, "Call")["status"], "Failed");
}
