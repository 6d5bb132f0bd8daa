//! What humans look at and sign. Each signs with their own hand, and mostly what they were shown; a broken or hostile
//! client makes them sign something else.

use gatehold_core::decide::Opened;
use gatehold_core::delegation::Lending;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, RequestId};
use gatehold_core::request::State;
use gatehold_core::review::{
    Answers, REVIEW_TYPE, ReviewAct, ReviewContext, ReviewerRef, UnverifiedReview,
};
use gatehold_core::view::View;

use super::oracle::Signed;
use super::process::Loaded;
use super::shelf::Screen;
use super::work::{Call, Intent};
use super::{OnScreen, Simulator};

/// Screens that people keep open.
const SCREENS_MAX: usize = 24;

impl Simulator {
    /// Somebody wants to look at a held request.
    pub(super) fn open(&mut self) -> Option<Intent> {
        let request = self.some_request(|request| request.state == State::Held)?;
        let at = self.seed.index(self.people.len());
        let person = self.people.get(at)?;
        let key = self.seed.index(person.keys.len());
        Some(Intent::Open {
            human: person.id.clone(),
            key: person.keys.get(key)?.thumbprint,
            request,
        })
    }

    pub(super) fn open_by(&mut self, at: usize, request: RequestId) {
        let person = self.people.get(at);
        let key =
            person.and_then(|person| Some((person.id.clone(), person.keys.first()?.thumbprint)));
        if let Some((human, key)) = key {
            self.ask(
                0,
                Intent::Open {
                    human,
                    key,
                    request,
                },
            );
        }
    }

    /// The gate shows a request: draws a nonce, stores the view, and hands out what is to be signed.
    pub(super) fn show(&mut self, process: usize, human: &HumanId, key: &Hash, loaded: &Loaded) {
        let Some(record) = loaded.request() else {
            return;
        };
        let Some(held) = record.held.clone().filter(|_| record.state == State::Held) else {
            return;
        };
        let now = (self.processes.get(process)).map(|process| process.now(&self.shelf));
        let moment = loaded
            .world(&self.settings)
            .moment(record, now.unwrap_or(record.submitted_at));
        let lending = Lending::new(
            loaded.directory(),
            &held.requirement,
            &record.requester,
            moment,
        );
        let Some(authority) = lending.authority(human, key) else {
            return;
        };
        let view = format!(
            "{}\n{}\n{:?}",
            record.claims_head, record.id, held.decide_by
        )
        .into_bytes();
        let view_hash = View::hash_of(&view);
        let nonce = self.seed.text();
        let context = ReviewContext {
            type_: REVIEW_TYPE.to_owned(),
            gate: loaded.directory().origin.clone(),
            request: record.id,
            request_hash: record.request_hash,
            digest: record.digest,
            display_hash: record.display_hash,
            view_hash,
            requirement_hash: held.requirement_hash,
            policy: loaded.directory().bundle,
            act: ReviewAct::Approve,
            limits: record.limits.clone(),
            answers_hash: Hash::of(b""),
            reasoned: false,
            reviewer: ReviewerRef {
                issuer: human.issuer().to_owned(),
                subject: human.subject().to_owned(),
                key: *key,
                authority_hash: self.oracle.shows(&authority),
            },
            review_nonce: nonce.clone(),
            issued_at: now.unwrap_or(record.submitted_at),
            decide_by: held.decide_by,
            spend_by: record.spend_by,
        };
        let opened = Opened {
            review_nonce: nonce.clone(),
            view_hash,
            claims_head: record.claims_head,
            view,
        };
        let request = record.id;
        self.shelf.put_screen(Screen {
            request,
            human: human.clone(),
            opened,
        });
        self.oracle.drawn.insert(nonce, (request, human.clone()));
        if self.on_screen.len() >= SCREENS_MAX {
            self.on_screen.pop_front();
        }
        let criteria = held.requirement.criteria();
        let criteria = criteria.iter().map(|criterion| criterion.id.clone());
        let fact = record.fact_challenge();
        self.on_screen.push_back(OnScreen {
            human: human.clone(),
            key: *key,
            criteria: criteria.collect(),
            fact: (fact.id, fact.answer),
            because: "looked at it".to_owned(),
            context,
        });
    }

    /// A human decides on something they have on the screen.
    pub(super) fn decide_something(&mut self, process: usize) {
        let count = self.on_screen.len();
        // Mostly what was opened last, sometimes what was left open long ago.
        let at = if self.seed.per_mille(700) {
            count.saturating_sub(1 + self.seed.index(count.min(4)))
        } else {
            self.seed.index(count)
        };
        let Some(screen) = self.on_screen.get(at).cloned() else {
            return;
        };
        if let Some(intent) = self.sign(&screen) {
            self.ask(process, intent);
        }
    }

    /// Approves what was opened last, honestly.
    pub(super) fn approve_last(&mut self) {
        if let Some(screen) = self.on_screen.pop_back() {
            let answers = answers(&screen, "yes", "salt");
            let context = with_answers(screen.context.clone(), &answers);
            if let Some(review) = self.by_hand(&screen, &context) {
                let intent = delivered(&screen, review, answers);
                self.ask(0, intent);
            }
        }
    }

