//! `ropeway resume`: finishes a run that was interrupted.

use ropeway_engine::{Error, ErrorKind, Result, chunk::RunId};

use crate::{
    args::ResumeArgs,
    commands::{Console, run::succeeded, runs::known},
    pipeline_run::{self, Order},
    report::Status,
    state::StateFolder,
};

/// Does what the run was asked to do, as far as it is not done; what is typed now counts more than
/// what was typed then.
pub(crate) async fn perform(args: ResumeArgs, console: &Console) -> Result<u8> {
    let run = RunId::try_from(args.run_id)?;
    let state = StateFolder::open(args.state.state.as_deref())?;
    let file = known(&state, &run)?;
    if file.report.status == Status::Succeeded {
        return succeeded(&file.report, args.output.output);
    }
    let request = file.request.with(&args.definition, &args.copy, &args.connection)?;
    std::env::set_current_dir(&request.directory).map_err(|error| {
        Error::new(ErrorKind::Spec, "the run was started in a folder that is gone; make it again, or start a new run")
            .with("folder", request.directory.display())
            .caused_by(error)
    })?;
    let (started, one_time) = (file.report.started, file.one_time);
    let (take_over, named) = (args.take_over, args.state.state.as_deref());
    let order = Order { run, request, started, one_time, state: &state, take_over, named };
    pipeline_run::perform(order, &args.watch, args.output.output, console).await
}
