//! What can be told to go wrong.

/// Which requests a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Put Block.
    PutBlock,
    /// Put Block List.
    PutBlockList,
    /// Get Blob Properties.
    Head,
    /// Get Blob.
    Get,
    /// List Blobs, List Containers.
    List,
    /// Delete Blob.
    Delete,
    /// Every one.
    Any,
}

/// How such a request fails.
#[derive(Clone, Debug)]
pub enum Effect {
    /// 503 ServerBusy, with `Retry-After` in seconds.
    Busy(Option<u64>),
    /// This status and error code.
    Refuse(u16, &'static str),
    /// The connection closes while the body is on its way; nothing happened.
    Reset,
    /// It happens, and then the connection closes without an answer.
    LoseAnswer,
    /// The connection closes, and it happens right before the next request.
    Late,
    /// The body is never read.
    StopReading,
    /// The body is read, and nothing comes back.
    NeverAnswer,
}

/// A fault, for the next so many requests of its operation.
#[derive(Clone, Debug)]
pub struct Fault {
    /// For which requests.
    pub operation: Operation,
    /// How many pass unharmed before.
    pub skip: u32,
    /// How many fail.
    pub times: u32,
    /// How.
    pub effect: Effect,
}

impl Fault {
    /// The next request of this operation fails, and only that.
    pub fn once(operation: Operation, effect: Effect) -> Self {
        Self { operation, skip: 0, times: 1, effect }
    }
}

/// The fault of this request, if there is one.
pub(crate) fn next(faults: &mut Vec<Fault>, operation: Operation) -> Option<Effect> {
    let fits = |fault: &&mut Fault| fault.operation == operation || fault.operation == Operation::Any;
    let fault = faults.iter_mut().find(fits)?;
    if fault.skip > 0 {
        fault.skip -= 1;
        return None;
    }
    fault.times -= 1;
    let effect = fault.effect.clone();
    faults.retain(|fault| fault.times > 0);
    Some(effect)
}
