//! Files of the local file system, or of a share that is mounted there: the linked service
//! `FileServer`.

mod disk;
mod paths;
mod publish;
mod sink;
mod spec;
mod staging;
mod writer;

pub(crate) use self::spec::FileServer;
