//! Device flows (RFC 8628): begun by a program, decided by a person, asked after by the program. No I/O, no clock.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use super::codes::Consent;
use crate::domain::Scopes;
use crate::domain::network::origin;
use crate::identity::records::SecretHash;

/// The flows of this quarter of an hour, by the keyed hash of their device code.
#[derive(Debug, Default)]
pub(super) struct Flows {
    flows: HashMap<SecretHash, Flow>,
}

/// A flow.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    /// The program.
    pub(super) client: String,
    /// What it asks for.
    pub(super) scopes: Scopes,
    /// From where it asks: shown to the person, who knows whether it is theirs.
    pub(super) peer: IpAddr,
    /// What it calls itself.
    pub(super) agent: String,
    user_code: SecretHash,
    ends: Duration,
    interval: Duration,
    asked: Option<Duration>,
    answer: Option<Answer>,
}

/// What the person said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Yes.
    Yes(Consent),
    /// No.
    No,
}

/// What a program is told that asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing yet.
    Pending,
    /// It asks too often.
    SlowDown,
    /// The person said no; the flow is over.
    Denied,
    /// Its time is over.
    Expired,
    /// There is no such flow, or it is another program's.
    Unknown,
    /// The person said yes; the flow is over.
    Granted(Consent),
}

impl Flows {
    /// Begins a flow, unless there are too many, or too many from there; or the user code is taken.
    pub(super) fn begin(
        &mut self,
        device_code: SecretHash,
        user_code: SecretHash,
        (client, scopes): (String, Scopes),
        (peer, agent): (IpAddr, String),
        now: Duration,
    ) -> bool {
        // Those that are over are told so for a while, and then forgotten.
        self.flows.retain(|_, flow| now < flow.ends.saturating_add(LIFE));
        let from_there = self.flows.values().filter(|flow| origin(flow.peer) == origin(peer) && now < flow.ends);
        let taken = self.flows.values().any(|flow| flow.user_code == user_code);
        if taken || self.flows.len() >= MOST || from_there.count() >= MOST_FROM_ONE {
            return false;
        }
        let (ends, interval) = (now.saturating_add(LIFE), INTERVAL);
        let flow = Flow { client, scopes, peer, agent, user_code, ends, interval, asked: None, answer: None };
        self.flows.insert(device_code, flow);
        true
    }

    /// The flow of a user code that nobody has answered yet.
    pub(super) fn open(&self, user_code: SecretHash, now: Duration) -> Option<Flow> {
        let is_it = |flow: &&Flow| flow.user_code == user_code && flow.answer.is_none() && now < flow.ends;
        self.flows.values().find(is_it).cloned()
    }

    /// Takes the person's answer; only the first one.
    pub(super) fn answer(&mut self, user_code: SecretHash, answer: Answer, now: Duration) -> bool {
        let is_it = |flow: &&mut Flow| flow.user_code == user_code && flow.answer.is_none() && now < flow.ends;
        match self.flows.values_mut().find(is_it) {
            None => false,
            Some(flow) => {
                flow.answer = Some(answer);
                true
            }
        }
    }

    /// Tells a program that asks. What is granted is told once.
    pub(super) fn ask(&mut self, device_code: SecretHash, client: &str, now: Duration) -> Told {
        let Some(flow) = self.flows.get_mut(&device_code).filter(|flow| flow.client == client) else {
            return Told::Unknown;
        };
        if now >= flow.ends {
            return Told::Expired;
        }
        let too_soon = flow.asked.is_some_and(|asked| now.saturating_sub(asked) < flow.interval);
        flow.asked = Some(now);
        if too_soon {
            flow.interval = flow.interval.saturating_add(STEP);
            return Told::SlowDown;
        }
        let Some(answer) = flow.answer.take() else { return Told::Pending };
        self.flows.remove(&device_code);
        match answer {
            Answer::Yes(consent) => Told::Granted(consent),
            Answer::No => Told::Denied,
        }
    }
}

