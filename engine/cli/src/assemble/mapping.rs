//! What a definition says of columns, in the engine's terms.

use std::sync::Arc;

use ropeway_engine::{
    Error, ErrorKind, Result,
    mapping::{self, Interim, Rules, Time, TimeText},
};
use ropeway_specs::{AdditionalValue, ClockTime, ConversionSettings, MappedColumn, Mapping, TimeFormat, TimeKind};

/// The mapping of a Copy.
///
/// # Errors
/// An interim type that the engine does not know.
pub(super) fn mapping(of: Mapping) -> Result<mapping::Mapping> {
    let columns = of.columns.map(|columns| {
        let column = |column: ropeway_specs::ColumnMapping| {
            Ok(mapping::ColumnMapping { source: end(column.source)?, sink: end(column.sink)?, at: column.path })
        };
        columns.into_iter().map(column).collect::<Result<Vec<_>>>()
    });
    let additional = of.additional.into_iter().map(|column| mapping::AdditionalColumn {
        name: column.name,
        value: match column.value {
            AdditionalValue::Text(text) => mapping::AdditionalValue::Text(text),
            AdditionalValue::FilePath => mapping::AdditionalValue::FilePath,
            AdditionalValue::Column(name) => mapping::AdditionalValue::Column(name),
        },
        at: column.path,
    });
    Ok(mapping::Mapping {
        additional: additional.collect(),
        columns: columns.transpose()?,
        converts: of.type_conversion,
        rules: rules(of.conversion),
    })
}

fn end(column: MappedColumn) -> Result<mapping::MappedColumn> {
    let interim = column.interim.map(|name| {
        Interim::named(name).ok_or_else(|| {
            Error::new(ErrorKind::Bug, "an interim type is not known; please report it").with("type", name)
        })
    });
    Ok(mapping::MappedColumn {
        name: column.name,
        ordinal: column.ordinal,
        interim: interim.transpose()?,
        format: column.format.map(text),
    })
}

fn rules(settings: ConversionSettings) -> Rules {
    let format = |given: Option<TimeFormat>, kind| mapping::TimeFormat {
        is_given: given.is_some(),
        text: text(given.unwrap_or_else(|| TimeFormat::general(kind))),
    };
    Rules {
        cuts: settings.allow_data_truncation,
        booleans_as_numbers: settings.treat_boolean_as_number,
        date: format(settings.date, TimeKind::Date),
        date_time: format(settings.date_time, TimeKind::DateTime),
        date_time_offset: format(settings.date_time_offset, TimeKind::DateTimeOffset),
        time_span: format(settings.time_span, TimeKind::TimeSpan),
    }
}

/// A format of .NET.
#[derive(Debug)]
struct DotNet(TimeFormat);

fn text(format: TimeFormat) -> Arc<dyn TimeText> {
    Arc::new(DotNet(format))
}

impl TimeText for DotNet {
    fn read(&self, text: &str) -> Option<Time> {
        self.0.read(text).map(|ClockTime { ticks, offset }| Time { ticks, offset })
    }

    fn write(&self, Time { ticks, offset }: Time, text: &mut String) {
        self.0.write(ClockTime { ticks, offset }, text);
    }

    fn unreadable(&self) -> Option<String> {
        self.0.unreadable()
    }
}

#[cfg(test)]
mod tests {
    use ropeway_specs::INTERIM_TYPES;

    use super::*;

    #[test]
    fn the_engine_knows_every_interim_type() {
        for name in INTERIM_TYPES {
            assert_eq!(Interim::named(name).map(Interim::name), Some(name));
        }
        assert_eq!(Interim::named("Object"), None);
    }
}
