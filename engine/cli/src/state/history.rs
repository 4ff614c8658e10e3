//! What earlier processes did of a run, by the paths of its activities.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Began, Change, Ended, Record};
use crate::report::{ActivityReport, Status};

/// What is known of a run's activities.
#[derive(Debug, Default)]
pub(crate) struct History {
    began: BTreeMap<String, Began>,
    ended: BTreeMap<String, Ended>,
    /// The paths of activities that ended, in that order.
    order: Vec<String>,
    /// How often an activity was forgotten.
    forgotten: BTreeMap<String, u32>,
}

impl History {
    /// Puts the records together, the later over the earlier.
    pub(crate) fn of(records: &[Record]) -> Self {
        let mut history = Self::default();
        for record in records {
            history.add(record.clone());
        }
        history
    }

    /// Adds what happened.
    pub(crate) fn add(&mut self, record: Record) {
        match record {
            Record::Began(began) => {
                self.end_no_more(&began.path);
                self.began.insert(began.path.clone(), *began);
            }
            Record::Ended(ended) => {
                self.end_no_more(&ended.path);
                self.order.push(ended.path.clone());
                self.ended.insert(ended.path.clone(), *ended);
            }
            Record::Retried { path } => self.end_no_more(&path),
            Record::Forgotten { path } => {
                self.began.retain(|known, _| !is_within(known, &path));
                self.ended.retain(|known, _| !is_within(known, &path));
                self.order.retain(|known| !is_within(known, &path));
                *self.forgotten.entry(path).or_default() += 1;
            }
        }
    }

    fn end_no_more(&mut self, path: &str) {
        if self.ended.remove(path).is_some() {
            self.order.retain(|known| known != path);
        }
    }

    /// How the activity began, if it did.
    pub(crate) fn began(&self, path: &str) -> Option<&Began> {
        self.began.get(path)
    }

    /// How the activity ended, if it did.
    pub(crate) fn ended(&self, path: &str) -> Option<&Ended> {
        self.ended.get(path)
    }

    /// What activities of this type decided that have succeeded, by path, outer ones first.
    pub(crate) fn decisions(&self, kind: &str) -> Vec<(String, Value)> {
        let succeeded = |path: &String| self.ended.get(path).is_some_and(|it| it.report.status == Status::Succeeded);
        let begun = self.began.iter().filter(|(path, began)| began.report.kind == kind && succeeded(path));
        begun.map(|(path, began)| (path.clone(), began.decided.clone())).collect()
    }

    /// True if there is anything to forget.
    pub(crate) fn knows(&self, path: &str) -> bool {
        self.began.keys().chain(self.ended.keys()).any(|known| is_within(known, path))
    }

    /// The rounds of a loop of which anything is known.
    pub(crate) fn rounds(&self, path: &str) -> BTreeSet<usize> {
        let round = |known: &String| known.strip_prefix(path)?.strip_prefix('[')?.split_once(']')?.0.parse().ok();
        self.began.keys().chain(self.ended.keys()).filter_map(round).collect()
    }

    /// Which time this is that the activity is run from its beginning, from 0: what is forgotten is not done twice
    /// under one name.
    pub(crate) fn generation(&self, path: &str) -> u32 {
        self.forgotten.iter().filter(|(forgotten, _)| is_within(path, forgotten)).map(|(_, times)| times).sum()
    }

    /// The changes of variables of a pipeline's run, in their order.
    pub(crate) fn changes<'a>(&'a self, pipeline: &'a str) -> impl Iterator<Item = &'a Change> {
        let change = |path: &String| self.ended.get(path).and_then(|ended| ended.change.as_ref());
        self.order.iter().filter_map(change).filter(move |change| change.pipeline == pipeline)
    }

    /// What to write down before the run goes on, so that what did not succeed is tried again. After a kill that is only
    /// what ended last, on which nothing has acted: a full disk may be why no word of the run's own end was written.
    /// A cancelled activity did not end by itself.
    pub(crate) fn to_retry(&self, records: &[Record], run: Status) -> Vec<Record> {
        let last = records.iter().rev().map_while(|record| match record {
            Record::Ended(ended) if is_failure(ended.report.status) => Some(&ended.path),
            _ => None,
        });
        let last: BTreeSet<&String> = last.collect();
        let again = |ended: &&Ended| match ended.report.status {
            Status::Cancelled => true,
            status => is_failure(status) && (run == Status::Failed || last.contains(&ended.path)),
        };
        self.ended.values().filter(again).map(|ended| Record::Retried { path: ended.path.clone() }).collect()
    }