    fn sign(&mut self, screen: &OnScreen) -> Option<Intent> {
        let salt = self.seed.text();
        let given = if self.seed.per_mille(80) { "no" } else { "yes" };
        let mut answers = answers(screen, given, &salt);
        if self.seed.per_mille(40) {
            answers.criteria.clear();
        }
        if self.seed.per_mille(60) {
            self.reach("no-reason");
            let none = ["", " \n", "\u{200b}\u{3164}", "ok", "\u{1b}[2J"];
            let said = none.get(self.seed.index(none.len()));
            answers.justification = said.copied().unwrap_or_default().to_owned();
        }
        let mut context = with_answers(screen.context.clone(), &answers);
        if self.seed.per_mille(90) {
            context.act = ReviewAct::Deny;
        }
        match self.seed.below(10) {
            0 => context.limits.ttl_seconds /= 2,
            1 => drop(context.limits.caps.insert("rows".to_owned(), 7)),
            2 if self.seed.per_mille(400) => context.limits.ttl_seconds *= 2,
            _ => {}
        }
        let mut request = screen.context.request;
        let mut shown = context.review_nonce.clone();
        if self.seed.per_mille(150) {
            self.reach("misled-hand");
            self.mislead(&mut context, &mut answers, &mut request, &mut shown)?;
        }
        let review = self.by_hand(screen, &context)?;
        Some(Intent::Review {
            request,
            review,
            answers,
            screen: shown,
        })
    }

    /// Something between the human and the gate is not what it should be.
    fn mislead(
        &mut self,
        context: &mut ReviewContext,
        answers: &mut Answers,
        request: &mut RequestId,
        shown: &mut String,
    ) -> Option<()> {
        let other = self.some_request(|_| true)?;
        let other = self.oracle.requests.get(&other)?;
        let later = 3_600;
        match self.seed.below(17) {
            0 => *request = other.id,
            1 => context.digest = other.action.digest(),
            2 => context.display_hash = other.display_hash,
            3 => context.request_hash = other.request_hash,
            4 => context.view_hash = Hash::of(b"another view"),
            5 => context.requirement_hash = Hash::of(b"another requirement"),
            6 => context.gate = "another.gate".parse().ok()?,
            7 => context.type_ = "another/v1".to_owned(),
            8 => context.decide_by = context.decide_by.plus_seconds(later),
            9 => context.spend_by = context.spend_by.plus_seconds(later),
            10 => context.policy = Hash::of(b"another bundle"),
            11 => context.review_nonce = self.seed.text(),
            12 => "of somebody else".clone_into(&mut answers.justification),
            13 => context.reviewer.authority_hash = Hash::of(b"another authority"),
            14 => {
                let at = self.seed.index(self.on_screen.len());
                let other = &self.on_screen.get(at)?.context.reviewer;
                context.reviewer.authority_hash = other.authority_hash;
            }
            15 => context.reasoned = !context.reasoned,
            _ => {
                let at = self.seed.index(self.on_screen.len());
                shown.clone_from(&self.on_screen.get(at)?.context.review_nonce);
            }
        }
        Some(())
    }

    /// The human's own hand: what it signs is theirs, and the oracle knows.
    fn by_hand(&mut self, screen: &OnScreen, context: &ReviewContext) -> Option<UnverifiedReview> {
        let mut people = self.people.iter();
        let person = people.find(|person| person.id == screen.human)?;
        let key = person
            .keys
            .iter()
            .find(|key| key.thumbprint == screen.key)?;
        let bytes = context.to_bytes().ok()?;
        let signature = key.sign(REVIEW_TYPE, &bytes);
        let review = UnverifiedReview::new(String::from_utf8(bytes).ok()?, signature);
        self.oracle.signed.push(Signed {
            human: screen.human.clone(),
            key: screen.key,
            by_passkey: key.is_passkey(),
            text: review.context.clone(),
            context: context.clone(),
            given: self.oracle.shown(context),
        });
        Some(review)
    }

    pub(super) fn redeem_change(&mut self, request: RequestId) {
        let key = self
            .oracle
            .requests
            .get(&request)
            .map(|request| request.key);
        if let Some(key) = key {
            let call = Call {
                key,
                nonce: self.seed.text(),
                created: self.shelf.now(),
            };
            self.ask(0, Intent::Redeem { call, request });
        }
    }
}

pub(super) fn answers(screen: &OnScreen, given: &str, salt: &str) -> Answers {
    let criteria = screen.criteria.iter();
    let criteria = criteria.map(|id| (id.clone(), given.to_owned()));
    let fact = screen.fact.clone();
    Answers {
        criteria: criteria.chain([fact]).collect(),
        justification: screen.because.clone(),
        salt: salt.to_owned(),
    }
}

pub(super) fn with_answers(context: ReviewContext, answers: &Answers) -> ReviewContext {
    ReviewContext {
        answers_hash: answers.hash().unwrap_or(context.answers_hash),
        reasoned: answers.say_why(),
        ..context
    }
}

fn delivered(screen: &OnScreen, review: UnverifiedReview, answers: Answers) -> Intent {
    Intent::Review {
        request: screen.context.request,
        review,
        answers,
        screen: screen.context.review_nonce.clone(),
    }
}
