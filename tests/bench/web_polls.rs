//! How long one request holds a thread of the runtime: the longest poll of its future, for every page and for what is sent most.
//!
//! What waits (for the store, for hashing) gives the thread back, and is not counted in: nobody else waits for it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::http::Method;
use gatehouse::audit::Actor;
use gatehouse::domain::{Name, Role};
use gatehouse::web::routes::{self, Route};

use crate::support::house::{House, PASSWORD};
use crate::support::pages::{Pages, Tab};

/// Prints the requests that hold a thread longest.
pub async fn measure(turns: usize) {
    let house = House::build_with(|config| config.sign_in.second_factor_optional_first_day = true);
    let pages = Pages::open(&house).await;
    let ada = house.account("ada", Role::Administrator).await;
    let (_, secret) =
        house.identity().add_device(&Actor::Console, Name::parse("bench").unwrap(), ada.id).await.unwrap();
    let mut asked = vec![];
    let program = pages.program(secret.expose());
    asked.push((
        "GET /api/v1/workstation/config, by a device".to_owned(),
        longest(turns, &program, "/api/v1/workstation/config", None).await,
    ));
    for password in [PASSWORD, "wrong pony battery"] {
        let form = [("next", "/"), ("name", "ada"), ("password", password)];
        let what = if password == PASSWORD { "right" } else { "wrong" };
        asked.push((
            format!("POST /sign-in, {what}"),
            longest(turns.min(4), &pages.browser(), "/sign-in", Some(&form)).await,
        ));
    }
    let tab = pages.signed_in(&house, "ada").await;
    for route in routes::all().iter().filter(|route| route.method == Method::GET && ends_nothing(route)) {
        let path = route.path.replace(['{', '}', '*'], "");
        asked.push((format!("GET {}", route.path), longest(turns, &tab, &path, None).await));
    }
    asked.sort_by_key(|(_, longest)| std::cmp::Reverse(*longest));
    println!("longest poll, median of {turns} requests, of {} kinds of requests; the longest five:", asked.len());
    for (what, longest) in asked.iter().take(5) {
        println!("  {:.2} ms  {what}", longest.as_secs_f64() * 1e3);
    }
}

/// A page that can be asked for again and again.
fn ends_nothing(route: &Route) -> bool {
    !route.path.contains("sign-out")
}

/// The longest poll of a request: the median of several, because others use this machine, too.
async fn longest(turns: usize, tab: &Tab, path: &str, form: Option<&[(&str, &str)]>) -> Duration {
    let mut all = Vec::with_capacity(turns);
    for _ in 0..turns {
        let mut tab = tab.clone();
        let asking = async {
            match form {
                Some(form) => tab.post(path, form).await,
                None => tab.get(path).await,
            }
        };
        all.push(Watched { inner: pin!(asking), longest: Duration::ZERO }.await);
    }
    all.sort();
    all[all.len() / 2]
}

/// A future whose polls are timed; it ends with the longest.
struct Watched<'a, F> {
    inner: Pin<&'a mut F>,
    longest: Duration,
}

impl<F: Future> Future for Watched<'_, F> {
    type Output = Duration;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Duration> {
        let began = Instant::now();
        let polled = self.inner.as_mut().poll(context);
        self.longest = self.longest.max(began.elapsed());
        polled.map(|_| self.longest)
    }
}
