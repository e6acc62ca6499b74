//! Requests to the API and their answers.

use crate::ground::cli::failure::Failure;
use crate::ground::cli::path::Path;
use crate::ground::cli::server::Server;
use crate::ground::secret::Secret;
use clap::Args;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Certificate, Method, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::error::Error as _;
use std::path::Path as FilePath;
use std::time::Duration;

const ORGANIZATION: &str = "rolecall-organization";
/// The largest page that the API gives.
const PAGE: usize = 500;

/// One Rolecall, as seen by one account.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    server: Server,
    token: Option<Secret>,
    /// What to do when the token is good no longer.
    remedy: String,
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, Default, Args)]
pub struct ListOptions {
    /// Show only what contains this text
    #[arg(long, value_name = "TEXT")]
    pub search: Option<String>,
    /// Show so many at most, instead of all
    #[arg(long, value_name = "NUMBER")]
    pub limit: Option<usize>,
}

impl Client {
    /// A client that is not signed in yet. It trusts the system's authorities, and those in `ca_file`.
    ///
    /// # Errors
    /// When the authorities cannot be read, or the organization's id is none.
    pub fn new(
        server: Server,
        organization: Option<&str>,
        ca_file: Option<&FilePath>,
    ) -> Result<Self, Failure> {
        let mut headers = HeaderMap::new();
        if let Some(id) = organization {
            let value = HeaderValue::from_str(id)
                .map_err(|_| Failure::usage(format!("\"{id}\" is not an organization's id.")))?;
            headers.insert(ORGANIZATION, value);
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("rolecall-cli/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            // A token goes where it was sent and nowhere else.
            .redirect(redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_mins(2));
        if server.is_loopback() {
            builder = builder.no_proxy();
        }
        builder = match (ca_file, server.is_encrypted()) {
            (Some(file), true) => builder.tls_certs_merge(authorities(file)?),
            (None, true) => builder,
            // Without encryption nothing is checked, so a machine without authorities will do.
            (_, false) => builder.tls_certs_only([]),
        };
        let http = builder.build().map_err(|error| {
            Failure::failed(format!(
                "TLS cannot be set up ({}): name the authority's file with --ca-file.",
                innermost(&error)
            ))
        })?;
        let remedy = format!("`rolecall login --url {server}`");
        Ok(Self { http, server, token: None, remedy })
    }

    /// Which Rolecall it is.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The same Rolecall, as seen with another token.
    #[must_use]
    pub fn with_token(&self, token: Secret) -> Self {
        Self { token: Some(token), ..self.clone() }
    }

    /// The same, but what to do when the token is good no longer is this, and not signing in again.
    #[must_use]
    pub fn with_remedy(&self, remedy: &str) -> Self {
        Self { remedy: remedy.to_owned(), ..self.clone() }
    }

    /// Asks for a thing.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn get<T: DeserializeOwned>(&self, path: &Path) -> Result<T, Failure> {
        self.signed(Method::GET, &path.to_string(), None::<&()>).await
    }

    /// Makes a thing, or has something done.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn post<T: DeserializeOwned>(&self, path: &Path, body: &impl Serialize) -> Result<T, Failure> {
        self.signed(Method::POST, &path.to_string(), Some(body)).await
    }

