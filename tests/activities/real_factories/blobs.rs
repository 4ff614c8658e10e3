//! Factories that work on blobs.

use serde_json::{Value, json};

use super::real::{Real, expression, given, texts};
use crate::activities::{
    factory::{only, runs},
    storage::Storage,
};

/// A linked service whose connection string is masked, as the service keeps it in Git.
fn masked(type_name: &str) -> Value {
    json!({ "type": type_name, "typeProperties": { "connectionString": { "type": "SecureString", "value": "**********" } } })
}

/// "Identify file with latest epoch as prefix": asks for a folder's files, looks at each name, and writes down the latest.
#[test]
fn the_file_with_the_latest_epoch_is_found() {
    let Some(real) = Real::template("Identify file with latest epoch as prefix") else { return };
    let storage = Storage::with(&["test-sample", "code-samples"]);
    real.parameters(&json!({ "factoryName": "adf", "BlobStorage": "Blobs" }));
    real.service("Blobs", &masked("AzureBlobStorage"));
    real.secrets(&json!({ "Blobs": { "connectionString": storage.connection_string() } }));
    real.is_valid(1, 1);
    storage.put("code-samples/latest-file/dummy-file.json", r#"{"dummy":"x"}"#);
    for name in ["1650000000-a.csv", "1660000000-b.csv", "1655000000-c.csv", "1690000000-d.json"] {
        storage.put(&format!("test-sample/latest-file-folder/{name}"), "k\n1\n");
    }
    let bundle = storage.bundle(&real.workshop);
    let report = real.run("FindLatestFileInAFolder", &["--ca-bundle", &bundle]);
    assert_eq!(only(&report, "FilteroutJSON")["output"]["FilteredItemsCount"], 3);
    assert_eq!(runs(&report, "SetFileName").len(), 3, "names are listed in the order of their epochs");
    let found = || storage.get("test-sample/latest-file-folder/latest-file.json");
    assert_eq!(found().as_deref(), Some("{\"dummy\":\"x\",\"latestFileName\":\"1660000000-b.csv\"}\n"));

    storage.put("test-sample/latest-file-folder/1670000000-e.csv", "k\n1\n");
    real.run("FindLatestFileInAFolder", &["--ca-bundle", &bundle]);
    assert_eq!(found().as_deref(), Some("{\"dummy\":\"x\",\"latestFileName\":\"1670000000-e.csv\"}\n"));
}

/// Where a template takes from and where it goes to: what the gallery asks for when a store is chosen.
fn between_stores(source: &str, sink: &str) -> Value {
    json!({
        "factoryName": "adf", "DataSourceConnection": "Source", "DataDestinationConnection": "Sink",
        "ReadSettings_parameter": format!("{source}ReadSettings"), "WriteSettings_parameter": format!("{sink}WriteSettings"),
    })
}

fn with(mut parameters: Value, more: Value) -> Value {
    for (name, value) in more.as_object().expect("an object") {
        parameters[name] = value.clone();
    }
    parameters
}

/// The rest of "Copy multiple files containers between File Stores": from a file server to a Data Lake.
pub(super) fn of_containers() -> Value {
    let folder = |name: &str| json!({ "type": "FileServerLocation", "folderPath": expression(name) });
    let lake = json!({ "type": "AzureBlobFSLocation", "fileSystem": expression("@dataset().FileSystem"),
                       "folderPath": expression("@dataset().Directory") });
    with(
        between_stores("FileServer", "AzureBlobFS"),
        json!({
            "SourceFileStore_parameter": texts(&["Directory"]),
            "SinkFileStore_parameter": texts(&["FileSystem", "Directory"]),
            "SourceStore_location_parameter": folder("@dataset().Directory"),
            "DestinationStore_location_parameter": lake,
            "SourceStore_parameter": given(&[("Directory", "@pipeline().parameters.SourceFileDirectory")]),
            "CopyActivity_inputs_parameter":
                given(&[("Directory", "@concat(pipeline().parameters.SourceFileDirectory, '/', item().name)")]),
            "CopyActivity_outputs_parameter": given(&[
                ("FileSystem", "@pipeline().parameters.DestinationFileFolder"),
                ("Directory", "@concat(pipeline().parameters.DestinationFileDirectory, '/', item().name)"),
            ]),
        }),
    )
}

/// "Copy multiple files containers between File Stores": asks for the folders of a store, and copies each of them.
#[test]
fn every_container_of_a_store_is_copied() {
    let Some(real) = Real::template("Copy multiple files containers between File Stores") else { return };
    let storage = Storage::with(&["lake"]);
    real.parameters(&of_containers());
    real.between(&storage);
    let data = real.workshop.data();
    real.is_valid(1, 1);
    for (path, text) in [("in/north/a.txt", "a\r\n"), ("in/north/deep/b.txt", ""), ("in/south/c.txt", "c")] {
        let file = data.join(path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a writable folder");
        std::fs::write(file, text).expect("a writable folder");
    }
    let bundle = storage.bundle(&real.workshop);
    let more = [
        "--ca-bundle",
        &*bundle,
        "-p",
        "SourceFileDirectory=in",
        "-p",
        "DestinationFileFolder=lake",
        "-p",
        "DestinationFileDirectory=copied",
    ];
    let report = real.run("CopyFilesfromMultipleContainers", &more);
    assert_eq!(runs(&report, "CopyOneContainer").len(), 2);
    let copied = || storage.list("lake");
    assert_eq!(copied(), ["copied/north/a.txt", "copied/north/deep/b.txt", "copied/south/c.txt"]);
    assert_eq!(storage.get("lake/copied/north/a.txt").as_deref(), Some("a\r\n"));

    std::fs::write(data.join("in/south/c.txt"), "changed").expect("a writable folder");
    real.run("CopyFilesfromMultipleContainers", &more);
    assert_eq!(copied().len(), 3);
    assert_eq!(storage.get("lake/copied/south/c.txt").as_deref(), Some("changed"));
}

/// The rest of "Move files": from blobs to blobs.
pub(super) fn of_moved_files() -> Value {
    let blob = |name: bool| {
        let mut location = json!({ "type": "AzureBlobStorageLocation", "container": expression("@dataset().Location"),
                                   "folderPath": expression("@dataset().Directory") });
        if name {
            location["fileName"] = expression("@dataset().filename");
        }
        location
    };
    let place = |end: &str| {
        [
            ("Location", format!("@pipeline().parameters.{end}Store_Location")),
            ("Directory", format!("@pipeline().parameters.{end}Store_Directory")),
        ]
    };
    let to = |end: &str, file: bool| {
        let place = place(end);
        let mut pairs: Vec<(&str, &str)> = place.iter().map(|(name, text)| (*name, text.as_str())).collect();
        pairs.extend(file.then_some(("filename", "@item().name")));
        given(&pairs)
    };
    with(
        between_stores("AzureBlobStorage", "AzureBlobStorage"),
        json!({
            "SourceStore_parameter": to("Source", false),
            "Copyactivity_input_parameter": to("Source", true),
            "Copyactivity_output_parameter": to("Destination", false),
            "DataSource_Folder_StoreSettings_parameter": blob(false),
            "DataSource_File_StoreSettings_parameter": blob(true),
            "DataDestination_StoreSettings_parameter": blob(false),
            "DataSource_Folder_parameter": texts(&["Location", "Directory"]),
            "DataSource_File_parameter": texts(&["Location", "Directory", "filename"]),
            "DataDestination_parameter": texts(&["Location", "Directory"]),
        }),
    )
}

/// "Move files": asks for a folder's files, copies each, and deletes it where it came from.
#[test]
fn files_are_moved_from_a_store_to_another() {
    let Some(real) = Real::template("Move files") else { return };
    let storage = Storage::with(&["inbox", "archive"]);
    real.parameters(&of_moved_files());
    for name in ["Source", "Sink"] {
        real.service(name, &masked("AzureBlobStorage"));
    }
    let account = json!({ "connectionString": storage.connection_string() });
    real.secrets(&json!({ "Source": account, "Sink": account }));
    real.is_valid(1, 1);
    for (path, text) in [("a.csv", "1\n"), ("b.csv", ""), ("below/c.csv", "stays")] {
        storage.put(&format!("inbox/new/{path}"), text);
    }
    let bundle = storage.bundle(&real.workshop);
    let more = [
        "--ca-bundle",
        &*bundle,
        "-p",
        "SourceStore_Location=inbox",
        "-p",
        "SourceStore_Directory=new",
        "-p",
        "DestinationStore_Location=archive",
        "-p",
        "DestinationStore_Directory=2026/11",
    ];
    let report = real.run("MoveFiles", &more);
    assert_eq!((runs(&report, "CopyAFile").len(), runs(&report, "DeleteAFile").len()), (2, 2));
    assert_eq!(storage.list("inbox"), ["new/below/c.csv"], "folders are left alone");
    assert_eq!(storage.list("archive"), ["2026/11/a.csv", "2026/11/b.csv"]);
    assert_eq!(storage.get("archive/2026/11/a.csv").as_deref(), Some("1\n"));

    storage.put("inbox/new/d.csv", "2\n");
    let report = real.run("MoveFiles", &more);
    assert_eq!(runs(&report, "CopyAFile").len(), 1);
    assert_eq!(storage.list("archive"), ["2026/11/a.csv", "2026/11/b.csv", "2026/11/d.csv"]);
}

/// The rest of "Copy new files only by LastModifiedDate": from a file server to a Data Lake.
pub(super) fn of_new_files() -> Value {
    let place = |end: &str| {
        given(&[
            ("Folder", &format!("@pipeline().parameters.FolderPath_{end}")),
            ("Directory", &format!("@pipeline().parameters.Directory_{end}")),
        ])
    };
    with(
        between_stores("FileServer", "AzureBlobFS"),
        json!({
            "SourceStore_location_parameter":
                { "type": "FileServerLocation", "folderPath": "@concat(dataset().Folder, '/', dataset().Directory)" },
            "DestinationStore_location_parameter": { "type": "AzureBlobFSLocation", "fileSystem": "@dataset().Folder",
                                                     "folderPath": "@dataset().Directory" },
            "SourceStore_parameter_parameter": texts(&["Folder", "Directory"]),
            "DestinationStore_parameter_parameter": texts(&["Folder", "Directory"]),
            "CopyInputs_parameter_parameter": place("Source"),
            "CopyOutputs_parameter_parameter": place("Destination"),
        }),
    )
}
