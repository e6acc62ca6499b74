//! From a request to a proof: who is calling, what the path names, and whether they may.

use super::cookies;
use super::problem::Problem;
use super::routes::{Describe, Guard, Spec};
use crate::app::App;
use crate::ground::access::{
    Account, Action, Actor, Allowed, Bearer, Installation, Organization, Own, Project, Refusal, Thing,
    find_organization, find_project, prove_password,
};
use crate::ground::secret::Secret;
use axum::extract::{ConnectInfo, FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Where a request comes from: the peer, or what a trusted proxy says.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// Reads it off a request.
    #[must_use]
    pub fn of(parts: &Parts, app: &App) -> Self {
        // From the proxy before us outwards, as long as each is ours; what is beyond, or unreadable, anybody may have
        // written.
        let mut client = peer(parts);
        let lines = parts.headers.get_all("x-forwarded-for").iter().rev();
        let hops = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
        for hop in hops {
            let Ok(before) = hop.trim().parse::<IpAddr>() else { break };
            if !is_our_proxy(app, client) {
                break;
            }
            client = before.to_canonical();
        }
        Self(client)
    }
}

fn peer(parts: &Parts) -> IpAddr {
    let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    info.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |info| info.0.ip().to_canonical())
}

fn is_our_proxy(app: &App, address: IpAddr) -> bool {
    app.config.trusted_proxies.iter().any(|network| network.contains(address))
}

/// A signed-in caller.
pub struct SignedIn(pub Actor);

/// A caller who is about to ask for `A` on a thing that the body names.
pub struct Asking<A: Action> {
    app: App,
    actor: Actor,
    action: std::marker::PhantomData<A>,
}

impl<A: Action> Asking<A> {
    /// Who asks.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The proof that they may, for this thing.
    ///
    /// # Errors
    /// The refusal.
    pub fn on(&self, thing: A::On) -> Result<Allowed<A>, Problem> {
        self.actor.allow::<A>(thing).map_err(|refusal| refused::<A>(&self.app, &self.actor, refusal))
    }
}

/// A refusal as it is told; the log keeps why, under an id by which an administrator finds it.
fn refused<A: Action>(app: &App, actor: &Actor, refusal: Refusal) -> Problem {
    let mut problem = Problem::from(refusal);
    if problem.status_code() == StatusCode::FORBIDDEN {
        let decision = app.dice.uuid().to_string();
        let account = &actor.standing().account.id;
        tracing::info!(decision, account, action = A::ID.name(), detail = problem.detail, "refused");
        problem.decision = Some(decision);
    }
    problem
}

/// The credential that comes first: Bearer, Basic, API key, cookie.
async fn actor(parts: &mut Parts, app: &App) -> Result<Actor, Problem> {
    if let Some(actor) = parts.extensions.get::<Actor>() {
        return Ok(actor.clone());
    }
    let actor = recognize(parts, app).await?;
    parts.extensions.insert(actor.clone());
    Ok(actor)
}

/// Passwords and tokens cross no network in clear.
fn refuse_plain_http(app: &App, parts: &Parts) -> Result<(), Problem> {
    let peer = peer(parts);
    // A proxy may speak TLS for us: one that is named, or one on this machine.
    let by_proxy = app.config.is_https() && (peer.is_loopback() || is_our_proxy(app, peer));
    if app.config.speaks_tls() || by_proxy || ClientAddress::of(parts, app).0.is_loopback() {
        return Ok(());
    }
    Err(Problem {
        code: "insecure_transport",
        ..Problem::forbidden(
            "Rolecall takes no password or token over plain http from another machine; set ROLECALL_TLS_CERT and \
         ROLECALL_TLS_KEY, or put it behind a proxy with TLS and set ROLECALL_BASE_URL and ROLECALL_TRUSTED_PROXIES.",
        )
    })
}

async fn recognize(parts: &Parts, app: &App) -> Result<Actor, Problem> {
    let ClientAddress(address) = ClientAddress::of(parts, app);
    let organization = organization_of(parts);
    let organization = organization.as_deref();
    if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
        refuse_plain_http(app, parts)?;
        let value = value.to_str().map_err(|_| Problem::invalid_credentials(UNREADABLE))?;
        let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
        if scheme.eq_ignore_ascii_case("bearer") {
            return Ok(app.gate.by_token(rest.trim(), organization, address, user_agent(parts)).await?);
        }
        if scheme.eq_ignore_ascii_case("basic") {
            let (account, password) =
                basic(rest.trim()).ok_or_else(|| Problem::invalid_credentials(UNREADABLE))?;
            let account = Box::pin(prove_password(app, &account, &password, address)).await?;
            return Ok(app.gate.by_account(account.key, organization, address).await?);
        }
        return Err(Problem::invalid_credentials(UNREADABLE));
    }
    if parts.headers.contains_key("apikey") || parts.headers.contains_key("appid") {
        return Err(Problem::invalid_credentials(
            "This API key is not known; check it, or sign in another way.",
        ));
    }
    match cookies::session(app, &parts.headers) {
        Some(token) => Ok(app.gate.by_token(token, organization, address, user_agent(parts)).await?),
        None => Err(Problem::nobody()),
    }
}

const UNREADABLE: &str =
    "The Authorization header cannot be read; send 'Bearer <token>' or 'Basic <account:password>'.";

