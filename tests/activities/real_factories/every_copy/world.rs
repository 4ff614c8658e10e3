//! The stand-ins with what a copy needs there: its tables, its files.

mod columns;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use chrono::{DateTime, Utc};
use ropeway_specs::{ResolvedCopy, ResolvedSide};
use ropeway_tests::{azurite::KEY, sql_server::Server};
use serde_json::{Value, json};

use self::columns::{of_sink, of_source, read_by};
use super::files;
use crate::{activities::storage::Storage, cli::workshop::Workshop};

/// One storage account, one SQL Server and a folder of files.
pub(super) struct World {
    storage: Storage,
    server: Server,
    containers: BTreeSet<String>,
    has_sources: bool,
}

impl World {
    pub(super) fn start() -> Self {
        let server = Server::start().expect("a server");
        Self { storage: Storage::with(&[]), server, containers: BTreeSet::new(), has_sources: true }
    }

    /// One in which nothing of what copies read is there.
    pub(super) fn without_sources() -> Self {
        Self { has_sources: false, ..Self::start() }
    }

    /// The authorities of both servers.
    pub(super) fn authorities(&self, workshop: &Workshop) -> String {
        let bundle = self.storage.bundle(workshop);
        let both = fs::read_to_string(&bundle).expect("an authority") + &self.server.ca_pem;
        fs::write(&bundle, both).expect("a writable folder");
        bundle
    }

    /// What `--secrets` says of a linked service of this type; `None` for one that Ropeway does not reach.
    pub(super) fn secrets(&self, linked_service: &str, data: &Path) -> Option<Value> {
        Some(match linked_service {
            "AzureBlobStorage" | "AzureStorage" => json!({ "connectionString": self.storage.connection_string() }),
            "AzureBlobFS" => json!({ "url": self.storage.endpoint(), "accountKey": KEY }),
            "SqlServer" | "AzureSqlDatabase" | "AzureSqlMI" => {
                json!({ "connectionString": self.server.connection_string() })
            }
            "FileServer" => json!({ "host": data }),
            _ => return None,
        })
    }

    /// Makes what a copy reads, and the table or the container that it writes to.
    pub(super) fn prepare(&mut self, copy: &ResolvedCopy) -> Result<(), String> {
        let (source, sink) = (copy.source.settings.expose(), copy.sink.settings.expose());
        let query = source["source"]["sqlReaderQuery"].as_str().filter(|query| !query.is_empty()).map(read_by);
        let mut columns = of_source(copy);
        columns.extend(query.iter().flat_map(|(_, compared)| compared.iter().cloned()));
        if !self.has_sources {
            // There is nothing to make.
        } else if is_table(&copy.source) {
            let tables = query.map_or_else(|| vec![table(&source["dataset"])], |(tables, _)| tables);
            tables.iter().try_for_each(|name| self.table(name, &columns))?;
        } else {
            let path = files::path(source);
            let content = files::content(source, &columns);
            self.file(&copy.source, &path, &content)?;
        }
        if is_table(&copy.sink) {
            return self.sink_table(sink, &of_sink(copy, &columns));
        }
        files::container(&sink["dataset"]["location"]).map_or(Ok(()), |container| self.container(container))
    }

    /// Empties the storage account.
    pub(super) fn clear(&mut self) {
        for container in std::mem::take(&mut self.containers) {
            self.storage.drop_container(&container);
        }
    }

    fn file(&mut self, side: &ResolvedSide, path: &str, content: &[u8]) -> Result<(), String> {
        let settings = side.settings.expose();
        if side.linked_service_type == "FileServer" {
            let file = PathBuf::from(settings["linkedService"]["host"].as_str().expect("a folder")).join(path);
            fs::create_dir_all(file.parent().expect("a folder")).expect("a writable folder");
            fs::write(&file, content).expect("a writable folder");
            let since = settings["source"]["storeSettings"]["modifiedDatetimeStart"].as_str();
            return since.map_or(Ok(()), |since| was_written(&file, since));
        }
        let container = files::container(&settings["dataset"]["location"]).expect("a container");
        self.container(container)?;
        self.storage.put(path, content);
        Ok(())
    }

    fn container(&mut self, name: &str) -> Result<(), String> {
        if !self.containers.contains(name) {
            self.storage.container(name)?;
            self.containers.insert(name.to_owned());
        }
        Ok(())
    }

    fn sink_table(&self, settings: &Value, columns: &[String]) -> Result<(), String> {
        let sink = &settings["sink"];
        let made_by_the_copy = sink["tableOption"] == "autoCreate";
        if let (Some(procedure), Some(rows)) =
            (sink["sqlWriterStoredProcedureName"].as_str(), sink["sqlWriterTableType"].as_str())
        {
            self.procedure(procedure, rows, sink, columns)
        } else if made_by_the_copy {
            self.run(&format!("DROP TABLE IF EXISTS {}", table(&settings["dataset"])))
        } else {
            self.table(&table(&settings["dataset"]), columns)
        }
    }

    fn table(&self, name: &str, columns: &[String]) -> Result<(), String> {
        self.run(&format!("DROP TABLE IF EXISTS {name}"))?;
        self.run(&format!("CREATE TABLE {name} ({})", declared(columns)))
    }

    fn procedure(&self, name: &str, rows: &str, sink: &Value, columns: &[String]) -> Result<(), String> {
        let others = sink["storedProcedureParameters"].as_object().into_iter().flatten();
        let others: String = others.map(|(name, _)| format!(", @{name} nvarchar(100)")).collect();
        let parameter = sink["storedProcedureTableTypeParameterName"].as_str().unwrap_or("rows");
        self.run(&format!("CREATE TYPE {rows} AS TABLE ({})", declared(columns)))?;
        self.run(&format!("CREATE PROCEDURE {name} @{parameter} {rows} READONLY{others} AS SELECT 1 AS one"))
    }

    fn run(&self, batch: &str) -> Result<(), String> {
        self.server.execute("sales", batch).map(drop).map_err(|error| format!("{batch}: {error:?}"))
    }
}

/// Lets a file seem to be written at a time.
fn was_written(file: &Path, at: &str) -> Result<(), String> {
    let at: SystemTime = at.parse::<DateTime<Utc>>().map_err(|error| format!("{at}: {error}"))?.into();
    let file = fs::File::options().write(true).open(file);
    file.and_then(|file| file.set_modified(at)).map_err(|error| error.to_string())
}

fn is_table(side: &ResolvedSide) -> bool {
    side.settings.expose()["dataset"].get("location").is_none()
}

/// The table of a dataset, as a statement names it.
fn table(dataset: &Value) -> String {
    match (dataset["schema"].as_str(), dataset["table"].as_str(), dataset["tableName"].as_str()) {
        (Some(schema), Some(table), _) => format!("[{schema}].[{table}]"),
        (None, Some(table), _) => format!("[{table}]"),
        (_, None, Some(name)) if name.contains('[') => name.to_owned(),
        (_, None, Some(name)) => name.split('.').map(|part| format!("[{part}]")).collect::<Vec<_>>().join("."),
        _ => "[nobody knows]".to_owned(),
    }
}

fn declared(columns: &[String]) -> String {
    columns.iter().map(|name| format!("[{name}] nvarchar(100) NULL")).collect::<Vec<_>>().join(", ")
}
