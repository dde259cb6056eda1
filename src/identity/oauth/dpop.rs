//! Demonstrating proof of possession (DPoP, RFC 9449): a program makes a key on its device, which never leaves it, and signs for
//! each request for tokens. Its refresh tokens are bound to that key from then on: who copied one without it has nothing.
//!
//! Access tokens stay bearer tokens, as section 5 lets a server choose: they end within minutes, and the SQL login that they go
//! into has no place for a proof. Proofs may repeat: one lets nobody in without a code or refresh token, and those count once.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::error::OAuthError;
use crate::domain::Timestamp;

/// The one algorithm that is taken; the metadata say so.
pub const ALGORITHM: &str = "ES256";

/// A program's key, by its thumbprint (RFC 7638, with SHA-256).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thumbprint([u8; 32]);

/// The key of the `DPoP` header of a `POST` to `endpoint`: whoever sent it has that key (section 4.3).
pub fn verified(proof: &str, endpoint: &str, now: Timestamp) -> Result<Thumbprint, OAuthError> {
    let wrong = OAuthError::InvalidDpopProof;
    let (signed, signature) = proof.rsplit_once('.').ok_or(wrong("it is no JWT"))?;
    let (header, claims) = signed.split_once('.').ok_or(wrong("it is no JWT"))?;
    let header: Header = part(header)?;
    if header.typ != "dpop+jwt" || header.alg != ALGORITHM || header.crit.is_some() {
        return Err(wrong("it is another kind of JWT, or not signed with ES256"));
    }
    let point = header.jwk.point()?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| wrong("its signature is not base64url"))?;
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    key.verify(signed.as_bytes(), &signature).map_err(|_| wrong("its signature does not hold"))?;
    let claims: Claims = part(claims)?;
    if claims.jti.is_empty() || claims.htm != "POST" || place(&claims.htu) != place(endpoint) {
        return Err(wrong("it is for another request"));
    }
    let seconds = now.as_millis().div_euclid(1000);
    if claims.iat.as_i64().is_none_or(|made| made.abs_diff(seconds) > SKEW) {
        return Err(wrong("it is too old, or from the future: is the clock of this machine right?"));
    }
    Ok(header.jwk.thumbprint())
}

#[derive(Deserialize)]
struct Header {
    typ: String,
    alg: String,
    jwk: Key,
    /// What a reader has to understand; nothing is.
    #[serde(default)]
    crit: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Key {
    kty: String,
    crv: String,
    x: String,
    y: String,
    /// The private part, which nobody may send.
    #[serde(default)]
    d: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: serde_json::Number,
}

impl Key {
    /// As the uncompressed point (SEC 1, 2.3.3).
    fn point(&self) -> Result<[u8; 65], OAuthError> {
        let wrong = OAuthError::InvalidDpopProof;
        if self.kty != "EC" || self.crv != "P-256" || self.d.is_some() {
            return Err(wrong("its key is no public key of the curve P-256"));
        }
        let mut point = [4; 65];
        let (_, rest) = point.split_at_mut(1);
        for (place, text) in rest.chunks_exact_mut(32).zip([&self.x, &self.y]) {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == place.len());
            place.copy_from_slice(&bytes.ok_or(wrong("its key is no point"))?);
        }
        Ok(point)
    }

    /// Over the members in the order of the alphabet, without spaces (RFC 7638, 3). Both texts were decoded before.
    fn thumbprint(&self) -> Thumbprint {
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, self.x, self.y);
        let mut print = [0; 32];
        print.copy_from_slice(digest(&SHA256, canonical.as_bytes()).as_ref());
        Thumbprint(print)
    }
}

fn part<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, OAuthError> {
    let wrong = OAuthError::InvalidDpopProof;
    let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong("it is not base64url"))?;
    serde_json::from_slice(&json).map_err(|_| wrong("it lacks what it must have"))
}

/// Without query and fragment, which do not count (section 4.3, 9), the host in lower case.
fn place(url: &str) -> String {
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = bare.split_once("://") else { return bare.to_owned() };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(":443").unwrap_or(&host);
    format!("{}://{host}{path}", scheme.to_ascii_lowercase())
}

