//! How a run lays its files into a folder, whichever store the folder is in: the names of parts,
//! the manifest, and the mark of success.

use std::collections::HashMap;

use arrow::datatypes::SchemaRef;
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{ChunkId, RunId},
    digest::Digest,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    binary::{self, CopyBehavior, Naming},
    lenient,
};

/// The mark that a folder is complete; it holds the hash of the manifest it vouches for.
pub(crate) const SUCCESS: &str = "_SUCCESS";

/// Names that a report lists; beyond, it names the folder.
const NAMED: usize = 100;

/// What a report says was written: these files, or where they are many their folder.
///
/// # Errors
/// Those of the names.
pub(crate) fn reported(
    folder: impl FnOnce() -> Result<String>,
    names: impl ExactSizeIterator<Item = Result<String>>,
) -> Result<Vec<String>> {
    if names.len() > NAMED { Ok(vec![folder()?]) } else { names.collect() }
}

/// The sink's `formatSettings` that concern files rather than their bytes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FolderSettings {
    /// Rows of one file at most.
    #[serde(default, deserialize_with = "lenient::option::u64")]
    pub(crate) max_rows_per_file: Option<u64>,
    /// The beginning of the names of files that were split by rows.
    #[serde(default, deserialize_with = "lenient::option::text")]
    pub(crate) file_name_prefix: Option<String>,
    /// How files of the source are kept; `None` if rows of all files are parted by their number.
    #[serde(skip)]
    pub(crate) behavior: Option<CopyBehavior>,
}

impl FolderSettings {
    /// As `formatSettings` and `copyBehavior` of a sink say. Who asks for neither a behavior nor a limit of rows gets a
    /// file for each of the source, as in Data Factory.
    ///
    /// # Errors
    /// A limit of no rows, a prefix or extension that is no piece of a file name, and a behavior that there is not.
    pub(crate) fn checked(settings: Option<&Value>, copy_behavior: Option<&str>) -> Result<Self> {
        let settings =
            settings.filter(|settings| !settings.is_null()).map_or(Ok(Self::default()), Self::deserialize).map_err(
                |error| Error::new(ErrorKind::Spec, format!("the formatSettings of the sink are wrong: {error}")),
            )?;
        let by_default = settings.max_rows_per_file.is_none().then_some(CopyBehavior::PreserveHierarchy);
        let settings = Self { behavior: binary::given(copy_behavior)?.or(by_default), ..settings };
        if settings.max_rows_per_file == Some(0) {
            return Err(Error::new(
                ErrorKind::Spec,
                "maxRowsPerFile is at least 1; leave it out for files without a limit",
            ));
        }
        if let Some(prefix) = settings.file_name_prefix.as_deref().filter(|prefix| !is_name_piece(prefix)) {
            return Err(Error::new(
                ErrorKind::Spec,
                "fileNamePrefix is a piece of a file name: no slash, no control character, no leading dot or underscore",
            )
            .with("fileNamePrefix", prefix.escape_debug()));
        }
        Ok(settings)
    }

    /// The file of a chunk: `part-00017-1f3a5c7d.parquet`; with a limit of rows, its piece too:
    /// `orders_00017_00002-1f3a5c7d.parquet`. No attempt stands in it, so that a retry cannot
    /// leave a second copy; readers skip no name that starts with a letter.
    fn part_name(&self, run: &RunId, chunk: ChunkId, piece: u32, extension: &str) -> String {
        let (chunk, run) = (chunk.0, run.short());
        match self.max_rows_per_file {
            None => format!("part-{chunk:05}-{run}{extension}"),
            Some(_) => {
                let prefix = self.file_name_prefix.as_deref().unwrap_or("part");
                format!("{prefix}_{chunk:05}_{piece:05}-{run}{extension}")
            }
        }
    }
}

/// The names of the files of a run, below the folder of its sink.
#[derive(Clone, Debug)]
pub(crate) struct PartNames {
    settings: FolderSettings,
    run: RunId,
    /// Of the format, with its dot.
    extension: String,
    /// Of the files of each chunk, without the extension, where the files of the source are kept.
    kept: Vec<Vec<String>>,
}

