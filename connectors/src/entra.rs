//! Tokens of Microsoft Entra that are asked for anew when a server refuses one before its time: a token can be revoked.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use azure_core::{
    Result,
    credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions},
    http::{
        Context, Request, StatusCode,
        headers::AUTHORIZATION,
        policies::{Policy, PolicyResult},
    },
};

/// Makes a credential that has no token yet.
type Make = Box<dyn Fn() -> Result<Arc<dyn TokenCredential>> + Send + Sync>;

/// A credential whose token can be thrown away. Those of the library keep theirs until it runs out.
pub(crate) struct Renewable {
    make: Make,
    current: Mutex<Current>,
}

struct Current {
    credential: Arc<dyn TokenCredential>,
    token: Option<Secret>,
}

impl Renewable {
    /// # Errors
    /// Those of `make`.
    pub(crate) fn new(
        make: impl Fn() -> Result<Arc<dyn TokenCredential>> + Send + Sync + 'static,
    ) -> Result<Arc<Self>> {
        let current = Mutex::new(Current { credential: make()?, token: None });
        Ok(Arc::new(Self { make: Box::new(make), current }))
    }

    /// Sees to it that the next token is another one than this, which a server refused. Many requests may have been
    /// refused the same one: only the first of them throws it away.
    ///
    /// # Errors
    /// No other credential can be made.
    pub(crate) fn renew(&self, refused: &str) -> Result<()> {
        let mut current = self.current();
        if current.token.as_ref().is_some_and(|token| token.secret() == refused) {
            *current = Current { credential: (self.make)()?, token: None };
        }
        Ok(())
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        // Nothing in there panics half way.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Renewable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Renewable")
    }
}

#[async_trait]
impl TokenCredential for Renewable {
    async fn get_token(&self, scopes: &[&str], options: Option<TokenRequestOptions<'_>>) -> Result<AccessToken> {
        let credential = self.current().credential.clone();
        let token = credential.get_token(scopes, options).await?;
        let mut current = self.current();
        if Arc::ptr_eq(&current.credential, &credential) {
            current.token = Some(token.token.clone());
        }
        Ok(token)
    }
}

/// Sends a request once more, with a new token, whose token was refused. The second answer is final. It stands before
/// the library's own policy, which shows the token.
#[derive(Debug)]
pub(crate) struct OnceMore(pub(crate) Arc<Renewable>);

#[expect(elided_lifetimes_in_paths, reason = "the signature must be exactly that of the client's trait")]
#[async_trait]
impl Policy for OnceMore {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let answer = next[0].send(context, request, &next[1..]).await?;
        let shown = request.headers().get_optional_str(&AUTHORIZATION);
        let (StatusCode::Unauthorized, Some(token)) =
            (answer.status(), shown.and_then(|it| it.strip_prefix("Bearer ")))
        else {
            return Ok(answer);
        };
        tracing::info!("the token of Entra was refused; a new one is asked for");
        self.0.renew(token)?;
        request.body_mut().reset().await?;
        next[0].send(context, request, &next[1..]).await
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU32, Ordering},
        time::Duration,
    };

    use azure_core::{
        http::{AsyncRawResponse, Method, headers::Headers, policies::auth::BearerTokenAuthorizationPolicy},
        time::OffsetDateTime,
    };

    use super::*;

    /// Gives `token 1`, `token 2`, and keeps what it gave, as the library's credentials do.
    #[derive(Debug)]
    struct Keeps(u32);

    #[async_trait]
    impl TokenCredential for Keeps {
        async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> Result<AccessToken> {
            let expires_on = OffsetDateTime::now_utc() + Duration::from_secs(3_600);
            Ok(AccessToken::new(Secret::new(format!("token {}", self.0)), expires_on))
        }
    }

    /// Takes tokens from this number on.
    #[derive(Debug)]
    struct Server {
        takes: AtomicU32,
        asked: AtomicU32,
    }

    #[expect(elided_lifetimes_in_paths, reason = "the signature must be exactly that of the client's trait")]
    #[async_trait]
    impl Policy for Server {
        async fn send(&self, _: &Context, request: &mut Request, _: &[Arc<dyn Policy>]) -> PolicyResult {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let shown = request.headers().get_optional_str(&AUTHORIZATION).unwrap_or_default();
            let number: u32 = shown.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0);
            let is_good = number >= self.takes.load(Ordering::Relaxed);
            let status = if is_good { StatusCode::Ok } else { StatusCode::Unauthorized };
            Ok(AsyncRawResponse::from_bytes(status, Headers::new(), Vec::new()))
        }
    }

    /// A server, and a pipeline to it; `once_more` is left out of the twin's.
    fn pipeline(once_more: bool) -> (Arc<Server>, Vec<Arc<dyn Policy>>) {
        let made = AtomicU32::new(0);
        let make = move || Ok(Arc::new(Keeps(made.fetch_add(1, Ordering::Relaxed) + 1)) as Arc<dyn TokenCredential>);
        let renewable = Renewable::new(make).unwrap();
        let server = Arc::new(Server { takes: AtomicU32::new(1), asked: AtomicU32::new(0) });
        let shows = BearerTokenAuthorizationPolicy::new(renewable.clone(), ["https://storage.azure.com/.default"]);
        let mut policies: Vec<Arc<dyn Policy>> = vec![Arc::new(shows), server.clone()];
        if once_more {
            policies.insert(0, Arc::new(OnceMore(renewable)));
        }
        (server, policies)
    }

    async fn status(policies: &[Arc<dyn Policy>]) -> StatusCode {
        let mut request = Request::new("https://shop.blob.core.windows.net/box".parse().unwrap(), Method::Put);
        policies[0].send(&Context::new(), &mut request, &policies[1..]).await.unwrap().status()
    }

    #[tokio::test]
    async fn a_token_that_is_revoked_is_asked_for_once_anew() {
        let (server, policies) = pipeline(true);
        assert_eq!(status(&policies).await, StatusCode::Ok);
        server.takes.store(2, Ordering::Relaxed);
        assert_eq!(status(&policies).await, StatusCode::Ok, "the second token");
        assert_eq!(server.asked.load(Ordering::Relaxed), 3);
        // None is ever good again: one more try, and that is final.
        server.takes.store(100, Ordering::Relaxed);
        assert_eq!(status(&policies).await, StatusCode::Unauthorized);
        assert_eq!(server.asked.load(Ordering::Relaxed), 5);
    }

    /// What the library does by itself: it forgets the token, and its credential gives the same one again.
    #[tokio::test]
    async fn without_that_a_token_that_is_revoked_ends_the_copy() {
        let (server, policies) = pipeline(false);
        assert_eq!(status(&policies).await, StatusCode::Ok);
        server.takes.store(2, Ordering::Relaxed);
        for _ in 0..2 {
            assert_eq!(status(&policies).await, StatusCode::Unauthorized);
        }
    }

    #[tokio::test]
    async fn requests_that_were_refused_the_same_token_renew_it_once() {
        let made = Arc::new(AtomicU32::new(0));
        let counted = made.clone();
        let make = move || Ok(Arc::new(Keeps(counted.fetch_add(1, Ordering::Relaxed) + 1)) as Arc<dyn TokenCredential>);
        let renewable = Renewable::new(make).unwrap();
        let token = renewable.get_token(&[], None).await.unwrap();
        for _ in 0..3 {
            renewable.renew(token.token.secret()).unwrap();
            renewable.get_token(&[], None).await.unwrap();
        }
        assert_eq!(made.load(Ordering::Relaxed), 2);
        assert!(!format!("{renewable:?}").contains("token 1"));
    }
}