/// How long a person may take.
pub(super) const LIFE: Duration = Duration::from_secs(15 * 60);
/// How long a program waits between two questions.
pub(super) const INTERVAL: Duration = Duration::from_secs(5);
/// How much longer after one that came too soon.
const STEP: Duration = Duration::from_secs(5);
const MOST: usize = 2048;
const MOST_FROM_ONE: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{AccountId, ProgramId, WebSessionId};

    fn consent() -> Consent {
        Consent {
            account: AccountId::random(),
            generation: 1,
            session: WebSessionId::random(),
            client: "c".into(),
            scopes: Scopes::sql(),
            program: ProgramId::random(),
        }
    }

    fn begin(flows: &mut Flows, n: u8, peer: [u8; 4], now: Duration) -> bool {
        let (device, user) = (SecretHash([n; 32]), SecretHash([n ^ 0x80; 32]));
        flows.begin(device, user, ("c".into(), Scopes::sql()), (peer.into(), String::new()), now)
    }

    proptest! {
        /// Whatever the order of questions and answers: granted once at most, only after a yes that came first, and in time.
        #[test]
        fn no_order_of_questions_and_answers_grants_a_flow_twice_or_without_a_yes(
            steps in prop::collection::vec((0u8..4, 0u64..40), 1..80)
        ) {
            let mut flows = Flows::default();
            let (device, user) = (SecretHash([1; 32]), SecretHash([0x81; 32]));
            let mut now = Duration::ZERO;
            prop_assert!(begin(&mut flows, 1, [192, 0, 2, 1], now));
            let (mut said, mut over): (Option<Answer>, bool) = (None, false);
            for (what, wait) in steps {
                now += Duration::from_secs(wait);
                match what {
                    0 | 1 => match flows.ask(device, "c", now) {
                        Told::Granted(consent) => {
                            prop_assert!(!over && now < LIFE);
                            prop_assert_eq!(said.clone(), Some(Answer::Yes(consent)));
                            over = true;
                        }
                        Told::Denied => {
                            prop_assert!(!over && said == Some(Answer::No));
                            over = true;
                        }
                        Told::Pending => prop_assert!(!over && said.is_none()),
                        Told::Expired => prop_assert!(now >= LIFE),
                        Told::SlowDown => prop_assert!(!over),
                        Told::Unknown => prop_assert!(over),
                    },
                    _ => {
                        let answer = if what == 2 { Answer::Yes(consent()) } else { Answer::No };
                        let first = flows.answer(user, answer.clone(), now);
                        prop_assert_eq!(first, said.is_none() && !over && now < LIFE);
                        said = if first { Some(answer) } else { said };
                    }
                }
                prop_assert_eq!(flows.ask(device, "another", now), Told::Unknown);
            }
        }
    }

    #[test]
    fn who_asks_too_often_is_told_so_and_waits_longer_each_time() {
        let mut flows = Flows::default();
        begin(&mut flows, 1, [192, 0, 2, 1], Duration::ZERO);
        let told: Vec<Told> =
            [5, 9, 18, 33, 53].map(|at| flows.ask(SecretHash([1; 32]), "c", Duration::from_secs(at))).into();
        assert_eq!(told, [Told::Pending, Told::SlowDown, Told::SlowDown, Told::Pending, Told::Pending]);
    }

    #[test]
    fn one_address_cannot_fill_the_room_and_none_can_beyond_its_bound() {
        let mut flows = Flows::default();
        let begun = (0..100).filter(|n| begin(&mut flows, *n, [192, 0, 2, 1], Duration::ZERO)).count();
        assert_eq!(begun, MOST_FROM_ONE);
        assert!(begin(&mut flows, 110, [192, 0, 2, 2], Duration::ZERO));
        assert!(!begin(&mut flows, 110, [192, 0, 2, 3], Duration::ZERO), "a user code is given once");
        assert!(begin(&mut flows, 111, [192, 0, 2, 1], LIFE), "those that are over make room");
    }
}