impl PartNames {
    /// `files` are those that the rows of each chunk come from; empty where rows come from no files.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] for a file whose name cannot be kept, and for two that would have the same.
    pub(crate) fn new(settings: FolderSettings, run: &RunId, extension: String, files: &[Vec<String>]) -> Result<Self> {
        let kept = match settings.behavior {
            Some(_) if !files.is_empty() && settings.max_rows_per_file.is_some() => {
                let message = "maxRowsPerFile cuts files in pieces, and copyBehavior keeps one for each file of the source; remove one of them";
                return Err(Error::new(ErrorKind::Spec, message));
            }
            Some(behavior) => kept(behavior, run, files)?,
            None => Vec::new(),
        };
        Ok(Self { settings, run: run.clone(), extension, kept })
    }

    /// The file of a chunk; one of them where it has several files, or where rows of a file are limited. No attempt
    /// stands in it, so that a retry cannot leave a second copy.
    pub(crate) fn of(&self, chunk: ChunkId, piece: u32) -> String {
        match self.of_chunk(chunk).get(piece as usize) {
            None => self.settings.part_name(&self.run, chunk, piece, &self.extension),
            Some(name) => format!("{name}{}", self.extension),
        }
    }

    /// Whether a chunk has several files of the source.
    pub(crate) fn has_several(&self, chunk: ChunkId) -> bool {
        self.of_chunk(chunk).len() > 1
    }

    /// # Errors
    /// [`ErrorKind::Bug`] if a chunk whose files are kept became another number of them.
    pub(crate) fn are_all(&self, chunk: ChunkId, pieces: usize) -> Result<()> {
        let files = self.of_chunk(chunk).len();
        if files == 0 || files == pieces {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Bug, "a chunk became other files than it was read from; please report it")
            .with("chunk", chunk.0)
            .with("files", files)
            .with("files_written", pieces))
    }

    fn of_chunk(&self, chunk: ChunkId) -> &[String] {
        self.kept.get(chunk.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// Whether the files of the source are kept: files that stand there already are then those of others, and stay, but
    /// for those of the same names.
    pub(crate) fn keep_files(&self) -> bool {
        !self.kept.is_empty()
    }
}

/// What the files of each chunk are called, without an extension. Files that differ in their endings alone keep those.
fn kept(behavior: CopyBehavior, run: &RunId, files: &[Vec<String>]) -> Result<Vec<Vec<String>>> {
    let is_flat = behavior == CopyBehavior::FlattenHierarchy;
    let naming = if is_flat { Naming::Flat(String::new()) } else { Naming::Below(String::new()) };
    let whole = files.iter().flatten().map(|file| naming.target(file, run)).collect::<Result<Vec<_>>>()?;
    let short: Vec<&str> = whole.iter().map(|name| if is_flat { made_of(name) } else { stem(name) }).collect();
    let mut alike: HashMap<&str, u32> = HashMap::new();
    for name in &short {
        *alike.entry(name).or_default() += 1;
    }
    let names = short.iter().zip(&whole).map(|(short, whole)| if alike[short] > 1 { whole } else { *short });
    let mut taken = HashMap::new();
    for (name, file) in names.clone().zip(files.iter().flatten()) {
        let refused = |message: &'static str| {
            Error::new(ErrorKind::Data, message).with("file", file.escape_debug()).code("InvalidFileName")
        };
        if name.split('/').any(|step| step.starts_with(['.', '_'])) {
            return Err(refused(
                "a name that begins with '.' or '_' would be passed over by who reads the copy; rename the file or its folder, or set copyBehavior to FlattenHierarchy",
            ));
        }
        if let Some(other) = taken.insert(name, file) {
            return Err(refused(
                "two files would have the same name with the extension of the sink's format; copy them apart, or set copyBehavior to FlattenHierarchy",
            )
            .with("other", other.escape_debug()));
        }
    }
    let mut names = names.map(str::to_owned);
    Ok(files.iter().map(|of_chunk| names.by_ref().take(of_chunk.len()).collect()).collect())
}

