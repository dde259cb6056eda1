//! The one cookie: who the browser is signed in as.
//!
//! Its name begins with `__Host-`, so that browsers take it from this host alone, over HTTPS alone, for every path.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use crate::domain::Secret;
use crate::identity::web::Begun;

const NAME: &str = "__Host-gatehouse";
const FACTS: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

/// The cookie's secret. Where there are two of that name, which a browser never sends, there is none.
pub fn read(headers: &HeaderMap) -> Option<Secret> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut own = pairs.filter(|(name, _)| *name == NAME).map(|(_, value)| value);
    let value = own.next().filter(|value| value.len() <= LONGEST)?;
    own.next().is_none().then(|| Secret::new(value))
}

/// Signs the browser in. The cookie ends with the browser, and its session by the appliance's own limits.
pub fn set(response: &mut Response, begun: &Begun) {
    put(response, &format!("{NAME}={}; {FACTS}", begun.cookie.expose()));
}

/// Signs the browser out.
pub fn clear(response: &mut Response) {
    put(response, &format!("{NAME}=; {FACTS}; Max-Age=0"));
}

fn put(response: &mut Response, text: &str) {
    if let Ok(mut value) = HeaderValue::from_str(text) {
        value.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_cookie_is_found_among_others_and_never_twice() {
        let read = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, line.parse().unwrap());
            }
            read(&headers).map(|secret| secret.expose().to_owned())
        };
        assert_eq!(read(&["a=b; __Host-gatehouse=ghs_x; c=d"]).as_deref(), Some("ghs_x"));
        assert_eq!(read(&["a=b", "__Host-gatehouse=ghs_x"]).as_deref(), Some("ghs_x"));
        assert_eq!(read(&["gatehouse=ghs_x; x__Host-gatehouse=ghs_y"]), None);
        assert_eq!(read(&["__Host-gatehouse=ghs_x; __Host-gatehouse=ghs_y"]), None);
        assert_eq!(read(&[&format!("__Host-gatehouse={}", "x".repeat(201))]), None);
    }
}
