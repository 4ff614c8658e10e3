//! The copies that cannot be planned, each for what its own definition says.

/// Copies of the factories below this folder that have this name and this reason.
struct Exception {
    below: &'static str,
    copy: &'static str,
    says: &'static str,
}

const EXCEPTIONS: &[Exception] = &[
    // The converter gave the copy two inputs.
    Exception { below: "sampledatasets/V2", copy: "CopyDataToStage", says: "exactly one dataset in 'inputs'" },
    // Words that a person is to replace.
    Exception { below: "Multiple Data Lakes", copy: "Copy Data Lake to Data Lake", says: "no container name" },
    Exception { below: "v1history/Samples/JSON", copy: "AzureSQLtoBlob", says: "no container name" },
    Exception { below: "v1history/Samples/JSON", copy: "AzureBlobtoBlob", says: "no container name" },
    Exception { below: "v1history/Samples/JSON", copy: "AzureBlobtoSQL", says: "no container name" },
    Exception { below: "v1history/Samples/JSON", copy: "SQLServertoBlob", says: "no container name" },
    Exception { below: "AzureSql_Copy_All_Cloud_Dest_Sample", copy: "AzureSQLtoBlob", says: "syntax near '<'" },
    Exception { below: "AzureSql_Copy_All_Cloud_Dest_Sample", copy: "AzureSQLtoSQL", says: "syntax near '<'" },
    Exception { below: "Blob_to_all_cloud_dest_sample", copy: "", says: "'blobColumnSeparators' is another text" },
    Exception { below: "Blob_Copy_All_Cloud_Dest_Sample", copy: "", says: "'blobColumnSeparators' is another text" },
    // The dataset has no table.
    Exception { below: "on premise SQL Server to SQL Azure", copy: "SQL_to_SQLAzure", says: "names no table" },
    // Columns and rows of the file end with the same character.
    Exception { below: "Delphix", copy: "Copy files to uploaded file Format", says: "rowDelimiter must differ" },
];

/// Sorts what failed into exceptions and the rest.
#[derive(Default)]
pub(super) struct Failures {
    needed: [bool; EXCEPTIONS.len()],
    unexpected: Vec<String>,
}

impl Failures {
    /// Takes one in; the name is empty for copies whose pipeline does not load.
    pub(super) fn take(&mut self, factory: &str, copy: &str, reason: &str) {
        let fits = |exception: &&Exception| {
            factory.contains(exception.below) && copy == exception.copy && reason.contains(exception.says)
        };
        match EXCEPTIONS.iter().position(|exception| fits(&exception)) {
            Some(index) => self.needed[index] = true,
            None => self.unexpected.push(format!("{factory}: {copy}: {reason}")),
        }
    }

    /// Asserts that nothing failed but exceptions, and that each of them is needed.
    pub(super) fn are_the_known_ones(&self) {
        assert!(
            self.unexpected.is_empty(),
            "{} copies are not planned:\n{}",
            self.unexpected.len(),
            self.unexpected.join("\n")
        );
        let stale = EXCEPTIONS.iter().zip(self.needed).filter(|(_, needed)| !needed);
        let stale: Vec<_> = stale.map(|(exception, _)| (exception.below, exception.copy)).collect();
        assert!(stale.is_empty(), "these exceptions are needed no more: {stale:?}");
    }
}
