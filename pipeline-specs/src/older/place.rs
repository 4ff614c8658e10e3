//! Places: a folder and a name become a location, and what of them are patterns goes to whoever reads.

use serde_json::{Map, Value, json};

/// A path, evaluated or still to be.
pub(crate) trait Place: Sized {
    fn is_empty(&self) -> bool;
    /// What stands before the first `/`, and what stands behind it.
    fn split_at_slash(self) -> (Self, Self);
    /// Every part of it that is text, changed.
    fn map_text(self, change: impl Fn(&str) -> String) -> Self;
    /// Without slashes at its ends, where these are known.
    fn trim_slashes(self) -> Self;
    /// As it stands in a definition.
    fn into_value(self) -> Value;
}

/// A path that is evaluated.
impl Place for String {
    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }

    fn split_at_slash(self) -> (Self, Self) {
        match self.split_once('/') {
            Some((before, behind)) => (before.to_owned(), behind.to_owned()),
            None => (self, Self::new()),
        }
    }

    fn map_text(self, change: impl Fn(&str) -> String) -> Self {
        change(&self)
    }

    fn trim_slashes(self) -> Self {
        self.trim_matches('/').to_owned()
    }

    fn into_value(self) -> Value {
        self.into()
    }
}

/// The `location` of a dataset of this type in a store of this type.
pub(super) fn location<P: Place>(dataset_type: &str, store: &str, folder: P, file: P) -> Map<String, Value> {
    let mut location = Map::from_iter([("type".to_owned(), json!(format!("{store}Location")))]);
    let container = match dataset_type {
        "AzureBlob" => Some("container"),
        "AzureBlobFSFile" => Some("fileSystem"),
        _ => None,
    };
    let folder = match container {
        Some(key) => {
            let (container, folder) = folder.trim_slashes().split_at_slash();
            insert(&mut location, key, container);
            folder
        }
        // A path of Windows that begins at its share.
        None => folder.map_text(|text| text.replace('\\', "/").trim_start_matches("./").to_owned()),
    };
    insert(&mut location, "folderPath", folder.trim_slashes());
    insert(&mut location, "fileName", file);
    location
}

fn insert<P: Place>(location: &mut Map<String, Value>, name: &str, value: P) {
    if !value.is_empty() {
        location.insert(name.to_owned(), value.into_value());
    }
}

/// What of a location chooses files instead of naming them; it is taken out of the location.
pub(super) fn patterns(location: &mut Map<String, Value>) -> Map<String, Value> {
    let is_pattern = |value: &Value| value.as_str().is_some_and(|text| text.contains(['*', '?', '^']));
    let mut found = Map::new();
    for (name, pattern) in [("folderPath", "wildcardFolderPath"), ("fileName", "wildcardFileName")] {
        if location.get(name).is_some_and(is_pattern) {
            found.extend(location.shift_remove(name).map(|value| (pattern.to_owned(), value)));
        }
    }
    if found.contains_key("wildcardFolderPath") && !found.contains_key("wildcardFileName") {
        let named = location.shift_remove("fileName");
        found.insert("wildcardFileName".to_owned(), named.unwrap_or_else(|| "*".into()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_the_first_step_of_a_path() {
        let place = |folder: &str, file: &str| {
            Value::from(location("AzureBlob", "AzureBlobStorage", folder.to_owned(), file.to_owned()))
        };
        let blob = |more: Value| {
            let mut all = json!({ "type": "AzureBlobStorageLocation" });
            for (name, value) in more.as_object().unwrap() {
                all[name] = value.clone();
            }
            all
        };
        assert_eq!(
            place("in/a/b/", "x.csv"),
            blob(json!({ "container": "in", "folderPath": "a/b", "fileName": "x.csv" }))
        );
        assert_eq!(place("/in", ""), blob(json!({ "container": "in" })));
        let share = location("FileShare", "FileServer", ".\\in\\a\\".to_owned(), String::new());
        assert_eq!(Value::from(share), json!({ "type": "FileServerLocation", "folderPath": "in/a" }));
    }

    #[test]
    fn patterns_leave_the_location() {
        let mut location = location("FileShare", "FileServer", "in/20*".to_owned(), "x.csv".to_owned());
        let found = Value::from(patterns(&mut location));
        assert_eq!(found, json!({ "wildcardFolderPath": "in/20*", "wildcardFileName": "x.csv" }));
        assert_eq!(Value::from(location), json!({ "type": "FileServerLocation" }));
    }
}
