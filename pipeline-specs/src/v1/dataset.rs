//! Datasets ("tables"): other names of types, the schedule of slices, and places that depend on the slice.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    envelope::Envelope,
    older::{Files, Notes, Part, ReadAs, Side, Use, column_names},
    schema::{self, get},
    v1::{
        activity::macros,
        file_dataset,
        schedule::{self, Schedule, Window},
    },
};

/// Types of 2016, and of locations of 2014, beside those of version 2. A type that is not here has the same name.
const TYPES: [(&str, &str); 13] = [
    ("AzureBlobLocation", "AzureBlob"),
    ("AzureSqlTableLocation", "AzureSqlTable"),
    ("AzureTableLocation", "AzureTable"),
    ("OnPremisesSqlServerTableLocation", "SqlServerTable"),
    ("OnPremisesOracleTableLocation", "OracleTable"),
    ("OnPremisesFileSystemLocation", "FileShare"),
    ("AzureSqlDataWarehouseTableLocation", "AzureSqlDWTable"),
    ("AzureDataLakeStore", "AzureDataLakeStoreFile"),
    ("CustomLocation", "CustomDataset"),
    ("AmazonS3", "AmazonS3Object"),
    ("Http", "HttpFile"),
    ("MongoDbCollectionLocation", "MongoDbCollection"),
    ("DocumentDbCollectionLocation", "DocumentDbCollection"),
];

/// What a dataset of version 1 says for the copies that use it, and version 2 says elsewhere.
#[derive(Default)]
pub(super) struct Extras {
    pub(super) schedule: Option<Schedule>,
    /// The names of `structure`.
    pub(super) columns: Vec<String>,
    pub(super) table_name: Option<Value>,
    pub(super) read_as: ReadAs,
}

/// What a copy needs to know of a dataset.
pub(super) struct Facts {
    pub(super) type_name: String,
    pub(super) linked_service: Option<Value>,
    /// The type of its linked service.
    pub(super) store: Option<String>,
    /// Whether it has parameters for the slice.
    pub(super) sliced: bool,
    /// Its settings in version 2.
    pub(super) settings: Map<String, Value>,
    pub(super) extras: Extras,
}

impl Facts {
    /// The source or sink that goes with the dataset, if it is one of files.
    pub(super) fn side(&self) -> Side<'_> {
        let store = self.store.as_deref().unwrap_or_default();
        Side { dataset_type: &self.type_name, store, read_as: &self.extras.read_as }
    }

    pub(super) fn of(dataset: &Envelope, extras: Extras, services: &BTreeMap<String, String>) -> Self {
        let properties = &dataset.properties;
        let member = |name| get(properties, name);
        let settings = member("typeProperties").and_then(Value::as_object);
        let linked_service = member("linkedServiceName").cloned();
        let parameters = member("parameters").and_then(Value::as_object);
        Self {
            type_name: member("type").and_then(Value::as_str).unwrap_or_default().to_owned(),
            store: linked_service.as_ref().and_then(|service| store(service, services)).or_else(|| {
                // A location is named after the store that it is in.
                let location = settings?.get("location")?.get("type")?.as_str()?;
                location.strip_suffix("Location").map(str::to_owned)
            }),
            linked_service,
            sliced: parameters.is_some_and(|parameters| parameters.contains_key("sliceStart")),
            settings: settings.cloned().unwrap_or_default(),
            extras,
        }
    }
}

/// The properties of version 2, and what belongs to copies there.
pub(super) fn convert(
    mut old: Part,
    usage: Use,
    services: &BTreeMap<String, String>,
    notes: &mut Notes,
) -> (Map<String, Value>, Extras) {
    let mut extras = Extras { schedule: Schedule::read(&old.part("availability")), ..Extras::default() };
    let mut new = Map::new();
    for kept in ["description", "parameters", "annotations", "folder", "schema"] {
        new.extend(old.take(kept).map(|value| (kept.to_owned(), value)));
    }
    if let Some(columns) = old.take("structure").filter(Value::is_array) {
        extras.columns = column_names(&columns);
        new.insert("structure".to_owned(), columns);
    }
    let mut settings =
        if old.peek("typeProperties").is_some() { old.part("typeProperties") } else { old.part("location") };
    let written = old.text("type").or_else(|| settings.text("type")).unwrap_or_default();
    let service = old.take("linkedServiceName").or_else(|| settings.take("linkedServiceName"));
    report_schedule(&mut old, notes);
    old.report_rest("the dataset", notes);
    let store = service.as_ref().and_then(|service| store(service, services));
    if let Some(service) = service {
        new.insert("linkedServiceName".to_owned(), reference(service, "LinkedServiceReference"));
    }
    let known = TYPES.iter().find(|(old, _)| old.eq_ignore_ascii_case(&written)).map_or(&*written, |(_, new)| new);
    let known = schema::canonical_type("Dataset", known).unwrap_or(known);
    let (type_name, type_properties) = match known {
        "AzureBlob" | "FileShare" | "AzureDataLakeStoreFile" => {
            let store = store.as_deref().unwrap_or_else(|| file_dataset::usual_store(known));
            let files = Files { dataset_type: known, store, usage: &usage };
            let file = file_dataset::convert(&files, settings, notes);
            extras.read_as = file.read_as;
            (file.dataset_type.to_owned(), file.settings.into())
        }
        _ => {
            extras.table_name = settings.peek("tableName").cloned();
            let path = settings.place().to_owned();
            let properties = macros(&settings.rest().into(), &Window::of_dataset(), &path, notes);
            (table_type(known, store.as_deref()), properties)
        }
    };
    let sliced = type_properties.to_string().contains("dataset().slice");
    new.insert("type".to_owned(), type_name.into());
    if sliced && !new.contains_key("parameters") {
        new.insert("parameters".to_owned(), schedule::dataset_parameters());
    }
    new.insert("typeProperties".to_owned(), type_properties);
    (new, extras)
}

/// When slices are made and looked at is nobody's business here: a slice is run when it is asked for.
fn report_schedule(old: &mut Part, notes: &mut Notes) {
    let demand = "a slice is read when it is run, whoever made it";
    old.leave_out(&[("external", demand), ("published", "it is the service's own")], notes);
    let mut policy = old.part("policy");
    let left_out = [
        ("externalData", "data that is not there is not waited for; the copy fails"),
        ("latency", demand),
        ("executionPriorityOrder", demand),
        ("validation", "nobody looks at how many rows or bytes there are before or after a copy"),
    ];
    policy.leave_out(&left_out, notes);
    policy.report_rest("the dataset's policy", notes);
}

/// A table that is known by its store only.
fn table_type(known: &str, store: Option<&str>) -> String {
    let of_store = store.filter(|_| known == "RelationalTable").map(|store| format!("{store}Table"));
    let of_store = of_store.and_then(|name| schema::canonical_type("Dataset", &name));
    of_store.unwrap_or(known).to_owned()
}

/// A reference of version 2 from a plain name.
pub(super) fn reference(name: Value, type_name: &str) -> Value {
    match name {
        Value::String(name) => json!({ "referenceName": name, "type": type_name }),
        reference => reference,
    }
}

/// The type of a linked service that is referred to.
fn store(service: &Value, services: &BTreeMap<String, String>) -> Option<String> {
    let name = service.as_str().or_else(|| service.get("referenceName")?.as_str())?;
    services.get(&name.to_lowercase()).cloned()
}
