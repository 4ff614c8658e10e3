//! One connection: PRELOGIN, TLS, LOGIN7, then requests until it ends.

use super::catalogue;
use super::faults::{Fault, LoginFault};
use super::login::Login;
use super::packet::{Channel, Ending, Kind, Message, Reset};
use super::prelogin::{Agreed, Prelogin};
use super::protocol::{Over, Violation};
use super::reader::{Reader, utf16};
use super::response::{Response, SERVER_NAME, Stop};
use super::state::State;
use super::storage::Storage;
use super::tls::Transport;
use super::{Shared, SqlError, collation, token};
use std::sync::Arc;

pub(super) struct Session {
    channel: Channel,
    state: State,
}

/// Counts an open session for as long as it lives.
struct Open<'a>(&'a Shared);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.faults.see(|seen| seen.open -= 1);
    }
}

impl Session {
    /// Serves a connection to its end.
    pub(super) fn serve(channel: Channel, shared: &Arc<Shared>) -> Result<(), Over> {
        channel.transport.tcp().set_nodelay(true)?;
        let (channel, login) = meet(channel, shared)?;
        let Some(mut session) = Session::log_in(channel, &login, shared)? else { return Ok(()) };
        shared.faults.see(|seen| {
            seen.logins += 1;
            seen.open += 1;
            seen.applications.push(login.application.clone());
        });
        let _open = Open(shared);
        loop {
            let message = session.channel.read_message()?;
            session.serve_message(message)?;
        }
    }

    fn log_in(mut channel: Channel, login: &Login, shared: &Arc<Shared>) -> Result<Option<Session>, Over> {
        let failed = |message: String| SqlError { number: 18456, state: 1, class: 14, message };
        let refusal = if login.integrated {
            Some(vec![SqlError::new(
                18452,
                14,
                "Login failed. The login is from an untrusted domain and cannot be used with Integrated authentication.",
            )])
        } else if login.federated {
            Some(vec![failed("Login failed for user '<token-identified principal>'.".to_owned())])
        } else if shared.options.users.get(&login.user) != Some(&login.password) {
            Some(vec![failed(format!("Login failed for user '{}'.", login.user))])
        } else {
            None
        };
        let storage = Storage::open(shared).map_err(|_| Over::Gone)?;
        let default = shared.options.databases.first().map_or("master", String::as_str);
        let wanted = if login.database.is_empty() { default } else { &login.database };
        let database = catalogue::has_database(&storage.sqlite, wanted).map_err(|_| Over::Gone)?;
        let refusal = refusal.or_else(|| {
            if database.is_some() {
                return None;
            }
            let closed = SqlError::new(
                4060,
                11,
                format!("Cannot open database \"{wanted}\" requested by the login. The login failed."),
            );
            Some(vec![closed, failed(format!("Login failed for user '{}'.", login.user))])
        });
        let refusal = match shared.faults.at_login() {
            Some(LoginFault::Error(error)) => Some(vec![error]),
            Some(LoginFault::Break) => return Err(Over::Gone),
            Some(LoginFault::Hang) => {
                channel.read_message()?;
                return Err(Over::Gone);
            }
            None => refusal,
        };
        let packet_size = agreed_size(login.packet_size, channel.transport.is_encrypted());
        let mut response = Response::new(&mut channel, false);
        if let Some(errors) = refusal {
            shared.faults.see(|seen| seen.refused += 1);
            for error in &errors {
                response.error(error)?;
            }
            response.done(token::ERROR, 0, 0)?;
            response.finish()?;
            return Ok(None);
        }
        let database = database.unwrap_or_default();
        let say = |number, text: String| {
            token::error(&SqlError { number, state: 2, class: 0, message: text }, SERVER_NAME, "", 1)
        };
        response.token(&token::environment_text(1, &database, "master"))?;
        response.token(&say(5701, format!("Changed database context to '{database}'.")))?;
        response.token(&token::environment_bytes(7, &collation::DEFAULT.wire, &[]))?;
        response.token(&token::environment_text(2, "us_english", ""))?;
        response.token(&say(5703, "Changed language setting to us_english.".to_owned()))?;
        response.token(&token::login_acknowledged(login.version))?;
        response.token(&token::environment_text(4, &packet_size.to_string(), "4096"))?;
        if login.wants_features {
            response.token(&token::features_acknowledged(&login.features))?;
        }
        response.done(0, 0, 0)?;
        response.finish()?;
        channel.packet_size = packet_size;
        let state = State::new(Arc::clone(shared), storage, &database, &login.user, channel.spid);
        Ok(Some(Session { channel, state }))
    }