    /// The reports of all activities, in the order in which they began.
    pub(crate) fn reports(&self) -> Vec<ActivityReport> {
        let open = self.began.values().filter(|began| !self.ended.contains_key(&began.path));
        let reports = self.ended.values().map(|ended| &ended.report).chain(open.map(|began| &began.report));
        let mut reports: Vec<ActivityReport> = reports.cloned().collect();
        reports.sort_by_key(|report| report.started);
        reports
    }
}

fn is_failure(status: Status) -> bool {
    matches!(status, Status::Failed | Status::TimedOut)
}

/// True for the path itself and for what lies within it: `Each` holds `Each[2]/Copy`.
fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '[']))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::Moment;

    fn ended(path: &str, status: Status, change: Option<Change>) -> Record {
        let report = ActivityReport::blank(path, "Wait", path, Moment::now());
        let report = ActivityReport { status, ..report };
        Record::Ended(Box::new(Ended { path: path.to_owned(), report, output_left_out: false, change }))
    }

    fn appended(value: Value) -> Option<Change> {
        Some(Change { pipeline: String::new(), variable: Some("list".to_owned()), value, appended: true })
    }

    #[test]
    fn what_is_forgotten_is_gone_with_all_that_it_held() {
        let mut history = History::of(&[
            ended("Each[0]/Add", Status::Succeeded, appended(json!(0))),
            ended("Each[1]/Add", Status::Succeeded, appended(json!(1))),
            ended("Each", Status::Succeeded, None),
            ended("Eacher", Status::Succeeded, appended(json!(2))),
        ]);
        let values = |history: &History| history.changes("").map(|change| change.value.clone()).collect::<Vec<_>>();
        assert_eq!(values(&history), [json!(0), json!(1), json!(2)]);
        history.add(Record::Forgotten { path: "Each".to_owned() });
        assert_eq!(values(&history), [json!(2)]);
        assert!(!history.knows("Each") && history.knows("Eacher"));
        assert_eq!((history.generation("Each[1]/Add"), history.generation("Eacher")), (1, 0));
    }

    fn retried(records: &[Record], run: Status) -> Vec<String> {
        let path = |record: Record| match record {
            Record::Retried { path } => path,
            other => panic!("{other:?}"),
        };
        History::of(records).to_retry(records, run).into_iter().map(path).collect()
    }

    #[test]
    fn what_is_retried_keeps_what_was_done_within() {
        let records = [
            ended("Each[0]/Add", Status::Succeeded, appended(json!(0))),
            ended("Each[1]/Add", Status::Failed, None),
            ended("Each", Status::Failed, None),
            ended("Other", Status::Cancelled, None),
        ];
        assert_eq!(retried(&records, Status::InProgress), ["Other"], "after a kill, what ended has ended");
        let mut history = History::of(&records);
        for record in history.to_retry(&records, Status::Failed) {
            history.add(record);
        }
        assert!(history.ended("Each[0]/Add").is_some() && history.ended("Each[1]/Add").is_none());
        assert!(history.ended("Each").is_none() && history.ended("Other").is_none());
        assert_eq!(history.generation("Each[1]/Add"), 0);
    }

    #[test]
    fn a_failure_that_nothing_has_acted_on_is_tried_again_after_a_kill() {
        let mut records = vec![
            ended("Handled", Status::Failed, None),
            ended("OnFailure", Status::Succeeded, None),
            ended("Each[1]/Copy", Status::TimedOut, None),
            ended("Each", Status::Failed, None),
        ];
        assert_eq!(retried(&records, Status::InProgress), ["Each", "Each[1]/Copy"]);
        assert_eq!(retried(&records, Status::Failed), ["Each", "Each[1]/Copy", "Handled"]);
        records.push(ended("OnFailureOfEach", Status::Succeeded, None));
        assert_eq!(retried(&records, Status::InProgress), Vec::<String>::new());
    }
}
