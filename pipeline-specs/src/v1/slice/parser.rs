//! The grammar of macros: calls, variables, texts and whole numbers.

/// A macro as it is written.
#[derive(Debug, PartialEq)]
pub(super) enum Macro {
    /// `SliceStart`.
    Variable(String),
    /// `Date.AddDays(SliceStart, -1)`.
    Call(String, Vec<Macro>),
    Text(String),
    Number(i64),
}

/// Calls in calls beyond this are an accident.
const MAX_DEPTH: usize = 16;

/// Parses a whole macro, without its `$$`.
///
/// # Errors
/// What was found where something else was expected.
pub(super) fn parse(source: &str) -> Result<Macro, String> {
    let mut reader = Reader { source, at: 0 };
    let parsed = reader.one(0)?;
    reader.space();
    match reader.rest() {
        "" => Ok(parsed),
        rest => Err(format!("'{rest}' stands behind the end of the macro")),
    }
}

struct Reader<'s> {
    source: &'s str,
    at: usize,
}

impl<'s> Reader<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    fn space(&mut self) {
        self.at = self.source.len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, symbol: char) -> bool {
        self.space();
        let found = self.rest().starts_with(symbol);
        self.at += if found { symbol.len_utf8() } else { 0 };
        found
    }

    fn word(&mut self, belongs: impl Fn(char) -> bool) -> &'s str {
        let rest = self.rest();
        let end = rest.find(|symbol| !belongs(symbol)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn one(&mut self, depth: usize) -> Result<Macro, String> {
        if depth > MAX_DEPTH {
            return Err(format!("the macro has calls in calls, more than {MAX_DEPTH} deep"));
        }
        self.space();
        match self.rest().chars().next() {
            Some('\'') => self.text(),
            Some(first) if first.is_ascii_digit() || first == '-' => {
                let digits = self.word(|symbol| symbol.is_ascii_digit() || symbol == '-');
                digits.parse().map(Macro::Number).map_err(|_| format!("'{digits}' is no whole number"))
            }
            Some(first) if first.is_ascii_alphabetic() => {
                let name = self.word(|symbol| symbol.is_ascii_alphanumeric() || symbol == '.').to_owned();
                if !self.eat('(') {
                    return Ok(Macro::Variable(name));
                }
                self.arguments(depth).map(|arguments| Macro::Call(name, arguments))
            }
            Some(other) => Err(format!("'{other}' begins nothing that is known")),
            None => Err("the macro ends too early".to_owned()),
        }
    }

    fn arguments(&mut self, depth: usize) -> Result<Vec<Macro>, String> {
        let mut arguments = Vec::new();
        if self.eat(')') {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.one(depth + 1)?);
            if self.eat(')') {
                return Ok(arguments);
            }
            if !self.eat(',') {
                return Err("a ',' or ')' is missing behind an argument".to_owned());
            }
        }
    }

    /// A text in quotes, in which a quote is written `\'`.
    fn text(&mut self) -> Result<Macro, String> {
        let mut text = String::new();
        let mut symbols = self.rest().char_indices().skip(1).peekable();
        while let Some((offset, symbol)) = symbols.next() {
            match symbol {
                '\'' => {
                    self.at += offset + 1;
                    return Ok(Macro::Text(text));
                }
                '\\' if matches!(symbols.peek(), Some((_, '\''))) => {
                    text.push('\'');
                    symbols.next();
                }
                other => text.push(other),
            }
        }
        Err("a text in quotes has no end".to_owned())
    }
}
