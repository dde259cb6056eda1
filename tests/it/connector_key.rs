//! What a refresh token is worth without the key of the machine that it was given to (RFC 9449): nothing.

use std::sync::Arc;

use gatehouse::connector::oauth::{OAuth, OAuthError, ProofKey, Tokens};

use crate::support::connector::Bench;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_counts_on_the_machine_that_has_its_key_and_nowhere_else() {
    let bench = Bench::start().await;
    let known = bench.known().await;
    let client = bench.client(&known);
    let oauth = OAuth::discover(client.clone(), &known.oauth, Arc::clone(&bench.clock)).await.unwrap();
    let tokens = bench.sign_in(&known).await;

    let copied = Tokens { key: ProofKey::generate().unwrap(), ..tokens.clone() };
    let refused = oauth.refresh(&copied).await.unwrap_err();
    assert!(matches!(&refused, OAuthError::Refused(code) if code == "invalid_grant"), "{refused:?}");
    let without = |proof| {
        let (client, refresh) = (client.clone(), tokens.refresh.clone());
        async move {
            let fields = [
                ("grant_type", "refresh_token"),
                ("client_id", "gatehouse-connect"),
                ("refresh_token", refresh.expose()),
            ];
            let reply = client.post("/oauth/token", &fields, proof).await.unwrap();
            let document: serde_json::Value = serde_json::from_str(reply.body.expose()).unwrap();
            (reply.status.as_u16(), document["error"].as_str().unwrap().to_owned())
        }
    };
    assert_eq!(without(None).await, (400, "invalid_grant".to_owned()));
    assert_eq!(without(Some("no.proof.here")).await, (400, "invalid_dpop_proof".to_owned()));

    // Whoever has both goes on, as if nobody had tried.
    let next = oauth.refresh(&tokens).await.unwrap();
    assert!(next.key == tokens.key && next.refresh != tokens.refresh);
    oauth.refresh(&next).await.unwrap();
}
