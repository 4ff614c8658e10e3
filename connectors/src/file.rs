//! Files of the local file system, or of a share that is mounted there: the linked service
//! `FileServer`.

mod disk;
mod files;
mod paths;
mod publish;
mod rows;
mod sink;
mod spec;
mod staging;
mod store;
mod tree;
mod writer;

pub(crate) use self::spec::FileServer;
