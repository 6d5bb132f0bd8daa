//! Looking at requests without opening them: what a page shows of a request that is held, and what became of those that are
//! not. It reads and writes nothing, draws no nonce, and tells nobody of another person's review.

use std::collections::BTreeSet;

use gatehold_core::checkpoint::Requirement;
use gatehold_core::commit::Table;
use gatehold_core::decide::{Claims, Rendered};
use gatehold_core::delegation::Lending;
use gatehold_core::guard;
use gatehold_core::ids::{HumanId, RequestId, TeamId};
use gatehold_core::json::canonical;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::{HeldAt, RequestRecord, State};
use gatehold_core::signer::Signer;
use gatehold_core::time::Timestamp;
use gatehold_core::view::View;

use crate::browser::Visitor;
use crate::changed;
use crate::corrections::Corrected;
use crate::error::GateError;
use crate::gate::Gate;
use crate::history::History;
use crate::humans::signed;
use crate::load::Loaded;
use crate::ports::store::{RowQuery, StoredLeaf};
use crate::question::{Given, When};
use crate::redeem::blind;
use crate::stored::{StoredRequest, attachment, body};
use crate::submit::digest_words;
use crate::who_stopped::{StoppedNow, WhoStopped};

/// Rows read for one page of what is decided.
const READ_AT_ONCE: u32 = 1_000;
/// Lines of one such page.
const LINES: usize = 50;

/// What one person may do about a request that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// They may decide.
    Decide,
    /// They have signed; it waits for others, or for nobody.
    Signed,
    /// It is their own request, by the requester set.
    Own,
    /// No checkpoint asks them.
    Nothing,
    /// A checkpoint asks a team of theirs of which whoever vouched for their session does not say that they are in it.
    Narrowed,
}

/// A request as a page shows it.
#[derive(Debug, Clone)]
pub struct Looked {
    /// The request. While it is held reviews are withheld.
    pub record: RequestRecord,
    /// The stored rendering; nothing once it was erased.
    pub display: Option<Vec<u8>>,
    /// The four digest words.
    pub words: [String; 4],
    /// Everything else that is shown while it is held: made now, as it would be when it is opened.
    pub view: Option<View>,
    /// Why there is no view although it is held.
    pub no_view: Option<Refusal>,
    /// What stops it now, or whoever asks it, while it is held: nothing of it is let out then.
    pub stopped: Option<StoppedNow>,
    /// What the requester said: untrusted. Nothing once it was erased.
    pub claims: Option<Claims>,
    /// What whoever looks may do.
    pub may: May,
    /// What became of it; nothing while it is held.
    pub history: History,
    /// With what whoever looks must sign, so that it counts at every checkpoint that admits them.
    pub signer: Signer,
    /// What people said was recorded wrong, once it is decided.
    pub corrections: Vec<Corrected>,
    /// The leaf of its submission.
    pub first_leaf: u64,
    /// The latest leaf about it, once it is decided: before, its number tells of reviews.
    pub last_leaf: Option<u64>,
    /// The store's time.
    pub now: Timestamp,
}

/// A page of what is decided, newest first.
#[derive(Debug, Clone)]
pub struct DecidedPage {
    /// The lines.
    pub items: Vec<RequestRecord>,
    /// How many more policy alone decided between them.
    pub by_policy_alone: u64,
    /// Where the next page begins.
    pub older: Option<u64>,
}

impl Gate {
    /// A request, for somebody who is enrolled. Nothing is opened by it.
    ///
    /// # Errors
    /// When there is no such request, or what is stored of it does not follow from the ledger.
    pub async fn look(&self, human: &HumanId, id: RequestId) -> Result<Looked, GateError> {
        self.look_without(human, &BTreeSet::new(), id).await
    }

    /// The same through a session, which may have fewer seats than its person.
    ///
    /// # Errors
    /// As [`Gate::look`].
    pub async fn look_through(
        &self,
        visitor: &Visitor,
        id: RequestId,
    ) -> Result<Looked, GateError> {
        self.look_without(&visitor.human, &visitor.without, id)
            .await
    }

    /// Refuses whoever has fewer seats through this session than their person has, and would act on this request through it,
    /// whatever their key could sign elsewhere.
    ///
    /// # Errors
    /// [`Refusal::NotYours`], or when there is no such request.
    pub async fn seated(&self, visitor: &Visitor, id: RequestId) -> Result<(), GateError> {
        let stored = self.request(id).await?;
        let active = self.current().await?;
        let (record, directory) = (&stored.record, &active.directory);
        let (human, without) = (&visitor.human, &visitor.without);
        let teams = directory.teams_of(human);
        let moment = self.moment_of(record, directory).await?;
        let narrowed = record.held.as_ref().is_some_and(|held| {
            let lending = Lending::new(directory, &held.requirement, &record.requester, moment);
            may(record, held, &lending, (human, &teams, without)) == May::Narrowed
        });
        if guard!("session-seat", narrowed) {
            return Err(Refusal::NotYours("no seat through this session").into());
        }
        Ok(())
    }

