//! Files of the local file system, or of a share that is mounted there: the linked service
//! `FileServer`.

mod disk;
mod listing;
mod paths;
mod publish;
mod sink;
mod source;
mod spec;
mod staging;
mod store;
mod writer;

pub(crate) use self::spec::FileServer;
