//! An HTTPS server with a certificate of the test's choosing.

use std::time::Duration;

use axum::Router;
use gatehouse::platform::{Clock as _, SystemClock};
use gatehouse::tls::{Certificates, Root, ServerConfigs};
use gatehouse::web::Peer;
use tokio::net::TcpListener;

const PEER: Peer = Peer(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

/// It serves until it is dropped.
pub struct Site {
    pub port: u16,
    serving: tokio::task::JoinHandle<()>,
}

impl Site {
    /// Serves `router` on the loopback address, with a certificate by `root` for these names.
    pub async fn start(root: &Root, names: &[&str], router: Router) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let clock = SystemClock::new();
        let leaf = root.issue(&names, Duration::from_secs(3600), clock.now()).unwrap();
        let tls = ServerConfigs::new(&Certificates::showing(leaf)).unwrap().https;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            // Browsers open more connections than they use.
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, router, clock) = (tls.clone(), router.clone(), clock.clone());
                tokio::spawn(gatehouse::web::serve(stream, PEER, tls, router, clock, std::future::pending()));
            }
        });
        Self { port, serving }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