    async fn look_without(
        &self,
        human: &HumanId,
        without: &BTreeSet<TeamId>,
        id: RequestId,
    ) -> Result<Looked, GateError> {
        let stored = self.request(id).await?;
        let active = self.current().await?;
        let now = self.store().now().await?;
        let submission = self.submission(&stored).await?;
        let record = &stored.record;
        // The clock has not come by yet: whoever looks is told what they would be told a second later, when they sign.
        let late = record.deadline().is_some_and(|deadline| deadline < now);
        let mut stopped = None;
        let mut signer = Signer::Any;
        let (view, no_view, may) = match &record.held {
            Some(_) if record.state == State::Held && late => {
                let why = Refusal::TooLate("the time to decide");
                (None, Some(why), May::Nothing)
            }
            Some(held) if record.state == State::Held => {
                let directory = &active.directory;
                let teams = directory.teams_of(human);
                let moment = self.moment_of(record, directory).await?;
                let lending = Lending::new(directory, &held.requirement, &record.requester, moment);
                let may = may(record, held, &lending, (human, &teams, without));
                let loaded = self.load_for(&record.requester, &record.envelope).await?;
                let who = WhoStopped::of(&self.active().restraints);
                let code = changed::stopped(record, &loaded);
                stopped = code.map(|code| who.of_request(record, code));
                signer = signs_with(held, &lending, human, &teams);
                match self.view_now(&stored, held, &submission, &loaded).await {
                    Ok(view) => (Some(view), None, may),
                    Err(GateError::Refused(why)) => (None, Some(why), may),
                    Err(error) => return Err(error),
                }
            }
            _ => (None, None, May::Nothing),
        };
        let display = shown(record, &submission)?;
        let claims = claimed(record, &submission)?;
        let (history, corrections) = if record.state == State::Held {
            (History::default(), Vec::new())
        } else {
            let history = self.history(&stored, &submission).await?;
            (history, self.corrections(id).await?)
        };
        let held = guard!("look-blind-leaf", record.state == State::Held);
        let last_leaf = (!held).then_some(stored.last_leaf);
        Ok(Looked {
            signer,
            corrections,
            first_leaf: stored.first_leaf,
            last_leaf,
            display,
            words: digest_words(record),
            view,
            no_view,
            stopped,
            claims,
            may,
            history,
            now,
            record: blind(self.lapsed(stored.record).await?),
        })
    }

    async fn view_now(
        &self,
        stored: &StoredRequest,
        held: &HeldAt,
        submission: &StoredLeaf,
        loaded: &Loaded,
    ) -> Result<View, GateError> {
        let record = &stored.record;
        let action = Self::action(record, submission)?;
        let claims = Self::claims(submission);
        let given = Given {
            own: Some(record),
            claims: &claims,
            when: When::LookedAt,
        };
        let answered = self.ask(&action, &record.requester, loaded, given).await?;
        self.build_view(record, held, loaded, &answered, &action, &claims)
            .await
    }

