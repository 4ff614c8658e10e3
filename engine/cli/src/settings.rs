//! `--set source.NAME=VALUE` and `--set sink.NAME=VALUE`: what Data Factory has no property for. The connectors declare
//! which settings there are.

use std::collections::BTreeMap;

use ropeway_engine::{
    Error, ErrorKind, Result, Side,
    registry::{Registry, Setting},
};

/// Names and values as they were typed, in the connectors' own spelling: `source.dateTime2` and `microseconds`.
pub(crate) type ExtraSettings = BTreeMap<String, String>;

/// An end of a copy, and the type of its linked service.
pub(crate) type End<'a> = (Side, &'a str);

/// Reads `source.NAME=VALUE`.
///
/// # Errors
/// [`ErrorKind::Spec`] for a name that no source or sink has, or a value that it does not take; those that exist
/// are listed.
pub(crate) fn parse(typed: &[String], registry: &Registry) -> Result<ExtraSettings> {
    let mut settings = ExtraSettings::new();
    for one in typed {
        let (name, value) = one.split_once('=').ok_or_else(|| {
            refuse(
                "a setting is written source.NAME=VALUE, such as --set source.dateTime2=microseconds".to_owned(),
                one,
            )
        })?;
        let (side, setting) = named(name, registry).ok_or_else(|| {
            refuse(format!("neither source nor sink has this setting; there are {}", listed(registry).join(", ")), name)
        })?;
        let value = setting.values.iter().find(|known| known.eq_ignore_ascii_case(value.trim())).ok_or_else(|| {
            refuse(format!("a setting does not take this value; it is {}", setting.values.join(" or ")), one)
        })?;
        if settings.insert(format!("{}{}", prefix(side), setting.name), (*value).to_owned()).is_some() {
            return Err(refuse("a setting is given twice; give it once".to_owned(), name));
        }
    }
    Ok(settings)
}

fn prefix(side: Side) -> &'static str {
    match side {
        Side::Source => "source.",
        Side::Sink => "sink.",
    }
}

/// Those that this end has, by their names alone.
pub(crate) fn of_end(settings: &ExtraSettings, registry: &Registry, (side, of): End<'_>) -> ExtraSettings {
    let known = registry.settings(side, of);
    let own = |(name, value): (&String, &String)| {
        let name = name.strip_prefix(prefix(side))?;
        known.iter().any(|setting| setting.name == name).then(|| (name.to_owned(), value.clone()))
    };
    settings.iter().filter_map(own).collect()
}

/// Those that one of these ends has.
pub(crate) fn taken(settings: &ExtraSettings, registry: &Registry, ends: &[End<'_>]) -> ExtraSettings {
    let of = |end: &End<'_>| {
        let side = prefix(end.0);
        of_end(settings, registry, *end).into_iter().map(move |(name, value)| (format!("{side}{name}"), value))
    };
    ends.iter().flat_map(of).collect()
}

/// A warning for each that no end of this copy has: another Copy of the pipeline may.
///
/// # Errors
/// [`ErrorKind::Spec`] instead of the first warning, if they are to be errors.
pub(crate) fn without_effect(
    settings: &ExtraSettings,
    registry: &Registry,
    ends: &[End<'_>],
    strict: bool,
) -> Result<Vec<String>> {
    let taken = taken(settings, registry, ends);
    let warning = |name: &String| {
        let side = name.split('.').next().unwrap_or_default();
        let of = ends.iter().find(|(end, _)| prefix(*end).starts_with(side)).map_or("none", |(_, of)| of);
        format!("--set {name} has no effect: a {side} of type {of} has no such setting")
    };
    let warnings: Vec<_> = settings.keys().filter(|name| !taken.contains_key(*name)).map(warning).collect();
    match warnings.first() {
        Some(first) if strict => Err(Error::new(ErrorKind::Spec, format!("{first}; leave it out"))),
        _ => Ok(warnings),
    }
}

/// As they are typed, for people: `source.dateTime2=microseconds`.
pub(crate) fn shown(settings: &ExtraSettings) -> Vec<String> {
    settings.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

/// The identity of a definition together with settings that change what is written. One that says what
/// is so anyway changes nothing.
pub(crate) fn identity(fingerprint: String, settings: &ExtraSettings, registry: &Registry, ends: &[End<'_>]) -> String {
    let mut lines = Vec::new();
    for (side, of) in ends {
        let is_default = |name: &str, value: &str| {
            let mut known = registry.settings(*side, of).iter();
            known.any(|setting| setting.name == name && setting.values.first() == Some(&value))
        };
        let others =
            of_end(settings, registry, (*side, of)).into_iter().filter(|(name, value)| !is_default(name, value));
        // Neither holds a line break: the connectors spell both.
        lines.extend(others.map(|(name, value)| match side {
            Side::Source => format!("\n{name}={value}"),
            Side::Sink => format!("\nsink.{name}={value}"),
        }));
    }
    if lines.is_empty() {
        return fingerprint;
    }
    let mut hash = blake3::Hasher::new();
    hash.update(fingerprint.as_bytes());
    hash.update(lines.concat().as_bytes());
    hash.finalize().to_hex().to_string()
}

fn named(typed: &str, registry: &Registry) -> Option<(Side, &'static Setting)> {
    let typed = typed.trim();
    registry.all_settings().find(|(side, setting)| {
        typed.strip_prefix(prefix(*side)).is_some_and(|name| setting.name.eq_ignore_ascii_case(name))
    })
}

/// As the help and messages list them: `source.dateTime2=nanoseconds|microseconds`.
pub(crate) fn listed(registry: &Registry) -> Vec<String> {
    let shown =
        |(side, setting): (Side, &Setting)| format!("{}{}={}", prefix(side), setting.name, setting.values.join("|"));
    let mut all: Vec<_> = registry.all_settings().map(shown).collect();
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

    fn parsed(typed: &[&str]) -> Result<ExtraSettings> {
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
            let ends = [(Side::Source, has), (Side::Sink, "FileServer")];
            assert_eq!(taken(&settings, &registry, &ends), settings);
            assert!(without_effect(&settings, &registry, &ends, true).expect("no warning").is_empty());
        }
        let others = [(Side::Source, "Synthetic"), (Side::Sink, "SqlServer")];
        assert!(taken(&settings, &registry, &others).is_empty());
        let warnings = without_effect(&settings, &registry, &others, false).expect("a warning only");
        assert!(warnings[0].contains("source.dateTime2 has no effect: a source of type Synthetic"), "{warnings:?}");
        assert!(without_effect(&settings, &registry, &others, true).is_err());
    }

    #[test]
    fn what_is_written_is_part_of_the_identity() {
        let registry = ropeway_connectors::registry();
        let ends = [(Side::Source, "SqlServer"), (Side::Sink, "SqlServer")];
        let of = |typed: &[&str]| identity("f".to_owned(), &parsed(typed).expect("they exist"), &registry, &ends);
        assert_eq!(of(&[]), "f", "runs that were begun without settings go on");
        assert_eq!(of(&["source.dateTime2=nanoseconds"]), "f");
        let one = of(&["source.dateTime2=microseconds"]);
        let two = of(&["source.dateTime2=microseconds", "source.dateTimeOffset=utcAndOffset"]);
        let three = of(&["source.dateTime2=microseconds", "sink.commit=wholeRun"]);
        assert!(one != "f" && two != "f" && one != two && three != one);
        assert_eq!(of(&["sink.commit=perChunk"]), "f");
    }
}
