//! The types of activities that Ropeway runs.

/// A type of activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Copies rows.
    Copy,
    /// Reads a few rows.
    Lookup,
    /// Asks what is there.
    GetMetadata,
    /// Deletes files.
    Delete,
    /// Waits until a file or a folder is there.
    Validation,
    /// Runs SQL.
    Script,
    /// Runs a stored procedure.
    StoredProcedure,
    /// Calls an HTTPS endpoint.
    Web,
    /// Waits some seconds.
    Wait,
    /// Ends with an error that the definition names.
    Fail,
    /// Sets a variable.
    SetVariable,
    /// Adds an element to a variable.
    AppendVariable,
    /// Keeps some elements of an array.
    Filter,
    /// Runs its activities for each element of an array.
    ForEach,
    /// Runs one of two lists of activities.
    If,
    /// Runs one of several lists of activities.
    Switch,
    /// Runs its activities until something holds.
    Until,
    /// Runs another pipeline.
    ExecutePipeline,
}

/// By the name that definitions have.
const NAMES: [(&str, Kind); 18] = [
    ("Copy", Kind::Copy),
    ("Lookup", Kind::Lookup),
    ("GetMetadata", Kind::GetMetadata),
    ("Delete", Kind::Delete),
    ("Validation", Kind::Validation),
    ("Script", Kind::Script),
    ("SqlServerStoredProcedure", Kind::StoredProcedure),
    ("WebActivity", Kind::Web),
    ("Wait", Kind::Wait),
    ("Fail", Kind::Fail),
    ("SetVariable", Kind::SetVariable),
    ("AppendVariable", Kind::AppendVariable),
    ("Filter", Kind::Filter),
    ("ForEach", Kind::ForEach),
    ("IfCondition", Kind::If),
    ("Switch", Kind::Switch),
    ("Until", Kind::Until),
    ("ExecutePipeline", Kind::ExecutePipeline),
];

impl Kind {
    /// The kind of that name in any case.
    pub(crate) fn of(type_name: &str) -> Option<Self> {
        NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(type_name)).map(|(_, kind)| *kind)
    }

    /// Whether doing it again does no harm, so that an output that was not kept can be had again.
    pub fn only_reads(self) -> bool {
        !matches!(self, Self::Copy | Self::Delete | Self::Script | Self::StoredProcedure | Self::Web)
    }
}
