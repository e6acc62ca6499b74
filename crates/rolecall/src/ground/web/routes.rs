//! Routes that describe themselves: what a handler takes and gives is read off its own types, so the OpenAPI
//! document and the refusal test cannot differ from what is served.

use crate::app::App;
use axum::Router;
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::routing::{MethodFilter, on};
use std::future::Future;
use utoipa::openapi::{RefOr, Schema};

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Whoever may do this action.
    Action(crate::ground::access::ActionId),
    /// Whoever is signed in, on their own account.
    Own(crate::ground::access::ActionId),
    /// Anybody: what they bring is checked by the use case.
    Bearer(crate::ground::access::ActionId),
    /// Anybody, on purpose: nothing of anybody's is shown.
    Open,
}

/// What a route is, as told by its handler's types.
#[derive(Clone)]
pub struct Spec {
    /// GET, POST, …
    pub method: Method,
    /// With `{names}`.
    pub path: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Who may call it; a route without a guard fails the refusal test.
    pub guard: Option<Guard>,
    /// The body it takes.
    pub takes: Option<Named>,
    /// The body it gives, if any.
    pub gives: Option<Named>,
    /// Its status when all is well.
    pub status: StatusCode,
    /// Whether it is a list, with `limit`, `cursor`, `search` and `sort`.
    pub list: bool,
    /// Whether it honours `If-Match`.
    pub if_match: bool,
    /// Other query parameters.
    pub query: Vec<(&'static str, &'static str)>,
}

/// A schema, and those it refers to.
#[derive(Clone)]
pub struct Named {
    /// Its name among the document's components.
    pub name: String,
    /// Itself.
    pub schema: RefOr<Schema>,
    /// What it refers to.
    pub others: Vec<(String, RefOr<Schema>)>,
    /// Whether the body is a page of them: `{items, next}`.
    pub paged: bool,
}

impl Named {
    /// The schema of `T`.
    #[must_use]
    pub fn of<T: utoipa::ToSchema>() -> Self {
        let mut others = Vec::new();
        T::schemas(&mut others);
        Self { name: T::name().into_owned(), schema: T::schema(), others, paged: false }
    }
}

/// Something a handler takes or gives, which tells what that means for the route.
pub trait Describe {
    /// Adds its part to the description.
    fn describe(spec: &mut Spec);
}

impl<T: Describe, E> Describe for Result<T, E> {
    fn describe(spec: &mut Spec) {
        T::describe(spec);
    }
}

impl Describe for axum::extract::State<App> {
    fn describe(_: &mut Spec) {}
}

impl<T> Describe for axum::extract::Path<T> {
    fn describe(_: &mut Spec) {}
}

/// A handler whose parts all describe themselves.
pub trait Operation<Parts> {
    /// Fills in what its types tell.
    fn fill(spec: &mut Spec);
}

macro_rules! operations {
    ($(($($part:ident),*);)*) => {$(
        impl<F, Answer, Reply $(, $part)*> Operation<($($part,)*)> for F
        where
            F: Fn($($part),*) -> Answer,
            Answer: Future<Output = Reply>,
            Reply: Describe,
            $($part: Describe,)*
        {
            fn fill(spec: &mut Spec) {
                $($part::describe(spec);)*
                Reply::describe(spec);
            }
        }
    )*};
}
operations! { (); (A); (A, B); (A, B, C); (A, B, C, D); (A, B, C, D, E); (A, B, C, D, E, F2); }

/// A set of routes and their descriptions.
#[derive(Default)]
pub struct Routes {
    router: Router<App>,
    specs: Vec<Spec>,
}

impl Routes {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A GET route.
    #[must_use]
    pub fn get<H, T, P>(self, path: &'static str, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, App> + Operation<P>,
        T: 'static,
    {
        self.add(Method::GET, MethodFilter::GET, path, summary, handler)
    }

    /// A POST route.
    #[must_use]
    pub fn post<H, T, P>(self, path: &'static str, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, App> + Operation<P>,
        T: 'static,
    {
        self.add(Method::POST, MethodFilter::POST, path, summary, handler)
    }

    /// A PUT route.
    #[must_use]
    pub fn put<H, T, P>(self, path: &'static str, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, App> + Operation<P>,
        T: 'static,
    {
        self.add(Method::PUT, MethodFilter::PUT, path, summary, handler)
    }

    /// A PATCH route.
    #[must_use]
    pub fn patch<H, T, P>(self, path: &'static str, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, App> + Operation<P>,
        T: 'static,
    {
        self.add(Method::PATCH, MethodFilter::PATCH, path, summary, handler)
    }

    /// A DELETE route.
    #[must_use]
    pub fn delete<H, T, P>(self, path: &'static str, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, App> + Operation<P>,
        T: 'static,
    {
        self.add(Method::DELETE, MethodFilter::DELETE, path, summary, handler)
    }

    fn add<H, T, P>(
        mut self,
        method: Method,
        filter: MethodFilter,
        path: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<T, App> + Operation<P>,
        T: 'static,
    {
        let mut spec = Spec {
            method,
            path,
            summary,
            guard: None,
            takes: None,
            gives: None,
            status: StatusCode::OK,
            list: false,
            if_match: false,
            query: Vec::new(),
        };
        H::fill(&mut spec);
        self.specs.push(spec);
        self.router = self.router.route(path, on(filter, handler));
        self
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.specs.extend(other.specs);
        self
    }

    /// The router, and what its routes are.
    pub fn into_parts(self) -> (Router<App>, Vec<Spec>) {
        (self.router, self.specs)
    }
}
