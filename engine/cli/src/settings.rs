//! `--set source.NAME=VALUE`: what Data Factory has no property for. The connectors declare which
//! settings there are.

use std::collections::BTreeMap;

use ropeway_engine::{
    Error, ErrorKind, Result,
    registry::{Registry, Setting},
};

/// Names and values as they were typed for the source side, in the connectors' own spelling.
pub(crate) type SourceSettings = BTreeMap<String, String>;

/// The end of a copy that has settings.
const SIDE: &str = "source.";

/// Reads `source.NAME=VALUE`.
///
/// # Errors
/// [`ErrorKind::Spec`] for a name that no source has or a value that it does not take; those that exist
/// are listed.
pub(crate) fn parse(typed: &[String], registry: &Registry) -> Result<SourceSettings> {
    let mut settings = SourceSettings::new();
    for one in typed {
        let (name, value) = one.split_once('=').ok_or_else(|| {
            refuse(
                "a setting is written source.NAME=VALUE, such as --set source.dateTime2=microseconds".to_owned(),
                one,
            )
        })?;
        let setting = named(name, registry).ok_or_else(|| {
            refuse(format!("no source has this setting; there are {}", listed(registry).join(", ")), name)
        })?;
        let value = setting.values.iter().find(|known| known.eq_ignore_ascii_case(value.trim())).ok_or_else(|| {
            refuse(format!("a setting does not take this value; it is {}", setting.values.join(" or ")), one)
        })?;
        if settings.insert(setting.name.to_owned(), (*value).to_owned()).is_some() {
            return Err(refuse("a setting is given twice; give it once".to_owned(), name));
        }
    }
    Ok(settings)
}

/// Those that a source of this type has.
pub(crate) fn taken(settings: &SourceSettings, registry: &Registry, source_type: &str) -> SourceSettings {
    let known = registry.source_settings(source_type);
    let has = |name: &String| known.iter().any(|setting| setting.name == name);
    settings.iter().filter(|(name, _)| has(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A warning for each that a source of this type does not have: another Copy of the pipeline may.
///
/// # Errors
/// [`ErrorKind::Spec`] instead of the first warning, if they are to be errors.
pub(crate) fn without_effect(
    settings: &SourceSettings,
    registry: &Registry,
    source_type: &str,
    strict: bool,
) -> Result<Vec<String>> {
    let taken = taken(settings, registry, source_type);
    let warning =
        |name: &String| format!("--set {SIDE}{name} has no effect: a source of type {source_type} has no such setting");
    let warnings: Vec<_> = settings.keys().filter(|name| !taken.contains_key(*name)).map(warning).collect();
    match warnings.first() {
        Some(first) if strict => Err(Error::new(ErrorKind::Spec, format!("{first}; leave it out"))),
        _ => Ok(warnings),
    }
}

/// As they are typed, for people: `source.dateTime2=microseconds`.
pub(crate) fn shown(settings: &SourceSettings) -> Vec<String> {
    settings.iter().map(|(name, value)| format!("{SIDE}{name}={value}")).collect()
}

/// The identity of a definition together with settings that change what is written. One that says what
/// is so anyway changes nothing.
pub(crate) fn identity(fingerprint: String, settings: &SourceSettings, known: &[Setting]) -> String {
    let is_default = |name: &str, value: &str| {
        known.iter().any(|setting| setting.name == name && setting.values.first() == Some(&value))
    };
    let others: Vec<_> = settings.iter().filter(|(name, value)| !is_default(name, value)).collect();
    if others.is_empty() {
        return fingerprint;
    }
    let mut hash = blake3::Hasher::new();
    hash.update(fingerprint.as_bytes());
    for (name, value) in others {
        // Neither holds a line break: the connectors spell both.
        hash.update(format!("\n{name}={value}").as_bytes());
    }
    hash.finalize().to_hex().to_string()
}

fn named(typed: &str, registry: &Registry) -> Option<&'static Setting> {
    let name = typed.trim().strip_prefix(SIDE)?;
    registry.all_source_settings().find(|setting| setting.name.eq_ignore_ascii_case(name))
}

fn listed(registry: &Registry) -> Vec<String> {
    let shown = |setting: &Setting| format!("{SIDE}{}={}", setting.name, setting.values.join("|"));
    let mut all: Vec<_> = registry.all_source_settings().map(shown).collect();
    all.sort();
    all.dedup();
    all
}

fn refuse(message: String, setting: &str) -> Error {
    Error::new(ErrorKind::Spec, message).with("setting", setting.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(typed: &[&str]) -> Result<SourceSettings> {
        parse(&typed.iter().map(|&one| one.to_owned()).collect::<Vec<_>>(), &ropeway_connectors::registry())
    }

    #[test]
    fn names_and_values_are_those_of_the_connectors() {
        let settings = parsed(&["source.DATETIME2=Microseconds"]).expect("it exists");
        assert_eq!(shown(&settings), ["source.dateTime2=microseconds"]);
        for (wrong, said) in [
            ("dateTime2=microseconds", "source.dateTime2="),
            ("sink.dateTime2=microseconds", "source.dateTime2="),
            ("source.caBundle=/etc/passwd", "source.dateTimeOffset=text|utcAndOffset"),
            ("source.dateTime2=years", "nanoseconds or microseconds"),
            ("source.dateTime2", "source.NAME=VALUE"),
        ] {
            let error = parsed(&[wrong]).expect_err("it is wrong");
            assert!(error.kind() == ErrorKind::Spec && error.to_string().contains(said), "{wrong}: {error}");
        }
        assert!(parsed(&["source.dateTime2=nanoseconds", "source.datetime2=microseconds"]).is_err());
    }

    #[test]
    fn a_setting_belongs_to_the_sources_that_have_it() {
        let registry = ropeway_connectors::registry();
        let settings = parsed(&["source.dateTime2=microseconds"]).expect("it exists");
        for has in ["SqlServer", "AzureSqlDatabase", "AzureSqlMI"] {
            assert_eq!(taken(&settings, &registry, has), settings);
            assert!(without_effect(&settings, &registry, has, true).expect("no warning").is_empty());
        }
        assert!(taken(&settings, &registry, "Synthetic").is_empty());
        let warnings = without_effect(&settings, &registry, "Synthetic", false).expect("a warning only");
        assert!(warnings[0].contains("source.dateTime2"), "{warnings:?}");
        assert!(without_effect(&settings, &registry, "Synthetic", true).is_err());
    }

    #[test]
    fn what_is_written_is_part_of_the_identity() {
        let known = ropeway_connectors::registry().source_settings("SqlServer");
        let of = |typed: &[&str]| identity("f".to_owned(), &parsed(typed).expect("they exist"), known);
        assert_eq!(of(&[]), "f", "runs that were begun without settings go on");
        assert_eq!(of(&["source.dateTime2=nanoseconds"]), "f");
        let one = of(&["source.dateTime2=microseconds"]);
        let two = of(&["source.dateTime2=microseconds", "source.dateTimeOffset=utcAndOffset"]);
        assert!(one != "f" && two != "f" && one != two);
    }
}