    /// Has something done that needs no further words.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn act<T: DeserializeOwned>(&self, path: &Path) -> Result<T, Failure> {
        self.signed(Method::POST, &path.to_string(), None::<&()>).await
    }

    /// Replaces a thing.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn put<T: DeserializeOwned>(&self, path: &Path, body: &impl Serialize) -> Result<T, Failure> {
        self.signed(Method::PUT, &path.to_string(), Some(body)).await
    }

    /// Changes a thing.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn patch<T: DeserializeOwned>(&self, path: &Path, body: &impl Serialize) -> Result<T, Failure> {
        self.signed(Method::PATCH, &path.to_string(), Some(body)).await
    }

    /// Deletes a thing.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn delete(&self, path: &Path) -> Result<(), Failure> {
        self.signed(Method::DELETE, &path.to_string(), None::<&()>).await
    }

    /// All of a list, or as much of it as is wanted.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn list(&self, path: &Path, options: &ListOptions) -> Result<Vec<Value>, Failure> {
        #[derive(serde::Deserialize)]
        struct Page {
            items: Vec<Value>,
            next: Option<String>,
        }
        let limit = options.limit.unwrap_or(usize::MAX);
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        while items.len() < limit {
            let size = (limit - items.len()).min(PAGE).to_string();
            let query: Vec<_> =
                [("limit", Some(&size)), ("cursor", cursor.as_ref()), ("search", options.search.as_ref())]
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, value?.as_str())))
                    .collect();
            let page: Page = self.signed(Method::GET, &path.with_query(&query), None::<&()>).await?;
            items.extend(page.items);
            match page.next {
                Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
                _ => break,
            }
        }
        items.truncate(limit);
        Ok(items)
    }

    /// Signs in: the one request that needs no token.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn sign_in<T: DeserializeOwned>(&self, body: &impl Serialize) -> Result<T, Failure> {
        self.send(Method::POST, "/api/v1/login", None, Some(body)).await
    }

    async fn signed<T: DeserializeOwned>(
        &self,
        method: Method,
        target: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, Failure> {
        let Some(token) = &self.token else {
            return Err(Failure::refused(format!(
                "You are not signed in to {}: {}.",
                self.server, self.remedy
            )));
        };
        let ended = |failure: &Failure| failure.is("token_expired") || failure.is("token_revoked");
        let done = self.send(method, target, Some(token), body).await;
        done.map_err(
            |failure| if ended(&failure) { failure.and(format_args!("({})", self.remedy)) } else { failure },
        )
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        target: &str,
        token: Option<&Secret>,
        body: Option<&impl Serialize>,
    ) -> Result<T, Failure> {
        let mut request = self.http.request(method, format!("{}{target}", self.server));
        if let Some(token) = token {
            request = request.bearer_auth(token.expose());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|error| self.unanswered(&error))?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(|error| self.unanswered(&error))?;
        if !status.is_success() {
            return Err(
                Failure::of_answer(status.as_u16(), &bytes).unwrap_or_else(|| self.foreign(status.as_u16()))
            );
        }
        let text = if bytes.is_empty() { b"null".as_slice() } else { &bytes };
        serde_json::from_slice(text).map_err(|_| self.foreign(status.as_u16()))
    }

    /// What answered is no Rolecall, or not of our time.
    fn foreign(&self, status: u16) -> Failure {
        Failure::failed(format!(
            "{} does not answer as Rolecall does (status {status}): check --url.",
            self.server
        ))
    }

    fn unanswered(&self, error: &reqwest::Error) -> Failure {
        let (server, reason) = (&self.server, innermost(error));
        Failure::failed(if reason.contains("certificate") {
            format!(
                "The certificate of {server} is not trusted ({reason}): name its authority's file with --ca-file."
            )
        } else if error.is_timeout() {
            format!("{server} does not answer in time: look after it, and try again.")
        } else if error.is_connect() {
            format!(
                "Nothing answers at {server} ({reason}): start it with `rolecall serve`, or name another with --url."
            )
        } else {
            format!("The connection to {server} broke ({reason}): check --url, and try again.")
        })
    }
}

/// The reason at the bottom of an error.
fn innermost(error: &reqwest::Error) -> String {
    let mut reason = error.source();
    while let Some(next) = reason.and_then(std::error::Error::source) {
        reason = Some(next);
    }
    reason.map_or_else(|| error.to_string(), ToString::to_string)
}

fn authorities(file: &FilePath) -> Result<Vec<Certificate>, Failure> {
    let wrong = |reason: &dyn std::fmt::Display| {
        Failure::failed(format!(
            "{} holds no certificates in PEM that can be read ({reason}).",
            file.display()
        ))
    };
    let pem = std::fs::read(file).map_err(|error| wrong(&error))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(&error))?;
    if found.is_empty() { Err(wrong(&"none is in it")) } else { Ok(found) }
}

#[cfg(test)]
mod tests;
