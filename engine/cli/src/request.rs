//! What a run was asked to do: kept in the state folder, so that `resume` can do the same.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use ropeway_engine::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    args::{ConnectionArgs, CopyArgs, DefinitionArgs, Lossy},
    settings::{self, ExtraSettings},
};

/// Memory for rows in flight when nobody says.
pub(crate) const MEMORY: u64 = 1 << 30;

/// A pipeline, what fills it in, and how it is to be copied.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The working directory: relative paths in definitions begin here, at a resume as well.
    pub(crate) directory: PathBuf,
    /// The pipeline's file, absolute; or its name in `factory`.
    pub(crate) pipeline: PathBuf,
    /// The factory's folder or template, if it was named, absolute.
    pub(crate) factory: Option<PathBuf>,
    /// Pipeline parameters as given. Those that the pipeline declares as secure are never stored.
    pub(crate) parameters: BTreeMap<String, Value>,
    /// The file of secrets, absolute; its content is never stored.
    pub(crate) secrets: Option<PathBuf>,
    /// See [`CopyArgs`].
    pub(crate) memory: u64,
    pub(crate) parallel: Option<u32>,
    #[serde(default)]
    pub(crate) divide_after: Option<u32>,
    pub(crate) lossy: bool,
    pub(crate) strict: bool,
    #[serde(default)]
    pub(crate) extra_settings: ExtraSettings,
    /// Hosts that a WebActivity may call.
    #[serde(default)]
    pub(crate) allow_hosts: Vec<String>,
    /// See [`ConnectionArgs`].
    pub(crate) ca_bundle: Option<PathBuf>,
    /// Not stored if it holds a user or a password.
    pub(crate) proxy: Option<String>,
}

impl Request {
    /// What was typed for a pipeline.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for a path that does not exist or a parameter without `=`.
    pub(crate) fn new(
        pipeline: &Path,
        definition: &DefinitionArgs,
        copy: &CopyArgs,
        connection: &ConnectionArgs,
    ) -> Result<Self> {
        let blank = Self {
            directory: existing("working directory", Path::new("."))?,
            pipeline: match &definition.factory {
                // In a factory that is named, a pipeline may be named too.
                Some(_) if !pipeline.exists() => pipeline.to_path_buf(),
                _ => existing("pipeline", pipeline)?,
            },
            factory: None,
            parameters: BTreeMap::new(),
            secrets: None,
            memory: MEMORY,
            parallel: None,
            divide_after: None,
            lossy: false,
            strict: false,
            extra_settings: ExtraSettings::new(),
            allow_hosts: Vec::new(),
            ca_bundle: None,
            proxy: None,
        };
        blank.with(definition, copy, connection)
    }

    /// The same request with what was typed at a resume; what was not typed stays.
    pub(crate) fn with(
        mut self,
        definition: &DefinitionArgs,
        copy: &CopyArgs,
        connection: &ConnectionArgs,
    ) -> Result<Self> {
        if let Some(factory) = &definition.factory {
            self.factory = Some(existing("factory", factory)?);
        }
        if let Some(secrets) = &definition.secrets {
            self.secrets = Some(existing("secrets file", secrets)?);
        }
        if let Some(bundle) = &connection.ca_bundle {
            self.ca_bundle = Some(existing("CA bundle", bundle)?);
        }
        self.parameters.extend(parameters(&definition.parameters)?);
        self.memory = copy.memory.unwrap_or(self.memory);
        self.parallel = copy.parallel.or(self.parallel);
        self.divide_after = copy.divide_after.or(self.divide_after);
        self.lossy = copy.lossy.map_or(self.lossy, |lossy| lossy == Lossy::Allow);
        self.strict |= copy.strict;
        self.extra_settings.extend(settings::parse(&copy.settings.set, &ropeway_connectors::registry())?);
        self.allow_hosts.extend(connection.allow_host.iter().cloned());
        self.proxy = connection.proxy.clone().or(self.proxy);
        Ok(self)
    }

    /// What may stand in the state folder.
    pub(crate) fn without_secrets(&self, secure: impl Fn(&str) -> bool) -> Self {
        let mut kept = self.clone();
        kept.parameters.retain(|name, _| !secure(name));
        kept.proxy = kept.proxy.filter(|proxy| !proxy.contains('@'));
        kept
    }
}

/// Reads `NAME=VALUE`: the value is JSON if it reads as JSON, else the text itself.
pub(crate) fn parameters(typed: &[String]) -> Result<BTreeMap<String, Value>> {
    let mut parameters = BTreeMap::new();
    for one in typed {
        // The value may be a secret, so a message shows the name only.
        let Some((name, value)) = one.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(Error::new(ErrorKind::Spec, "a parameter is written NAME=VALUE, such as -p day=2026-11-22"));
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        if parameters.insert(name.to_owned(), value).is_some() {
            return Err(Error::new(ErrorKind::Spec, "a parameter is given twice; give it once").with("parameter", name));
        }
    }
    Ok(parameters)
}

/// The absolute path of something that must exist.
pub(crate) fn existing(what: &'static str, path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|error| {
        Error::new(ErrorKind::Spec, format!("the {what} cannot be found; check the path"))
            .with("path", path.display())
            .caused_by(error)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_are_json_or_text() {
        let typed = ["n=4", "day=2026-11-22", "list=[1,2]", "empty=", "eq=a=b"].map(str::to_owned);
        let read = parameters(&typed).expect("well written");
        assert_eq!(
            Value::from_iter(read),
            json!({"n": 4, "day": "2026-11-22", "list": [1, 2], "empty": "", "eq": "a=b"})
        );
    }

    #[test]
    fn a_wrong_parameter_is_refused_without_its_value() {
        for wrong in ["hunter2", "=hunter2"] {
            let error = parameters(&[wrong.to_owned()]).expect_err("no name");
            assert!(!error.to_string().contains("hunter2"));
        }
        assert!(parameters(&["a=1".to_owned(), "a=2".to_owned()]).is_err());
    }

    #[test]
    fn secrets_are_not_kept() {
        let request = Request {
            directory: "/".into(),
            pipeline: "/p".into(),
            factory: None,
            parameters: parameters(&["a=1".to_owned(), "pw=hunter2".to_owned()]).expect("well written"),
            secrets: None,
            memory: MEMORY,
            parallel: None,
            divide_after: None,
            lossy: false,
            strict: false,
            extra_settings: ExtraSettings::new(),
            allow_hosts: Vec::new(),
            ca_bundle: None,
            proxy: Some("http://user:hunter2@proxy:8080".to_owned()),
        };
        let kept = serde_json::to_string(&request.without_secrets(|name| name == "pw")).expect("plain data");
        assert!(!kept.contains("hunter2") && kept.contains("\"a\":1"), "{kept}");
    }
}
