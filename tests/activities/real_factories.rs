//! Real factories of public repositories run from their own JSON, where the machine has it. Beside it lie what Data Factory
//! asks a person for as well: values of a template's parameters, linked services whose secrets are masked, and the secrets.
//!
//! The definitions are looked for in `$ROPEWAY_SHARED/data/factories`, else in `shared/data/factories` beside the workspace.

mod blobs;
mod commands;
mod every_copy;
mod real;
mod tables;
mod whole;
