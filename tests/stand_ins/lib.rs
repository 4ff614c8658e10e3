//! Stand-ins for servers that cannot be installed here. Each is as strict as the real one: where the
//! protocol documents say no, it says no.

pub mod azurite;
pub mod blob_service;
pub mod odbc;
pub mod private_ca;
pub mod shared_key;
