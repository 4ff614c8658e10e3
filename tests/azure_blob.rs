//! Blobs as source and sink, against the real Azurite and against a stand-in that keeps the service's rules.

mod abort;
mod conformance;
mod faults;
mod files;
mod folder;
mod refusals;
mod service_rules;
mod single;
mod source;
pub(crate) mod workbench;
mod zombies;