fn user_agent(parts: &Parts) -> &str {
    parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn basic(encoded: &str) -> Option<(String, Secret)> {
    let text = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    let (account, password) = text.split_once(':')?;
    Some((account.to_owned(), Secret::new(password)))
}

/// The organization a request names: the console's by its path, the API's by a header.
fn organization_of(parts: &Parts) -> Option<String> {
    if let Some(rest) = parts.uri.path().strip_prefix("/o/") {
        let id = rest.split('/').next().unwrap_or_default();
        return (!id.is_empty()).then(|| id.to_owned());
    }
    let named = parts.headers.get("rolecall-organization")?.to_str().ok()?;
    Some(named.to_owned())
}

/// A kind of thing that a path, or the request as a whole, names.
pub trait Named: Thing + Sized {
    /// Finds it; `None` when there is no such thing.
    fn find(
        parts: &mut Parts,
        app: &App,
        actor: &Actor,
    ) -> impl Future<Output = Result<Option<Self>, Problem>> + Send;
}

async fn parameter(parts: &mut Parts, app: &App, name: &str) -> Option<String> {
    let params = RawPathParams::from_request_parts(parts, app).await.ok()?;
    params.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

impl Named for Installation {
    async fn find(_: &mut Parts, _: &App, _: &Actor) -> Result<Option<Self>, Problem> {
        Ok(Some(Self))
    }
}

impl Named for Organization {
    async fn find(parts: &mut Parts, app: &App, actor: &Actor) -> Result<Option<Self>, Problem> {
        let id = parameter(parts, app, "org").await.unwrap_or_else(|| actor.organization().to_owned());
        if let Some((known, _)) = actor.standing().organizations.iter().find(|(one, _)| one.id == id) {
            return Ok(Some(known.clone()));
        }
        let mut tx = app.store.read(&actor.own::<crate::ground::access::SeeSelf>()).await?;
        Ok(find_organization(&mut tx, &id).await?)
    }
}

impl Named for Project {
    async fn find(parts: &mut Parts, app: &App, actor: &Actor) -> Result<Option<Self>, Problem> {
        let Some(name) = parameter(parts, app, "project").await else { return Ok(None) };
        let mut tx = app.store.read(&actor.own::<crate::ground::access::SeeSelf>()).await?;
        let project = find_project(&mut tx, &name).await?;
        // A console page lives in one organization; another one's project isn't on it.
        let org = parameter(parts, app, "org").await;
        Ok(project.filter(|project| org.is_none_or(|org| org == project.organization)))
    }
}

impl Named for Account {
    async fn find(_: &mut Parts, _: &App, actor: &Actor) -> Result<Option<Self>, Problem> {
        Ok(Some(Self { key: actor.standing().key, id: actor.standing().account.id.clone() }))
    }
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        actor(parts, app).await.map(Self)
    }
}

impl<A: Action<On: Named>> FromRequestParts<App> for Allowed<A> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let actor = actor(parts, app).await?;
        let thing = A::On::find(parts, app, &actor).await?.ok_or_else(Problem::not_found)?;
        actor.allow::<A>(thing).map_err(|refusal| refused::<A>(app, &actor, refusal))
    }
}

impl<A: Action<On = Account>> FromRequestParts<App> for Own<A> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Ok(actor(parts, app).await?.own())
    }
}

impl<A: Action> FromRequestParts<App> for Bearer<A> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let ClientAddress(address) = ClientAddress::of(parts, app);
        refuse_plain_http(app, parts)?;
        Ok(Self::new(address))
    }
}

impl<A: Action> FromRequestParts<App> for Asking<A> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let actor = actor(parts, app).await?;
        Ok(Self { app: app.clone(), actor, action: std::marker::PhantomData })
    }
}

impl<A: Action> Describe for Allowed<A> {
    fn describe(spec: &mut Spec) {
        spec.guard = Some(Guard::Action(A::ID));
    }
}

impl<A: Action> Describe for Asking<A> {
    fn describe(spec: &mut Spec) {
        spec.guard = Some(Guard::Action(A::ID));
    }
}

impl<A: Action> Describe for Own<A> {
    fn describe(spec: &mut Spec) {
        spec.guard = Some(Guard::Own(A::ID));
    }
}

impl<A: Action> Describe for Bearer<A> {
    fn describe(spec: &mut Spec) {
        spec.guard = Some(Guard::Bearer(A::ID));
    }
}

/// Says in a handler's type that it shows nothing of anybody's, and so is open to everybody.
pub struct Anybody;

impl FromRequestParts<App> for Anybody {
    type Rejection = Problem;

    async fn from_request_parts(_: &mut Parts, _: &App) -> Result<Self, Problem> {
        Ok(Self)
    }
}

impl Describe for Anybody {
    fn describe(spec: &mut Spec) {
        spec.guard = Some(Guard::Open);
    }
}

/// The program that calls, as it names itself.
pub struct UserAgent(pub String);

impl FromRequestParts<App> for UserAgent {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        Ok(Self(user_agent(parts).to_owned()))
    }
}

impl Describe for UserAgent {
    fn describe(_: &mut Spec) {}
}

impl FromRequestParts<App> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Ok(Self::of(parts, app))
    }
}

impl Describe for ClientAddress {
    fn describe(_: &mut Spec) {}
}

/// A bearer token that signs nobody in, for figures.
pub struct BearerToken(pub Option<String>);

impl FromRequestParts<App> for BearerToken {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let value = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        Ok(Self(value.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned)))
    }
}

impl Describe for BearerToken {
    fn describe(_: &mut Spec) {}
}
