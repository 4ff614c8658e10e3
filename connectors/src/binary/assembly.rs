//! Files that are put together of what chunks hold of them.

use std::collections::BTreeMap;

use ropeway_engine::{Error, ErrorKind, Result};

use super::Span;

/// Files by their targets, each with its spans and what the sink knows of every one.
pub(crate) type Assembled<T> = BTreeMap<String, Vec<(Span, T)>>;

/// The files that the spans of a run make.
pub(crate) struct Assembly<T>(Assembled<T>);

impl<T> Default for Assembly<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Assembly<T> {
    /// A span of the file that goes to this target.
    pub(crate) fn add(&mut self, target: String, span: Span, of_sink: T) {
        // Most files have one span, and there may be a hundred thousand: no room for three more.
        self.0.entry(target).or_insert_with(|| Vec::with_capacity(1)).push((span, of_sink));
    }

    /// The files, each with its spans in order.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] if two files go to one target; [`ErrorKind::Bug`] for a file that is not whole.
    pub(crate) fn whole(self) -> Result<Assembled<T>> {
        let Self(mut files) = self;
        for (target, parts) in &mut files {
            parts.sort_by_key(|(span, _)| (span.start, span.end));
            check(target, parts)?;
        }
        Ok(files)
    }
}

fn check<T>(target: &str, parts: &[(Span, T)]) -> Result<()> {
    let mut end = 0;
    for (span, _) in parts {
        let first = &parts[0].0;
        // An archive may have two files of one path, and two archives the same.
        if span.path != first.path || (span.start == 0 && end > 0) {
            return Err(Error::new(
                ErrorKind::Data,
                "two files go to the same target; take fileName out of the sink's dataset, set copyBehavior to MergeFiles, or let archives keep their names as folders",
            )
            .with("target", target.escape_debug())
            .with("one", first.path.escape_debug())
            .with("other", span.path.escape_debug()));
        }
        if span.start != end || span.length != first.length {
            return Err(in_pieces(&span.path));
        }
        end = span.end;
    }
    if parts.iter().any(|(span, _)| span.length != end) {
        return Err(in_pieces(target));
    }
    Ok(())
}

pub(super) fn in_pieces(path: &str) -> Error {
    Error::new(ErrorKind::Bug, "the pieces of a file do not make a whole; start a new run and report it")
        .with("file", path.escape_debug())
}