    fn serve_message(&mut self, message: Message) -> Result<(), Over> {
        if message.kind == Kind::Attention {
            self.see_attention();
            self.state.end_bulk();
            return Response::new(&mut self.channel, false).finish_attention();
        }
        if message.reset != Reset::No {
            self.state.reset(message.reset == Reset::KeepTransaction).map_err(|_| Over::Gone)?;
            self.state.shared.faults.see(|seen| seen.resets += 1);
        }
        if self.state.bulk.is_some() && message.kind != Kind::BulkLoad {
            self.state.end_bulk();
            let error =
                SqlError::new(4022, 16, "Bulk load data was expected but not sent. The batch will be terminated.");
            let mut response = Response::new(&mut self.channel, false);
            response.error(&error)?;
            response.done(token::ERROR, token::ABORT_COMMAND, 0)?;
            return response.finish();
        }
        let result = match message.kind {
            Kind::BulkLoad => self.serve_bulk(&message),
            _ if message.ignored => {
                return Err(Violation::new("a message ended with IGNORE; the stand-in takes none").into());
            }
            Kind::Batch => self.serve_batch(&message),
            Kind::Rpc => self.serve_rpc(&message),
            Kind::Transaction => self.serve_transaction(&message),
            other => return Err(Violation::new(format!("{other:?} after the login")).into()),
        };
        match result {
            Ok(()) | Err(Stop::Ended) => Ok(()),
            Err(Stop::Over(over)) => Err(over),
            Err(Stop::Attention) => {
                self.see_attention();
                Response::new(&mut self.channel, false).finish_attention()
            }
            Err(Stop::Error(error)) => {
                let mut response = Response::new(&mut self.channel, false);
                response.error(&error)?;
                response.done(token::ERROR, 0, 0)?;
                response.finish()
            }
        }
    }

    fn see_attention(&self) {
        self.state.shared.faults.see(|seen| seen.attentions += 1);
    }

    fn serve_batch(&mut self, message: &Message) -> Result<(), Stop> {
        let body = self.without_headers(&message.body)?;
        let batch = utf16(body).map_err(Over::from)?;
        let mut response = Response::new(&mut self.channel, false);
        acknowledge_reset(&mut response, message)?;
        if prepare_faults(&mut self.state, &mut response, &batch)? {
            let variables = self.state.globals();
            match self.state.run_batch(&batch, variables, &mut response) {
                Ok(_) | Err(Stop::Ended) => self.state.end_request(&mut response)?,
                Err(other) => return Err(other),
            }
        }
        Ok(response.finish()?)
    }

    fn serve_rpc(&mut self, message: &Message) -> Result<(), Stop> {
        let body = self.without_headers(&message.body)?.to_vec();
        let mut response = Response::new(&mut self.channel, true);
        acknowledge_reset(&mut response, message)?;
        let mut reader = Reader::new(&body);
        loop {
            let call = super::rpc::Call::parse(&mut reader).map_err(Over::from)?;
            let text = call.text();
            if prepare_faults(&mut self.state, &mut response, &text)? {
                self.state.call(call, &mut response)?;
            }
            if reader.is_empty() {
                break;
            }
            if !matches!(reader.u8().map_err(Over::from)?, 0x80 | 0xFF) {
                return Err(Over::from(Violation::new("calls of one message without a separator")).into());
            }
        }
        Ok(response.finish()?)
    }

    fn serve_transaction(&mut self, message: &Message) -> Result<(), Stop> {
        let body = self.without_headers(&message.body)?.to_vec();
        let mut response = Response::new(&mut self.channel, false);
        acknowledge_reset(&mut response, message)?;
        let name = match body.first() {
            Some(5) => "BEGIN TRANSACTION",
            Some(7) => "COMMIT TRANSACTION",
            Some(8) => "ROLLBACK TRANSACTION",
            _ => "SAVE TRANSACTION",
        };
        if prepare_faults(&mut self.state, &mut response, name)? {
            self.state.transaction_request(&body, &mut response)?;
            if self.state.due.break_after {
                return Err(Over::Gone.into());
            }
        }
        Ok(response.finish()?)
    }

    /// The data of a bulk load. Faults of it are those of `BULK LOAD` and the name of the table.
    fn serve_bulk(&mut self, message: &Message) -> Result<(), Stop> {
        let Some(announced) = self.state.bulk.take() else {
            return Err(Over::from(Violation::new("bulk data without INSERT BULK")).into());
        };
        let mut response = Response::new(&mut self.channel, false);
        if prepare_faults(&mut self.state, &mut response, &announced.title())? {
            self.state.load_bulk(&announced, message, &mut response)?;
            if self.state.due.break_after {
                return Err(Over::Gone.into());
            }
        }
        Ok(response.finish()?)
    }

    /// ALL_HEADERS (MS-TDS 2.2.5.3): the transaction descriptor must be that of the session.
    fn without_headers<'m>(&self, body: &'m [u8]) -> Result<&'m [u8], Stop> {
        let headers = read_headers(body).map_err(Over::from)?;
        if headers.descriptor != self.state.descriptor {
            return Err(SqlError::new(
                3989,
                16,
                "New request is not allowed to start because it should come with valid transaction descriptor.",
            )
            .into());
        }
        Ok(headers.rest)
    }
}

