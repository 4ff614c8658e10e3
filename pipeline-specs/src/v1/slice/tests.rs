use super::*;

fn converted(text: &str) -> Result<String, String> {
    read(text, &Window::of_dataset()).map(Pieces::into_string)
}

#[test]
fn a_query_keeps_its_words_and_its_quotes() {
    assert_eq!(
        converted(r"$$Text.Format('select * from T where t >= \'{0:yyyy-MM-dd}\' AND t < \'{1:yyyy-MM-dd}\'', SliceStart, SliceEnd)"),
        Ok("select * from T where t >= '@{formatDateTime(dataset().sliceStart, 'yyyy-MM-dd')}' AND t < '@{formatDateTime(dataset().sliceEnd, 'yyyy-MM-dd')}'".to_owned())
    );
}

#[test]
fn functions_have_their_equals() {
    let start = "dataset().sliceStart";
    for (old, new) in [
        ("$$SliceStart", format!("@{start}")),
        ("$$Text.Format('{0:%d}',SliceStart)", format!("@formatDateTime({start}, '%d')")),
        ("$$Text.Format('{0}', SliceStart)", format!("@formatDateTime({start}, 'MM/dd/yyyy HH:mm:ss')")),
        ("$$Text.Format('a{{b}}')", "a{b}".to_owned()),
        ("$$Text.Format('@x')", "@@x".to_owned()),
        ("$$Text.Format('@{{x}}')", "@@{x}".to_owned()),
        ("$$Time.AddMinutes(SliceStart, -15)", format!("@addMinutes({start}, -15)")),
        ("$$Date.AddWeeks(SliceStart, 2)", format!("@addDays({start}, 14)")),
        ("$$Date.AddQuarters(SliceStart, -1)", format!("@subtractFromTime({start}, 3, 'Month')")),
        ("$$Text.Format('{0}', Date.Day(SliceStart))", format!("@string(dayOfMonth({start}))")),
        ("$$Date.StartOfDay(DateTime.From('2016-01-01'))", "@startOfDay('2016-01-01')".to_owned()),
        ("plain {0} text", "plain {0} text".to_owned()),
        ("@plain", "@@plain".to_owned()),
    ] {
        assert_eq!(converted(old), Ok(new), "{old}");
    }
}

#[test]
fn what_has_no_equal_is_an_error_that_names_it() {
    for (old, message) in [
        ("$$Date.EndOfDay(SliceStart)", "the function Date.EndOfDay with 1 arguments has no equal in version 2"),
        ("$$Text.Format('{1}', SliceStart)", "'{1}' names no argument of Text.Format"),
        ("$$Text.Format('{0:00}', Date.Day(SliceStart))", "the format '00' is for dates only"),
        ("$$Text.Format('{0', SliceStart)", "'{0' has a brace without its partner"),
        (
            "$$SliceBegin",
            "'SliceBegin' is no variable of a slice: there are SliceStart, SliceEnd, WindowStart and WindowEnd",
        ),
        ("$$Text.Format('x", "a text in quotes has no end"),
        ("$$SliceStart x", "'x' stands behind the end of the macro"),
        ("$$", "the macro ends too early"),
    ] {
        assert_eq!(converted(old), Err(message.to_owned()), "{old}");
    }
    let deep = format!("$$Date.Day({}SliceStart{})", "Date.Day(".repeat(20), ")".repeat(20));
    assert!(converted(&deep).is_err());
}

#[test]
fn a_path_is_cut_at_its_first_slash() {
    let (container, folder) =
        read("$$Text.Format('box/{0:yyyy}/x', SliceStart)", &Window::of_dataset()).unwrap().split_at_slash();
    assert_eq!(container.into_string(), "box");
    assert_eq!(folder.into_string(), "@{formatDateTime(dataset().sliceStart, 'yyyy')}/x");
}

proptest::proptest! {
    #[test]
    fn never_panics(text in "[$A-Za-z.(),'{}0-9:\\\\ é-]{0,50}") {
        let _ = converted(&format!("$${text}"));
    }
}
