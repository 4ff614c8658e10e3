//! A login with a token of Microsoft Entra: Ropeway asks this machine's identity endpoint for one and shows
//! it to the server. The stand-in checks no tokens and refuses every one, so what is proven here ends at
//! the refusal: the token was asked for the right resource, it arrived as a token, it was asked for once anew
//! because one can be revoked, and nobody printed it.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::mpsc,
    thread,
};

use super::*;
use crate::cli::workshop::{Workshop, finished};

const TOKEN: &str = "canary-token-3b1f";
const HEADER: &str = "canary-header-77aa";

/// Answers every request for a token, as the endpoint of App Service does, each with another one; gives the requests.
fn identity_endpoint() -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/msi/token", listener.local_addr().unwrap());
    let (asked, requests) = mpsc::channel();
    thread::spawn(move || {
        for number in 1.. {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut request, mut buffer) = (String::new(), [0; 4_096]);
            while !request.contains("\r\n\r\n") {
                let length = stream.read(&mut buffer).unwrap();
                assert!(length > 0, "the request ended early: {request}");
                request.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
            }
            let body = json!({"access_token": format!("{TOKEN}-{number}"), "expires_on": "4102444800",
                "token_type": "Bearer", "resource": "https://database.windows.net/"})
            .to_string();
            let length = body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            stream.write_all((head + &body).as_bytes()).unwrap();
            if asked.send(request).is_err() {
                return;
            }
        }
    });
    (url, requests)
}

#[test]
fn a_managed_identity_logs_in_with_a_token_that_nobody_prints() {
    let server = Server::start().unwrap();
    let workshop = Workshop::folder(0.001);
    workshop.define(
        "linkedService/AzureDb",
        json!({"type": "AzureSqlDatabase", "typeProperties": {"server": format!("localhost,{}", server.port()),
            "database": "sales", "encrypt": "mandatory", "authenticationType": "SystemAssignedManagedIdentity"}}),
    );
    let authority = workshop.data().join("authority.pem");
    std::fs::write(&authority, &server.ca_pem).unwrap();
    let (url, requests) = identity_endpoint();
    let mut command =
        workshop.command(&["test-connection", "orders", "AzureDb", "--log-level", "debug", "--ca-bundle"]);
    command.arg(&authority).env("IDENTITY_ENDPOINT", url).env("IDENTITY_HEADER", HEADER);
    let said = finished(command.output().unwrap()).ended(3);

    let requests: Vec<_> = requests.try_iter().collect();
    assert_eq!(requests.len(), 2, "a second refusal is final: {requests:?}");
    for request in requests {
        assert!(request.starts_with("GET /msi/token?"), "{request}");
        assert!(request.to_lowercase().contains("resource=https%3a%2f%2fdatabase.windows.net"), "{request}");
    }
    let seen = server.seen();
    assert_eq!((seen.logins, seen.refused), (0, 2), "{seen:?}");
    assert_eq!(seen.violations, Vec::<String>::new());
    let all = said.stdout + &said.stderr;
    assert!(all.contains("token-identified principal"), "the server saw a token, not a password:\n{all}");
    for secret in [TOKEN, HEADER] {
        assert!(!all.contains(secret), "{secret} was printed:\n{all}");
    }
}