struct Headers<'a> {
    descriptor: u64,
    rest: &'a [u8],
}

fn read_headers(body: &[u8]) -> Result<Headers<'_>, Violation> {
    let mut reader = Reader::new(body);
    let total = reader.u32()? as usize;
    let all = reader.bytes(total.checked_sub(4).ok_or(Violation::new("ALL_HEADERS is shorter than its length"))?)?;
    let mut headers = Reader::new(all);
    let mut descriptor = None;
    while !headers.is_empty() {
        let length = headers.u32()? as usize;
        let mut header = Reader::new(
            headers.bytes(length.checked_sub(4).ok_or(Violation::new("a header shorter than its length"))?)?,
        );
        match header.u16()? {
            2 => {
                descriptor = Some(header.u64()?);
                if header.u32()? != 1 {
                    return Err(Violation::new("outstanding requests without MARS"));
                }
            }
            1 | 3 => {}
            other => return Err(Violation::new(format!("header type {other}"))),
        }
    }
    let descriptor = descriptor.ok_or(Violation::new("ALL_HEADERS without a transaction descriptor"))?;
    Ok(Headers { descriptor, rest: reader.rest() })
}

fn acknowledge_reset(response: &mut Response<'_>, message: &Message) -> Result<(), Over> {
    if message.reset == Reset::No { Ok(()) } else { response.token(&token::environment_bytes(18, &[], &[])) }
}

/// Records a statement and lets its faults happen. Whether it is to run.
fn prepare_faults(state: &mut State, response: &mut Response<'_>, statement: &str) -> Result<bool, Stop> {
    state.shared.faults.see(|seen| seen.statements.push(statement.to_owned()));
    state.due = Default::default();
    for fault in state.shared.faults.at(statement) {
        match fault {
            Fault::Error(error) => {
                response.error(&error)?;
                response.done(token::ERROR, 0, 0)?;
                return Ok(false);
            }
            Fault::ErrorAfterRows(rows, error) => state.due.error = Some((rows, error)),
            Fault::BreakAfterBytes(bytes) => response.channel.break_after = Some((bytes, Ending::Close)),
            Fault::ResetAfterBytes(bytes) => response.channel.break_after = Some((bytes, Ending::Reset)),
            Fault::BreakAfterRunning => state.due.break_after = true,
            Fault::SlowRows(pause) => state.due.pause = Some(pause),
            Fault::Run(what) => what(),
            Fault::Hang => {
                let message = response.channel.read_message()?;
                if message.kind != Kind::Attention {
                    return Err(Over::from(Violation::new(
                        "a request before the response to the one before has ended",
                    ))
                    .into());
                }
                return Err(Stop::Attention);
            }
        }
    }
    Ok(true)
}

/// Everything before the login is answered.
fn meet(mut channel: Channel, shared: &Shared) -> Result<(Channel, Login), Over> {
    let strict = starts_with_tls(&channel)?;
    if strict {
        if shared.options.encryption == super::Encryption::NotSupported {
            return Err(Over::Gone);
        }
        let Transport::Plain(tcp) = channel.transport else { return Err(Over::Gone) };
        channel = Channel::new(Transport::handshake_first(tcp, Arc::clone(&shared.identity.strict))?, channel.spid);
    }
    let hello = channel.read_message()?;
    if hello.kind != Kind::Prelogin {
        return Err(Violation::new("the first message is not PRELOGIN").into());
    }
    let prelogin = Prelogin::parse(&hello.body)?;
    channel.write(&prelogin.answer(shared.options.encryption))?;
    channel.finish()?;
    let agreed = if strict { Agreed::Plain } else { prelogin.agree(shared.options.encryption) };
    if agreed == Agreed::Nothing {
        return Err(Over::Gone);
    }
    let spid = channel.spid;
    if matches!(agreed, Agreed::LoginOnly | Agreed::Everything) {
        let Transport::Plain(tcp) = channel.transport else { return Err(Over::Gone) };
        channel = Channel::new(Transport::handshake_in_packets(tcp, Arc::clone(&shared.identity.login))?, spid);
    }
    let message = channel.read_message()?;
    if message.kind != Kind::Login {
        return Err(Violation::new("the message after PRELOGIN is not LOGIN7").into());
    }
    let login = Login::parse(&message.body, strict)?;
    if agreed == Agreed::LoginOnly {
        channel = Channel::new(channel.transport.into_plain()?, spid);
    }
    Ok((channel, login))
}

fn starts_with_tls(channel: &Channel) -> Result<bool, Over> {
    let mut first = [0];
    channel.transport.tcp().peek(&mut first)?;
    Ok(first[0] == 0x16)
}

/// What the server makes of the size a client asks for; 0 leaves it to the server.
fn agreed_size(asked: u32, encrypted: bool) -> usize {
    let most = if encrypted { 16_383 } else { 32_767 };
    match asked {
        0 => 4096,
        _ => (asked as usize).clamp(512, most),
    }
}
