//! Data Factory's wildcards.

/// True for a text in which something stands for other characters.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '^'])
}

/// Data Factory's wildcards: `*` is any text, `?` one character or none, `^` makes the next
/// character ordinary.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    // What the pattern so far can have used up of the name.
    let name: Vec<char> = name.chars().collect();
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    let mut pattern = pattern.chars();
    while let Some(c) = pattern.next() {
        let mut next = vec![false; name.len() + 1];
        let literal = if c == '^' { pattern.next().unwrap_or('^') } else { c };
        for at in (0..=name.len()).filter(|at| reached[*at]) {
            match c {
                '*' => next[at..].fill(true),
                '?' => next[at..=(at + 1).min(name.len())].fill(true),
                _ if name.get(at) == Some(&literal) => next[at + 1] = true,
                _ => {}
            }
        }
        reached = next;
    }
    reached[name.len()]
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards_are_data_factorys() {
        for (pattern, name, wanted) in [
            ("*", "", true),
            ("*.csv", "a.csv", true),
            ("*.csv", "a.csv.gz", false),
            ("a?.csv", "a.csv", true),
            ("a?.csv", "ab.csv", true),
            ("a?.csv", "abc.csv", false),
            ("a^*b", "a*b", true),
            ("a^*b", "axb", false),
            ("*a*a*a*a*a*a*a*a*b", &"a".repeat(200), false),
            ("ä*", "äö", true),
        ] {
            assert_eq!(matches(pattern, name), wanted, "{pattern} {name}");
        }
    }
}
