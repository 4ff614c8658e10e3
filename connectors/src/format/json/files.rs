//! The objects of JSON files.

use ropeway_engine::Result;

use super::JsonRecords;
use crate::format::{
    Input, charset::Charset, compression::Compression, hierarchy::RecordFormat, text_input::TextInput,
};

/// How JSON files are read.
#[derive(Debug)]
pub(in crate::format) struct JsonFiles {
    pub(super) charset: Charset,
    pub(super) compression: Compression,
}

impl RecordFormat for JsonFiles {
    type Records = JsonRecords;

    fn records(&self, file: &Input) -> Result<JsonRecords> {
        Ok(JsonRecords::new(TextInput::new(file, self.compression, self.charset)?))
    }

    fn working_set(&self) -> u64 {
        self.compression.working_set()
    }
}