/// By how many seconds a workstation's clock may be wrong.
const SKEW: u64 = 10 * 60;

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const PLACE: &str = "https://sql.corp.example/oauth/token";

    /// RFC 9449's own example (figure 2).
    const EXAMPLE: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
    /// Its key's thumbprint (section 6.1).
    const EXAMPLE_KEY: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

    fn now() -> Timestamp {
        Timestamp::from_millis(1_562_262_616_000)
    }

    struct Program(EcdsaKeyPair);

    impl Program {
        fn new() -> Self {
            Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
        }

        fn header(&self) -> Value {
            let point = self.0.public_key().as_ref();
            let [x, y] = [&point[1..33], &point[33..]].map(|half| URL_SAFE_NO_PAD.encode(half));
            json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": { "kty": "EC", "crv": "P-256", "x": x, "y": y } })
        }

        fn sign(&self, header: &Value, claims: &Value) -> String {
            let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
            let signature = self.0.sign(&SystemRandom::new(), format!("{header}.{claims}").as_bytes()).unwrap();
            format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode(signature))
        }
    }

    fn claims() -> Value {
        json!({ "jti": "x", "htm": "POST", "htu": PLACE, "iat": 1_562_262_616 })
    }

    #[test]
    fn the_rfcs_own_proof_is_taken_by_its_key() {
        let Thumbprint(print) = verified(EXAMPLE, "https://server.example.com/token", now()).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(print), EXAMPLE_KEY);
    }

    #[test]
    fn a_proof_is_of_one_key_one_place_and_about_now() {
        let program = Program::new();
        let key = verified(&program.sign(&program.header(), &claims()), PLACE, now()).unwrap();
        assert_ne!(verified(EXAMPLE, "https://server.example.com/token", now()).unwrap(), key);
        for (member, value) in [
            ("htu", json!("https://SQL.corp.example:443/oauth/token?x=1#y")),
            ("iat", json!(1_562_262_616 - 599)),
            ("iat", json!(1_562_262_616 + 599)),
        ] {
            let mut claims = claims();
            claims[member] = value;
            assert_eq!(verified(&program.sign(&program.header(), &claims), PLACE, now()).unwrap(), key, "{claims}");
        }
        for (member, value) in [
            ("jti", json!("")),
            ("jti", Value::Null),
            ("htm", json!("GET")),
            ("htu", json!("https://sql.corp.example/oauth/revoke")),
            ("htu", json!("https://evil.example/oauth/token")),
            ("htu", json!("http://sql.corp.example/oauth/token")),
            ("iat", json!(1_562_262_616 - 601)),
            ("iat", json!(1_562_262_616 + 601)),
            ("iat", json!("1562262616")),
        ] {
            let mut claims = claims();
            claims[member] = value;
            assert!(verified(&program.sign(&program.header(), &claims), PLACE, now()).is_err(), "{claims}");
        }
    }

    #[test]
    fn who_has_not_the_key_proves_nothing() {
        let (program, thief) = (Program::new(), Program::new());
        let theirs = program.header();
        assert!(verified(&thief.sign(&theirs, &claims()), PLACE, now()).is_err());
        for (member, value) in [
            ("/typ", json!("JWT")),
            ("/alg", json!("none")),
            ("/alg", json!("HS256")),
            ("/crit", json!(["exp"])),
            ("/jwk/kty", json!("oct")),
            ("/jwk/crv", json!("P-384")),
            ("/jwk/d", json!("AA")),
            ("/jwk/x", json!("AA")),
            ("/jwk/y", json!(URL_SAFE_NO_PAD.encode([7; 32]))),
        ] {
            let mut header = program.header();
            match header.pointer_mut(member) {
                Some(place) => *place = value,
                None if member == "/jwk/d" => header["jwk"]["d"] = value,
                None => header[member.trim_start_matches('/')] = value,
            }
            assert!(verified(&program.sign(&header, &claims()), PLACE, now()).is_err(), "{header}");
        }
        let whole = program.sign(&theirs, &claims());
        let bare = whole.rsplit_once('.').unwrap().0;
        for text in ["", ".", "..", "a.b.c", bare, &format!("{bare}."), &format!("{whole}.")] {
            assert!(verified(text, PLACE, now()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_sent_panics(text in "[A-Za-z0-9_.=-]{0,300}", at in 0usize..600, other in any::<char>()) {
            let _ = verified(&text, PLACE, now());
            let mut altered: Vec<char> = EXAMPLE.chars().collect();
            let at = at % altered.len();
            let same = altered[at] == other;
            altered[at] = other;
            let altered: String = altered.into_iter().collect();
            // The last digit of a signature may have bits that count for nothing.
            let lenient = at + 1 == EXAMPLE.len();
            let taken = verified(&altered, "https://server.example.com/token", now()).is_ok();
            prop_assert!(same || lenient || !taken);
        }
    }
}
