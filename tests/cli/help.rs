//! What the command line says of itself.

use super::workshop::Workshop;

#[test]
fn help_is_a_contract() {
    let workshop = Workshop::folder(0.001);
    insta::assert_snapshot!("help", workshop.finish(&["--help"]).ended(0).stdout);
    insta::assert_snapshot!("help_run", workshop.finish(&["run", "--help"]).ended(0).stdout);
}

#[test]
fn a_wrong_command_line_exits_2_and_says_what_was_meant() {
    let workshop = Workshop::folder(0.001);
    let wrong = [
        (&["runn"][..], "unrecognized subcommand 'runn'"),
        (&["run"], "<PIPELINE.json>"),
        (&["run", "x.json", "--memory", "lots"], "invalid value 'lots' for '--memory <SIZE>'"),
        (&["run", "x.json", "--paralel", "4"], "'--parallel'"),
        (&["run", "x.json", "--parallel", "0"], "invalid value '0' for '--parallel <N>'"),
        (&["run", "nowhere.json"], "nowhere.json"),
        (&["runs", "no-such-run"], "there is no such run"),
        (&["runs", "../../etc"], "a run id is 1 to 80 letters"),
        (&["resume", "no-such-run"], "there is no such run"),
    ];
    for (arguments, message) in wrong {
        let finished = workshop.finish(arguments).ended(2);
        assert!(finished.stderr.contains(message), "{arguments:?}: {}", finished.stderr);
        assert_eq!(finished.stdout, "", "{arguments:?}");
    }
}
