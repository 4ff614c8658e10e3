//! Any text as a connection string: taken apart by each connector that has some, and masked, without a connection.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use ropeway_engine::registry::Registry;
use serde_json::json;

static CONNECTORS: LazyLock<Registry> = LazyLock::new(ropeway_connectors::registry);

fuzz_target!(|text: &str| {
    for service in ["SqlServer", "Odbc", "AzureBlobStorage"] {
        let spec = json!({"linkedService": {"type": service, "connectionString": text}});
        if let Err(error) = CONNECTORS.connect_store(service, spec) {
            let _ = error.to_string();
        }
    }
    let _ = ropeway_specs::fuzzing::masked_connection_string(text);
});
