//! Where an activity stands in a run: `ForEach1[3]/CopyTable`.

/// The path of an activity in a list whose paths begin with `prefix`.
pub(super) fn of(prefix: &str, name: &str) -> String {
    format!("{prefix}{}", name.replace('%', "%25").replace('/', "%2F"))
}

/// What the paths of activities within this one begin with.
pub(super) fn within(path: &str) -> String {
    format!("{}/", container(path))
}

/// The same for one round of a loop.
pub(super) fn round(path: &str, round: usize) -> String {
    format!("{}/", round_of(path, round))
}

/// The path of a round itself.
fn round_of(path: &str, round: usize) -> String {
    format!("{}[{round}]", container(path))
}

/// The path without anything that could be taken for a round: what those of its rounds begin with.
///
/// A bracket in the last name of the path is no round.
pub(super) fn container(path: &str) -> String {
    let (before, name) = path.rsplit_once('/').map_or(("", path), |(before, name)| (before, name));
    let name = name.replace('[', "%5B");
    if before.is_empty() { name } else { format!("{before}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_activities_have_one_path() {
        let copy = |prefix: &str| of(prefix, "Copy");
        assert_eq!(copy(""), "Copy");
        assert_eq!(copy(&round("Each", 3)), "Each[3]/Copy");
        assert_eq!(copy(&within("If")), "If/Copy");
        // Names as people give them who want to be mistaken for others.
        assert_ne!(copy(&within(&of("", "Each[3]"))), copy(&round("Each", 3)));
        assert_ne!(of("", "If/Copy"), copy(&within("If")));
        assert_ne!(of("", "If%2FCopy"), of("", "If/Copy"));
        assert_eq!(of("", "Copy [dbo].[x]"), "Copy [dbo].[x]");
        let nested = of(&round("Each", 3), "Inner");
        assert_eq!(copy(&within(&nested)), "Each[3]/Inner/Copy");
    }
}
