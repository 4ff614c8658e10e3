use std::{fs, sync::Arc};

use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

struct Share {
    folder: TempDir,
    files: Arc<dyn Files>,
}

impl Share {
    fn new(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        let spec = json!({"linkedService": {"host": folder.path().to_str().unwrap()}});
        let files = crate::registry().connect_store("FileServer", spec).unwrap().files().unwrap();
        Self { folder, files }
    }

    async fn chosen(&self, folder: &str, file: &str, settings: Value) -> Result<Vec<String>> {
        let selection = selection("", folder, file, settings)?;
        Ok(selection.files(self.files.as_ref()).await?.into_iter().map(|file| file.path).collect())
    }
}

fn selection(container: &str, folder: &str, file: &str, settings: Value) -> Result<Selection> {
    let place = Place { container: container.into(), folder: Some(folder.into()), file: Some(file.into()) };
    Selection::of_rows(place, ReadSettings::deserialize(settings).unwrap())
}

#[tokio::test]
async fn every_way_to_choose_files() {
    let share = Share::new(&[
        "in/a.csv",
        "in/b.txt",
        "in/sub/c.csv",
        "in/_SUCCESS",
        "in/_manifest/x.json",
        "in/.part/y.csv",
        "in2/d.csv",
        "in2/sub/e.csv",
    ]);
    for (folder, file, settings, wanted) in [
        ("in", "a.csv", json!({}), vec!["in/a.csv"]),
        ("in", "_SUCCESS", json!({}), vec!["in/_SUCCESS"]),
        ("in", "", json!({}), vec!["in/a.csv", "in/b.txt", "in/sub/c.csv"]),
        ("in", "", json!({"recursive": false}), vec!["in/a.csv", "in/b.txt"]),
        ("in", "", json!({"wildcardFileName": "_*"}), vec!["in/_SUCCESS"]),
        (
            "",
            "",
            json!({"wildcardFolderPath": "in*", "wildcardFileName": "*.csv"}),
            vec!["in/a.csv", "in/sub/c.csv", "in2/d.csv", "in2/sub/e.csv"],
        ),
        (
            "",
            "",
            json!({"wildcardFolderPath": "in*", "wildcardFileName": "*.csv", "recursive": false}),
            vec!["in/a.csv", "in2/d.csv"],
        ),
        (
            "",
            "",
            json!({"wildcardFolderPath": "*/sub", "wildcardFileName": "*"}),
            vec!["in/sub/c.csv", "in2/sub/e.csv"],
        ),
        ("", "", json!({"prefix": "in2/"}), vec!["in2/d.csv", "in2/sub/e.csv"]),
        ("", "", json!({"prefix": "in/a"}), vec!["in/a.csv"]),
        ("", "", json!({"prefix": "in2/", "recursive": false}), vec!["in2/d.csv"]),
    ] {
        assert_eq!(share.chosen(folder, file, settings.clone()).await.unwrap(), wanted, "{folder} {file} {settings}");
    }
    for (folder, settings) in
        [("in", json!({"wildcardFileName": "*.parquet"})), ("absent", json!({})), ("", json!({"prefix": "in3"}))]
    {
        let error = share.chosen(folder, "", settings.clone()).await.unwrap_err();
        assert_eq!(error.symbolic_code(), Some("UserErrorSourceFileNotExist"), "{settings}");
    }
}

#[tokio::test]
async fn a_file_list_names_files_below_the_datasets_folder() {
    let share = Share::new(&["in/a.csv", "in/sub/c.csv", "in/b.csv"]);
    let list = |text: &str| fs::write(share.folder.path().join("list.txt"), text).unwrap();
    let chosen = async || {
        share.chosen("in", "", json!({"fileListPath": "list.txt", "modifiedDatetimeEnd": "2001-01-01T00:00:00Z"})).await
    };
    list("\u{feff}sub/c.csv\r\n\r\na.csv\r\na.csv\r\n");
    assert_eq!(chosen().await.unwrap(), ["in/a.csv", "in/sub/c.csv"]);
    list("a.csv\nabsent.csv\n");
    assert!(chosen().await.unwrap_err().to_string().contains("absent.csv"));
    list("../secret.csv\n");
    assert!(chosen().await.is_err());
    fs::write(share.folder.path().join("list.txt"), [0xff, 0xfe, 0x41]).unwrap();
    assert!(chosen().await.unwrap_err().to_string().contains("UTF-8"));
    assert!(share.chosen("in", "", json!({"fileListPath": "none.txt"})).await.is_err());
}

#[tokio::test]
async fn the_time_of_the_last_write_decides() {
    let share = Share::new(&["in/a.csv"]);
    for (settings, wanted) in [
        (json!({"modifiedDatetimeStart": "2001-01-01T00:00:00Z"}), true),
        (json!({"modifiedDatetimeStart": "2999-01-01T00:00:00"}), false),
        (json!({"modifiedDatetimeEnd": "2001-01-01T00:00:00Z"}), false),
        (json!({"modifiedDatetimeStart": "", "modifiedDatetimeEnd": null}), true),
    ] {
        assert_eq!(share.chosen("in", "", settings.clone()).await.is_ok(), wanted, "{settings}");
    }
    assert!(selection("", "in", "", json!({"modifiedDatetimeStart": "yesterday"})).is_err());
}

#[test]
fn what_climbs_or_excludes_each_other_is_refused() {
    for (folder, file, settings) in [
        ("..", "", json!({})),
        ("a/../../b", "", json!({})),
        ("a", "b/c", json!({})),
        ("a", "..", json!({})),
        ("a\0b", "", json!({})),
        ("C:\\x", "", json!({})),
        ("a", "", json!({"wildcardFolderPath": "../*"})),
        ("a", "", json!({"prefix": "../x"})),
        ("a", "", json!({"fileListPath": "../x"})),
        ("a", "x.csv", json!({"fileListPath": "list"})),
        ("a", "", json!({"fileListPath": "list", "wildcardFileName": "*"})),
        ("a", "", json!({"prefix": "x", "wildcardFileName": "*"})),
        ("a", "", json!({"fileFilter": "*.csv"})),
        ("a", "", json!({"enablePartitionDiscovery": true, "partitionRootPath": "../x"})),
    ] {
        assert_eq!(
            selection("box", folder, file, settings.clone()).unwrap_err().kind(),
            ErrorKind::Spec,
            "{folder} {file} {settings}"
        );
    }
}

#[test]
fn paths_begin_with_the_container_and_are_told_below_the_dataset() {
    let chosen = selection("box", "in\\2024", "", json!({})).unwrap();
    assert_eq!(chosen.to_string(), "box/in/2024/*");
    assert_eq!(chosen.relative("box/in/2024/a/b.csv"), "a/b.csv");
    let root = |settings| selection("box", "in", "", settings).unwrap().partitions().unwrap().root.clone();
    assert_eq!(root(json!({"enablePartitionDiscovery": true})), "box/in");
    assert_eq!(root(json!({"enablePartitionDiscovery": true, "prefix": "raw/y=1/x"})), "box/raw/y=1");
    assert_eq!(
        root(json!({"enablePartitionDiscovery": true, "wildcardFolderPath": "raw/*/z", "wildcardFileName": "*"})),
        "box/raw"
    );
    assert_eq!(root(json!({"enablePartitionDiscovery": "true", "partitionRootPath": "lake"})), "box/lake");
}
