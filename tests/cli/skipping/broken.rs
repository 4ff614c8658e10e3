//! Both ends fail while rows are left out, and each of them is written down once all the same.

use ropeway_tests::{
    blob_service::{BlobService, Effect, Fault as BlobFault, Operation},
    private_ca::PrivateCa,
    sql_server::{Fault, Options, Server, SqlError},
};
use serde_json::json;

use super::yard::{Yard, lines};
use crate::cli::workshop::CANARY;

const ROWS: u32 = 2_000;
const READ: &str = "SELECT * FROM [dbo].[Moments]";

#[tokio::test(flavor = "multi_thread")]
async fn broken_connections_and_lost_answers_double_no_line() {
    let server = server();
    let blobs = BlobService::https(PrivateCa::new(&["127.0.0.1"])).await;
    blobs.create_container("logs");
    let yard = yard(&server, &blobs);
    let authorities = yard.workshop.root().join("authorities.pem");
    let blob_authority = blobs.ca().expect("HTTPS").authority();
    let pem = std::fs::read_to_string(blob_authority).expect("readable") + &server.ca_pem;
    std::fs::write(&authorities, pem).expect("a writable folder");

    let deadlock = SqlError::new(1205, 13, "Transaction was deadlocked on lock resources.");
    server.on(READ, Fault::BreakAfterBytes(6_000), 2);
    server.on_after(2, READ, Fault::ErrorAfterRows(300, deadlock), 2);
    let fault = |operation, skip, times, effect| BlobFault { operation, skip, times, effect };
    blobs.inject(fault(Operation::PutBlock, 0, 1, Effect::LoseAnswer));
    blobs.inject(fault(Operation::PutBlock, 1, 1, Effect::Reset));
    blobs.inject(BlobFault::once(Operation::PutBlockList, Effect::LoseAnswer));
    let authorities = authorities.display().to_string();
    let arguments = ["--run-id", "stormy", "--output", "json", "--parallel", "2", "--ca-bundle", &authorities];
    let run = yard.workshop.run(&arguments).ended(0).json();

    let output = &run["activityRuns"][0]["output"];
    assert!(output["ropeway"]["chunks"]["retried"].as_u64() >= Some(4), "{output:#}");
    let mut misfits: Vec<_> = (0..ROWS).filter(|id| is_misfit(*id)).map(|id| id.to_string()).collect();
    misfits.sort();
    assert_eq!(output["rowsSkipped"], misfits.len());
    assert_eq!(output["rowsCopied"], ROWS as usize - misfits.len());
    assert_eq!(output["rowsRead"], ROWS);
    let names = blobs.names("logs");
    let [name] = &names[..] else { panic!("{names:?}") };
    let log = String::from_utf8(blobs.blob("logs", name).expect("a blob").bytes).expect("text");
    assert_eq!(lines(&log), misfits);
    assert!(log.contains("Column 'At' contains an invalid value '0001-01-01T00:00:00.0000000'"), "{log}");
}

fn is_misfit(id: u32) -> bool {
    id.is_multiple_of(10)
}

/// A table in which every tenth moment is too early for nanoseconds.
fn server() -> Server {
    let mut options = Options { databases: vec!["Sales".to_owned()], ..Options::default() };
    options.users.insert("ropeway".to_owned(), CANARY.to_owned());
    let server = Server::start_with(options).expect("a server");
    let run = |batch: &str| server.execute("Sales", batch).unwrap_or_else(|error| panic!("{batch}: {error:?}"));
    run("CREATE TABLE dbo.Moments (id int NOT NULL PRIMARY KEY, At datetime2(7) NOT NULL)");
    for some in (0..ROWS).collect::<Vec<_>>().chunks(20) {
        let moment = |id| if is_misfit(id) { "0001-01-01" } else { "2024-02-29" };
        let values: Vec<_> = some.iter().map(|id| format!("({id}, '{}')", moment(*id))).collect();
        run(&format!("INSERT INTO dbo.Moments (id, At) VALUES {}", values.join(", ")));
    }
    server
}

fn yard(server: &Server, blobs: &BlobService) -> Yard {
    let yard = Yard::new(1, 1);
    let reference = |name: &str| json!({ "referenceName": name, "type": "LinkedServiceReference" });
    let service = json!({ "server": format!("localhost,{}", server.port()), "database": "Sales", "encrypt": "mandatory",
        "trustServerCertificate": false, "authenticationType": "SQL", "userName": "ropeway",
        "password": { "type": "SecureString", "value": CANARY } });
    yard.workshop.define("linkedService/Sql", json!({ "type": "SqlServer", "typeProperties": service }));
    let account = json!({ "connectionString": blobs.connection_string() });
    yard.workshop.define("linkedService/Blobs", json!({ "type": "AzureBlobStorage", "typeProperties": account }));
    let table = json!({ "schema": "dbo", "table": "Moments" });
    yard.workshop.define(
        "dataset/Lines",
        json!({ "type": "SqlServerTable", "linkedServiceName": reference("Sql"), "typeProperties": table }),
    );
    yard.workshop.change("pipeline/CopyLineitem", |pipeline| {
        let settings = &mut pipeline["activities"][0]["typeProperties"];
        settings["source"] = json!({ "type": "SqlServerSource" });
        let location = &mut settings["logSettings"]["logLocationSettings"];
        location["linkedServiceName"] = reference("Blobs");
    });
    yard
}
