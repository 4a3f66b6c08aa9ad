//! Routes, and what the OpenAPI document tells of them, apart.
//!
//! A program that serves needs the routes only. What the document tells of them takes several times the memory that the
//! program has at rest, so it is made for whoever asks for the document, and for nobody else.

use axum::Router;
use axum::routing::MethodRouter;
use utoipa::openapi::OpenApi;

use crate::state::AppState;

/// The routes of one resource, or of several.
#[must_use = "nobody serves them"]
#[derive(Default)]
pub struct Resource {
    router: Router<AppState>,
    told: Vec<fn() -> OpenApi>,
}

/// One path: its methods, and what the document tells of them. Made by `routes!`.
pub struct Routes {
    /// The path, with its parameters in braces.
    pub path: String,
    /// What answers there.
    pub methods: MethodRouter<AppState>,
    /// Makes this path's part of the document.
    pub told: fn() -> OpenApi,
}

impl Resource {
    /// No routes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a path.
    ///
    /// # Panics
    ///
    /// When the path is there already, as [`Router::route`].
    pub fn routes(mut self, routes: Routes) -> Self {
        self.router = self.router.route(&routes.path, routes.methods);
        self.told.push(routes.told);
        self
    }

    /// Adds all of another one.
    ///
    /// # Panics
    ///
    /// When both have a path, as [`Router::merge`].
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.told.extend(other.told);
        self
    }

    /// What answers.
    pub fn into_router(self) -> Router<AppState> {
        self.router
    }

    /// Adds what is told of all routes to a document.
    #[must_use]
    pub fn tell(&self, document: OpenApi) -> OpenApi {
        self.told.iter().fold(document, |document, told| document.merge_from(told()))
    }
}

/// The [`Routes`] of handlers with `#[utoipa::path]` that share a path and differ in their method.
macro_rules! routes {
    ($first:ident $(, $more:ident)* $(,)?) => {
        utoipa_axum::paste! {{
            use utoipa::Path as _;
            use utoipa_axum::PathItemExt as _;

            let methods = axum::routing::MethodRouter::new();
            let methods = [<__path_ $first>]::methods()
                .iter()
                .fold(methods, |methods, method| methods.on(method.to_method_filter(), $first));
            $(
                let methods = [<__path_ $more>]::methods()
                    .iter()
                    .fold(methods, |methods, method| methods.on(method.to_method_filter(), $more));
            )*
            $crate::resource::Routes {
                path: [<__path_ $first>]::path(),
                methods,
                told: || {
                    utoipa_axum::router::OpenApiRouter::<$crate::state::AppState>::new()
                        .routes(utoipa_axum::routes!($first $(, $more)*))
                        .into_openapi()
                },
            }
        }}
    };
}
pub(crate) use routes;
