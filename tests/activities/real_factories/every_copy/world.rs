//! The stand-ins with what a copy needs there: its tables, its files.

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

use super::files::{self, COLUMNS_OF_SHEET};
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
        let mut columns = columns(copy);
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
            return self.sink_table(sink, &columns_of_sink(copy, &columns));
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

/// The tables of a query, and the columns that it compares.
fn read_by(query: &str) -> (Vec<String>, Vec<String>) {
    let words: Vec<&str> = query.split_whitespace().collect();
    let after = |keywords: &'static [&'static str]| {
        let follows = move |pair: &[&str]| keywords.iter().any(|word| word.eq_ignore_ascii_case(pair[0]));
        words.windows(2).filter(move |pair| follows(pair)).map(|pair| pair[1].to_owned()).collect::<BTreeSet<_>>()
    };
    (after(&["from", "join"]).into_iter().collect(), after(&["where", "and", "or"]).into_iter().collect())
}

fn declared(columns: &[String]) -> String {
    columns.iter().map(|name| format!("[{name}] nvarchar(100) NULL")).collect::<Vec<_>>().join(", ")
}

/// The columns that a copy reads, as far as its definition says so.
fn columns(copy: &ResolvedCopy) -> Vec<String> {
    let dataset = &copy.source.settings.expose()["dataset"];
    if dataset["type"] == "Excel" {
        return COLUMNS_OF_SHEET.map(str::to_owned).into();
    }
    let mapped: Vec<_> = copy.mapping.iter().flat_map(|mapping| mapping.columns.iter().flatten()).collect();
    let places = mapped.iter().filter_map(|column| column.source.ordinal).max().unwrap_or(0);
    let mapped: Vec<String> = match places {
        0 => mapped.iter().filter_map(|column| column.source.name.clone()).collect(),
        places => (1..=places).map(|place| format!("Prop_{place}")).collect(),
    };
    let declared = dataset["columns"].as_array().into_iter().flatten();
    let declared: Vec<String> = declared.filter_map(|column| Some(column["name"].as_str()?.to_owned())).collect();
    let keys = &copy.sink.settings.expose()["sink"]["upsertSettings"]["keys"];
    let keys: Vec<String> =
        keys.as_array().into_iter().flatten().filter_map(|key| Some(key.as_str()?.to_owned())).collect();
    let plain = vec!["id".to_owned(), "name".to_owned()];
    [mapped, declared, keys, plain].into_iter().find(|columns| !columns.is_empty()).unwrap_or_default()
}

/// The columns of the table that it writes to.
fn columns_of_sink(copy: &ResolvedCopy, read: &[String]) -> Vec<String> {
    let mapped = copy.mapping.iter().flat_map(|mapping| mapping.columns.iter().flatten());
    let mapped: Vec<String> = mapped.filter_map(|column| column.sink.name.clone()).collect();
    let dataset = &copy.source.settings.expose()["dataset"];
    let is_nameless = dataset["type"] == "DelimitedText" && dataset["firstRowAsHeader"] != true;
    match mapped.is_empty() {
        false => mapped,
        true if is_nameless => (0..read.len()).map(|column| format!("Prop_{column}")).collect(),
        true => read.to_vec(),
    }
}
