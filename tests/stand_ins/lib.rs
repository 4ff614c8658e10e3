//! Stand-ins for servers that cannot be installed here. Each is as strict as the real one: where the
//! protocol documents say no, it says no.
#![expect(clippy::expect_used, clippy::panic, reason = "a stand-in is part of a test: it stops with a message")]

pub mod azurite;
pub mod blob_service;
pub mod connect_proxy;
pub mod fault_proxy;
pub mod free_port;
pub mod key_vault;
pub mod odbc;
pub mod private_ca;
pub mod raw_blob;
pub mod readback;
pub mod shared_key;
pub mod sql_server;
pub mod token_endpoint;