    /// What is decided, newest first: what people were asked about, and the rest counted, or everything.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn decided(
        &self,
        before: Option<u64>,
        everything: bool,
    ) -> Result<DecidedPage, GateError> {
        let query = RowQuery {
            newest_first: true,
            before_leaf: before,
            limit: READ_AT_ONCE,
            ..RowQuery::default()
        };
        let rows = self.store().rows(Table::Request, &query).await?;
        let whole = u32::try_from(rows.len()).unwrap_or(u32::MAX) < READ_AT_ONCE;
        let believed = self.believe_all(&rows).await?;
        let mut page = DecidedPage {
            items: Vec::new(),
            by_policy_alone: 0,
            older: rows.last().map(|row| row.first_leaf).filter(|_| !whole),
        };
        let mut last = None;
        for (row, believed) in rows.iter().zip(believed) {
            // Whatever one leaf created stays on one page, as the cursor names leaves.
            if page.items.len() >= LINES && last != Some(row.first_leaf) {
                page.older = last;
                break;
            }
            last = Some(row.first_leaf);
            if !believed {
                continue;
            }
            let record: RequestRecord = body(row)?;
            if record.state == State::Held {
                continue;
            }
            if everything || record.held.is_some() {
                page.items.push(record);
            } else {
                page.by_policy_alone = page.by_policy_alone.saturating_add(1);
            }
        }
        Ok(page)
    }

    /// The newest requests whose ids begin so, of those that a list would read, newest first. Of the held ones reviews are
    /// withheld.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn beginning_with(&self, id: &str) -> Result<Vec<RequestRecord>, GateError> {
        let newest = RowQuery {
            newest_first: true,
            limit: READ_AT_ONCE,
            ..RowQuery::default()
        };
        let held = RowQuery {
            states: vec![State::Held.name().to_owned()],
            limit: READ_AT_ONCE,
            ..RowQuery::default()
        };
        let mut rows = self.store().rows(Table::Request, &newest).await?;
        rows.extend(self.store().rows(Table::Request, &held).await?);
        rows.retain(|row| row.key.id.starts_with(id));
        rows.sort_by(|left, right| right.key.id.cmp(&left.key.id));
        rows.dedup_by(|left, right| left.key == right.key);
        rows.truncate(LINES);
        let believed = self.believe_all(&rows).await?;
        let believed = rows.iter().zip(believed).filter(|(_, believed)| *believed);
        believed.map(|(row, _)| Ok(blind(body(row)?))).collect()
    }

    pub(crate) async fn whole_leaf(&self, index: u64) -> Result<Option<StoredLeaf>, GateError> {
        let leaf = self
            .store()
            .leaves(index, 1, true)
            .await?
            .into_iter()
            .next();
        Ok(leaf.filter(|leaf| leaf.index == index))
    }
}

/// What this person may do about it now. Of reviews they learn of their own alone.
pub(crate) fn may(
    record: &RequestRecord,
    held: &HeldAt,
    lending: &Lending<'_>,
    (human, teams, without): (&HumanId, &BTreeSet<TeamId>, &BTreeSet<TeamId>),
) -> May {
    if record
        .requester
        .excluded(lending.directory())
        .contains(human)
    {
        return May::Own;
    }
    if !lending.entitles(human) {
        return May::Nothing;
    }
    // Before what they signed at a terminal: whoever has a seat through a session no longer does not act through it either.
    if guard!(
        "openid-narrowed",
        is_narrowed(&held.requirement, human, teams, without)
    ) {
        return May::Narrowed;
    }
    if signed(record, held, lending, human) {
        return May::Signed;
    }
    May::Decide
}

/// With what they sign, so that it counts at every checkpoint that admits them, by themselves or for somebody.
fn signs_with(
    held: &HeldAt,
    lending: &Lending<'_>,
    human: &HumanId,
    teams: &BTreeSet<TeamId>,
) -> Signer {
    let through = lending.through(human);
    held.requirement.signer(|checkpoint| {
        checkpoint.admits(human, teams) || through.iter().any(|one| one.admits(checkpoint))
    })
}

/// Whether one checkpoint would take their review for the sake of a team that was taken away alone. One is enough: a review
/// counts at every checkpoint its author may decide at.
fn is_narrowed(
    requirement: &Requirement,
    human: &HumanId,
    teams: &BTreeSet<TeamId>,
    without: &BTreeSet<TeamId>,
) -> bool {
    let left: BTreeSet<TeamId> = teams.difference(without).cloned().collect();
    let mut checkpoints = requirement.checkpoints();
    checkpoints
        .any(|(_, checkpoint)| checkpoint.admits(human, teams) && !checkpoint.admits(human, &left))
}

/// The stored rendering, compared with its hash; nothing once it was erased.
fn shown(record: &RequestRecord, submission: &StoredLeaf) -> Result<Option<Vec<u8>>, GateError> {
    let display = match attachment(submission, "display") {
        Ok(display) => display.to_vec(),
        Err(GateError::Refused(Refusal::Erasure(_))) => return Ok(None),
        Err(error) => return Err(error),
    };
    let rendered = Rendered::new(display, false, false);
    if rendered.display_hash != record.display_hash {
        return Err(GateError::damaged(
            "the stored rendering of a request is not the one that was recorded",
        ));
    }
    Ok(Some(rendered.display))
}

/// What the requester said at first, compared with the root of its chain.
fn claimed(record: &RequestRecord, submission: &StoredLeaf) -> Result<Option<Claims>, GateError> {
    let bytes = match attachment(submission, "claims") {
        Ok(bytes) => bytes,
        Err(GateError::Refused(Refusal::Erasure(_))) => return Ok(None),
        Err(error) => return Err(error),
    };
    let claims: Claims = canonical::from_canonical_bytes(bytes).map_err(GateError::damaged)?;
    if claims.root() != record.claims_root {
        return Err(GateError::damaged(
            "the stored claims of a request are not those that were recorded",
        ));
    }
    Ok(Some(claims))
}
