//! Data Factory's JSON, from files to resolved and checked copies.
//!
//! The way of a definition:
//! 1. [`Factory::load`] reads the files of a factory ([`json`] is tolerant where people are) and sorts them into
//!    pipelines, datasets and linked services. Templates ([`arm`]) and version 1 ([`v1`]) become what files of
//!    version 2 would hold. Then keys are brought to Data Factory's spelling and checked against the property tables in
//!    `schema.json`. Nothing is evaluated; every problem becomes a [`Diagnostic`].
//! 2. [`Factory::pipeline`] puts the activities in dependency order.
//! 3. [`Activity::work`] evaluates the expressions of one activity with the run's [`Inputs`] and the [`Scene`] around
//!    it, follows its datasets to their linked services, puts secrets in, and gives the [`Task`]: for a Copy settings
//!    that a connector reads without knowing anything of Data Factory.
//!
//! This crate opens no connection and knows no other crate of Ropeway. Files are read in `loader.rs` only.

mod activity;
mod arm;
mod binary;
mod connection_string;
mod copy;
mod coverage;
mod dataset;
mod definition;
mod dependency;
mod diagnostic;
mod dotnet;
mod envelope;
mod evaluation;
mod expression;
mod factory;
mod fingerprint;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod globals;
mod import;
mod inputs;
mod json;
mod kind;
mod linked_service;
mod loader;
mod older;
mod parameter;
mod pipeline;
mod policy;
mod reference;
mod scene;
mod schema;
mod secret;
mod skipping;
mod support;
mod timespan;
mod translator;
mod v1;
mod validate;
mod vault;
mod work;

pub use activity::{Activity, Branch, BranchName, Kind};
pub use copy::{ResolvedCopy, ResolvedSide};
pub use coverage::{Coverage, LeftOut, Runnable};
pub use dependency::{Condition, Dependency, Next, ready};
pub use diagnostic::{Diagnostic, Severity};
pub use dotnet::{ClockTime, TimeFormat, TimeKind};
pub use evaluation::Twin;
pub use factory::Factory;
pub use import::{Import, import};
pub use inputs::{Inputs, Outcome, Outcomes, Parent, Status, Trigger};
pub use linked_service::ResolvedStore;
pub use loader::Files;
pub use pipeline::Pipeline;
pub use policy::Policy;
pub use scene::{Scene, Variables};
pub use secret::{Secrets, SecretsError, Settings};
pub use skipping::{LogLayout, LogLocation, Skipped, Skipping};
pub use translator::{
    AdditionalColumn, AdditionalValue, ColumnMapping, ConversionSettings, INTERIM_TYPES, MappedColumn, Mapping,
};
pub use validate::{Validation, validate};
pub use vault::{VaultSecret, Vaults};
pub use work::{
    Authentication, Awaited, Deletion, Direction, Lookup, MetadataRequest, ProcedureCall, ResolvedDataset, Script,
    ScriptKind, ScriptParameter, Scripts, Task, WebRequest, Work,
};
