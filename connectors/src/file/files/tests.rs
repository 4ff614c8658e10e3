use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

struct Place {
    folder: TempDir,
    files: LocalFiles,
}

impl Place {
    fn new(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        let files = LocalFiles::new(Root::new(folder.path().to_str().unwrap()).unwrap());
        Self { folder, files }
    }

    async fn below(&self, prefix: &str) -> Vec<String> {
        let mut found: Vec<_> = self.files.below(prefix).map_ok(|file| file.path).try_collect().await.unwrap();
        found.sort();
        found
    }

    async fn list(&self, folder: &str) -> Vec<String> {
        let shown = |entry| match entry {
            Entry::File(file) => file.path,
            Entry::Folder(path) => format!("{path}/"),
        };
        let mut found: Vec<_> = self.files.list(folder).map_ok(shown).try_collect().await.unwrap();
        found.sort();
        found
    }

    async fn file(&self, path: &str) -> FileEntry {
        match self.files.look(path).await.unwrap() {
            Some(Entry::File(file)) => file,
            other => panic!("{path}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn folders_are_listed_one_by_one_and_files_below_a_prefix_at_any_depth() {
    let place = Place::new(&["a/b/c.txt", "a/b.txt", "ab.txt", "z.txt"]);
    assert_eq!(place.list("").await, ["a/", "ab.txt", "z.txt"]);
    assert_eq!(place.list("a").await, ["a/b.txt", "a/b/"]);
    assert!(place.list("absent").await.is_empty());
    assert_eq!(place.below("a").await, ["a/b.txt", "a/b/c.txt", "ab.txt"]);
    assert_eq!(place.below("a/b/").await, ["a/b/c.txt"]);
    assert_eq!(place.below("").await.len(), 4);
    assert_eq!(place.files.look("a").await.unwrap(), Some(Entry::Folder("a".into())));
    assert_eq!(place.files.look("z.txt/x").await.unwrap(), None);
}

#[tokio::test]
async fn a_folder_of_more_names_than_a_page_is_listed_whole() {
    let names: Vec<String> = (0..PAGE * 2 + 1).map(|number| format!("many/{number}")).collect();
    let place = Place::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(place.below("many/").await.len(), names.len());
}

#[tokio::test]
async fn a_file_that_changed_is_neither_read_nor_deleted() {
    let place = Place::new(&["a.txt", "b.txt"]);
    let (a, b) = (place.file("a.txt").await, place.file("b.txt").await);
    assert_eq!(place.files.read(&a, 1..3).await.unwrap(), ".t");
    fs::write(place.folder.path().join("a.txt"), "other text").unwrap();
    for error in [place.files.read(&a, 0..1).await.unwrap_err(), place.files.delete_unchanged(&a).await.unwrap_err()] {
        assert_eq!(error.symbolic_code(), Some("DataConsistencySourceDataChanged"), "{error}");
    }
    place.files.delete_unchanged(&b).await.unwrap();
    place.files.delete_unchanged(&b).await.unwrap();
    assert_eq!(place.list("").await, ["a.txt"]);
    place.files.delete("a.txt").await.unwrap();
    place.files.delete("a.txt").await.unwrap();
    assert!(place.list("").await.is_empty());
}

#[tokio::test]
async fn nothing_outside_of_the_root_is_seen_or_deleted() {
    let (place, outside) = (Place::new(&["a.txt"]), Place::new(&["secret.txt"]));
    symlink(outside.folder.path(), place.folder.path().join("out")).unwrap();
    for path in ["../x", "out/secret.txt", "out"] {
        assert!(place.files.look(path).await.is_err(), "{path}");
    }
    assert!(place.files.delete("out/secret.txt").await.is_err());
    assert!(place.files.list("").try_collect::<Vec<_>>().await.is_err());
    assert!(place.files.delete("").await.is_err());
    assert_eq!(outside.list("").await, ["secret.txt"]);
}
