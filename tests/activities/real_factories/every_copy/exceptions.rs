//! The copies that cannot be planned, each for what its own definition says.

/// Copies of the factories below this folder that have this name and this reason.
struct Exception {
    below: &'static str,
    copy: &'static str,
    says: &'static str,
}

const EXCEPTIONS: &[Exception] = &[
    // The converter gave the copy two inputs.
    Exception {
        below: "Azure__Azure-DataFactory/V1-V2Migration",
        copy: "CopyDataToStage",
        says: "exactly one dataset in 'inputs'",
    },
    // The default of a parameter is a word for a person to replace.
    Exception {
        below: "Azure__Azure-DataFactory/templates/Copy Dataverse data from Multiple Data Lakes",
        copy: "Copy Data Lake to Data Lake",
        says: "no container name",
    },
    // The dataset has no table.
    Exception {
        below: "Azure__Azure-DataFactory/templates/Copy data from on premise SQL Server to SQL Azure",
        copy: "SQL_to_SQLAzure",
        says: "names no table",
    },
    // Columns and rows of the file end with the same character.
    Exception {
        below: "Azure__Azure-DataFactory/templates/Sensitive Data Discovery with Delphix",
        copy: "Copy files to uploaded file Format",
        says: "rowDelimiter must differ",
    },
    // Names of containers and tables that a person is to replace.
    Exception { below: SAMPLES, copy: "AzureSQLtoBlob", says: "no container name" },
    Exception { below: SAMPLES, copy: "AzureBlobtoBlob", says: "no container name" },
    Exception { below: SAMPLES, copy: "AzureBlobtoSQL", says: "no container name" },
    Exception { below: SAMPLES, copy: "SQLServertoBlob", says: "no container name" },
    Exception { below: SAMPLES, copy: "AzureSQLtoBlob", says: "syntax near '<'" },
    Exception { below: SAMPLES, copy: "AzureSQLtoSQL", says: "syntax near '<'" },
    // The source has another delimiter than its dataset.
    Exception { below: SAMPLES, copy: "", says: "'blobColumnSeparators' is another text" },
];

const SAMPLES: &str = "Azure__Azure-DataFactory__v1history/Samples/JSON/";

/// Sorts what failed into exceptions and the rest.
pub(super) struct Failures {
    folder: String,
    needed: [bool; EXCEPTIONS.len()],
    unexpected: Vec<String>,
}

impl Failures {
    pub(super) fn below(folder: &str) -> Self {
        Self { folder: format!("{folder}/"), needed: [false; EXCEPTIONS.len()], unexpected: Vec::new() }
    }

    /// Takes one in; the name is empty for copies whose pipeline does not load.
    pub(super) fn take(&mut self, factory: &str, copy: &str, reason: &str) {
        let fits = |exception: &&Exception| {
            factory.starts_with(exception.below) && copy == exception.copy && reason.contains(exception.says)
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
        let own = EXCEPTIONS.iter().zip(self.needed).filter(|(one, _)| one.below.starts_with(&self.folder));
        let stale = own.filter(|(_, needed)| !needed);
        let stale: Vec<_> = stale.map(|(exception, _)| (exception.below, exception.copy)).collect();
        assert!(stale.is_empty(), "these exceptions are needed no more: {stale:?}");
    }
}

#[test]
#[should_panic(expected = "1 copies are not planned")]
fn a_copy_that_is_no_exception_is_told() {
    let mut failures = Failures::below("somewhere");
    failures.take("somewhere/V2", "CopyDataToStage", "exactly one dataset in 'inputs'");
    failures.are_the_known_ones();
}

#[test]
#[should_panic(expected = "needed no more")]
fn an_exception_that_is_needed_no_more_is_told() {
    Failures::below("Azure__Azure-DataFactory").are_the_known_ones();
}
