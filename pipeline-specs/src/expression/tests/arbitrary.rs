//! Whatever stands in a string, there is a value or an error.

use proptest::prelude::*;
use serde_json::json;

use super::{super::evaluate_text, evaluated, scope};

proptest! {
    #[test]
    fn never_panics_on_anything(text in "\\PC{0,60}") {
        let _ = evaluate_text(&text, &scope());
        let _ = evaluate_text(&format!("@{text}"), &scope());
    }

    #[test]
    fn never_panics_on_what_looks_like_an_expression(
        text in "(@|@\\{)?((concat|substring|formatDateTime|addDays|split|pipeline|take|json|x)|[(){}\\[\\],.?' -]|'[a-z%-]{0,4}'|-?[0-9]{1,20}|é){0,14}"
    ) {
        let _ = evaluate_text(&text, &scope());
    }

    #[test]
    fn no_date_and_no_format_panics(date in "[0-9T:.+Z/ -]{0,30}", format in "[a-zA-Z'%\\\\ :.]{0,12}", by in any::<i64>()) {
        let (date, format) = (date.replace('\'', "''"), format.replace('\'', "''"));
        let _ = evaluate_text(&format!("@formatDateTime('{date}', '{format}')"), &scope());
        let _ = evaluate_text(&format!("@formatDateTime('2018-03-05T09:07:04.5Z', '{format}')"), &scope());
        let _ = evaluate_text(&format!("@addDays('2018-03-05', {by}, '{format}')"), &scope());
    }

    #[test]
    fn plain_text_is_itself(text in "[^@]{0,40}") {
        prop_assert_eq!(evaluated(&text), json!(text));
    }

    #[test]
    fn quoted_text_comes_back(text in "\\PC{0,40}") {
        let quoted = text.replace('\'', "''");
        prop_assert_eq!(evaluated(&format!("@concat('{quoted}')")), json!(text));
        prop_assert_eq!(evaluated(&format!("<@{{'{quoted}'}}>")), json!(format!("<{text}>")));
    }
}
