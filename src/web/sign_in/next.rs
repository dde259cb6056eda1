//! Where a page leads on to, once what it asks for was given.

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use axum::response::Redirect;

use crate::web::Web;
use crate::web::access::local_path;

/// A path on this appliance; the first page where none was named, or one that leads elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next(String);

impl Next {
    /// What came with a form.
    pub fn of(text: Option<&str>) -> Self {
        Self(text.and_then(local_path).unwrap_or(HOME).to_owned())
    }

    fn of_query(uri: &Uri) -> Self {
        let pairs: Vec<(String, String)> =
            serde_urlencoded::from_str(uri.query().unwrap_or_default()).unwrap_or_default();
        Self::of(pairs.iter().find(|(name, _)| name == "next").map(|(_, value)| value.as_str()))
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// On to it.
    pub fn redirect(&self) -> Redirect {
        Redirect::to(&self.0)
    }

    /// To a page that leads on to it.
    pub fn after(&self, page: &str) -> Redirect {
        let query = Some(&self.0)
            .filter(|path| *path != HOME)
            .and_then(|path| serde_urlencoded::to_string([("next", path)]).ok());
        Redirect::to(&query.map_or_else(|| page.to_owned(), |query| format!("{page}?{query}")))
    }
}

/// Out of the query.
impl FromRequestParts<Web> for Next {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Web) -> Result<Self, Self::Rejection> {
        Ok(Self::of_query(&parts.uri))
    }
}

const HOME: &str = "/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_leads_to_a_path_of_this_appliance_or_to_the_first_page() {
        let next = |uri: &str| Next::of_query(&uri.parse().unwrap()).0;
        assert_eq!(next("/sign-in?next=%2Faccount%3Fa%3Db"), "/account?a=b");
        for elsewhere in
            ["/sign-in", "/sign-in?next=", "/sign-in?next=%2F%2Fevil.example", "/sign-in?next=https:%2F%2Fa"]
        {
            assert_eq!(next(elsewhere), "/", "{elsewhere}");
        }
    }
}