/// A path without the ending of its name.
fn stem(path: &str) -> &str {
    let name = path.rfind('/').map_or(0, |slash| slash + 1);
    path[name..].rfind('.').filter(|dot| *dot > 0).map_or(path, |dot| &path[..name + dot])
}

/// The three steps of a name that was made; a fourth is the ending of the source's file.
fn made_of(name: &str) -> &str {
    name.match_indices('.').nth(2).map_or(name, |(dot, _)| &name[..dot])
}

/// True for what may stand in a file name, and at its beginning without hiding the file.
fn is_name_piece(text: &str) -> bool {
    let plain = !text.contains(['/', '\\', ':', '*', '?']) && !text.chars().any(char::is_control);
    plain && text.len() <= 100 && !text.starts_with(['_', '.'])
}

/// Where the manifest of a run stands, below the folder.
pub(crate) fn manifest_name(run: &RunId) -> String {
    format!("_manifest/{run}.json")
}

/// One file of a finished folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// Its name below the folder.
    pub(crate) name: String,
    /// Its length.
    pub(crate) bytes: u64,
    /// Its rows.
    pub(crate) rows: u64,
    /// The digest of its rows.
    pub(crate) digest: Digest,
}

/// What a finished run put into a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The run.
    pub(crate) run: RunId,
    /// The names and Arrow types of the columns.
    pub(crate) columns: Vec<(String, String)>,
    /// All rows.
    pub(crate) rows: u64,
    /// The digest of all rows.
    pub(crate) digest: Digest,
    /// The files, in the order of their chunks.
    pub(crate) parts: Vec<Part>,
}

impl Manifest {
    pub(crate) fn new(run: &RunId, schema: &SchemaRef, parts: Vec<Part>) -> Self {
        Self {
            run: run.clone(),
            columns: schema
                .fields()
                .iter()
                .map(|field| (field.name().clone(), field.data_type().to_string()))
                .collect(),
            rows: parts.iter().map(|part| part.rows).sum(),
            digest: parts.iter().map(|part| part.digest).sum(),
            parts,
        }
    }

    /// The manifest as JSON text. The same run gives the same bytes, whoever finishes it.
    ///
    /// # Errors
    /// A defect of ours.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec_pretty(self).map_err(|error| {
            Error::new(ErrorKind::Bug, "the manifest cannot be written as JSON; please report it").caused_by(error)
        })
    }

    /// The content of [`SUCCESS`]: the run, and the BLAKE3 hash of its manifest.
    pub(crate) fn success(run: &RunId, manifest: &[u8]) -> Vec<u8> {
        format!("{} {}\n", blake3::hash(manifest).to_hex(), manifest_name(run)).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run() -> RunId {
        RunId::try_from("r1".to_owned()).unwrap()
    }

    #[test]
    fn parts_are_named_by_chunk_and_run() {
        let plain = FolderSettings::checked(None, None).unwrap();
        let short = run().short();
        assert_eq!(plain.part_name(&run(), ChunkId(17), 0, ".parquet"), format!("part-00017-{short}.parquet"));
        let split = json!({"maxRowsPerFile": "1000", "fileNamePrefix": "orders"});
        let split = FolderSettings::checked(Some(&split), None).unwrap();
        assert_eq!(split.part_name(&run(), ChunkId(3), 2, ".txt"), format!("orders_00003_00002-{short}.txt"));
    }

    #[test]
    fn a_name_that_leaves_the_folder_is_refused() {
        for bad in [
            json!({"fileNamePrefix": "../x"}),
            json!({"fileNamePrefix": "a/b"}),
            json!({"fileNamePrefix": "_hidden"}),
            json!({"maxRowsPerFile": 0}),
        ] {
            assert!(FolderSettings::checked(Some(&bad), None).is_err(), "{bad}");
        }
    }
}
