//! Breaking the glass, and looking at it afterwards. Everything is read as for a redemption, and the leaves up to their end: how
//! often it was done, and what nobody has looked at, stands there and nowhere else.

use gatehold_core::commit::UniqueKey;
use gatehold_core::decide::{
    BreakGlassNow, Command, LookAfterwards, Record, Release, decide, glass_key, glass_overdue,
    glass_overdue_key, look_afterwards, post_review_key,
};
use gatehold_core::glass::{Opening, VerifiedPostReview};
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::RequestRecord;
use gatehold_core::review::Answers;
use gatehold_core::time::Timestamp;

use crate::caps::kept_or_refused;
use crate::chain::opened;
use crate::drive::{Committed, TRIES};
use crate::error::GateError;
use crate::gate::Gate;
use crate::question::{Given, When};

/// Where the glass was broken, as people read it.
#[derive(Debug, Clone)]
pub struct OpeningShown {
    /// By its leaf.
    pub opening: Opening,
    /// What was asked for, in the descriptor's words.
    pub sentence: String,
    /// Why, in the words of those who signed; nothing where they are erased.
    pub why: Option<String>,
}

impl Gate {
    /// Lets a held request go on by what two people signed with offline keys.
    ///
    /// # Errors
    /// When a checkpoint does not offer it, what was signed does not verify, it is too early, or it was done too often.
    pub async fn break_glass(
        &self,
        request: RequestId,
        opening: BreakGlassNow,
    ) -> Result<RequestRecord, GateError> {
        self.journal_first().await?;
        for _ in 0..TRIES {
            self.read_on().await?;
            if let Some(record) = self.try_break_glass(request, &opening).await? {
                self.read_on().await?;
                return Ok(record);
            }
            let once = UniqueKey(glass_key(&opening.glass.id()));
            if self.store().unique(&once).await?.is_some() {
                return Err(Refusal::Replayed.into());
            }
        }
        Err(self.overtaken().await)
    }

    /// One try; nothing when the world changed under it.
    async fn try_break_glass(
        &self,
        request: RequestId,
        opening: &BreakGlassNow,
    ) -> Result<Option<RequestRecord>, GateError> {
        let stored = self.request(request).await?;
        let record = &stored.record;
        let submission = self.submission(&stored).await?;
        let action = Self::action(record, &submission)?;
        let loaded = self.load_for(&record.requester, &record.envelope).await?;
        // A cap that its target does not keep bounds nothing.
        if let Ok(statement) = opening.glass.read() {
            let kept = self.caps_kept_at(record, &loaded.active);
            kept_or_refused(statement.limits.caps.keys(), &kept)?;
        }
        let given = Given {
            own: Some(record),
            claims: &Self::claims(&submission),
            when: When::Used,
        };
        let answered = self.ask(&action, &record.requester, &loaded, given).await?;
        let world = loaded.world(Some(&answered), self.settings());
        let about = Record::Request {
            record,
            version: stored.version,
            action: None,
            grant: None,
        };
        let fresh = self.fresh(loaded.now);
        let command = Command::BreakGlass(Box::new(opening.clone()));
        let (write, sealed) = decide(about, command, &world, &fresh, loaded.now)?;
        match self.commit(write, sealed).await? {
            Committed::Done(_, Release::Request(record)) => {
                tracing::warn!(request = %record.id, "the glass was broken");
                Ok(Some(*record))
            }
            Committed::Done(..) => Err(GateError::damaged("a request was expected")),
            Committed::Again => Ok(None),
        }
    }

    /// Records that somebody who had no part in it has looked at it.
    ///
    /// # Errors
    /// When it does not verify, or they are not among those who look at it.
    pub async fn look_afterwards(&self, look: LookAfterwards) -> Result<Opening, GateError> {
        self.journal_first().await?;
        for _ in 0..TRIES {
            let active = self.read_on().await?;
            let loaded = self.load("", None, None).await?;
            let world = loaded.world(None, self.settings());
            let fresh = self.fresh(loaded.now);
            let write = look_afterwards(&look, &world, &fresh, loaded.now)?;
            let done = self.commit_plain(write).await?.is_some();
            let verified = VerifiedPostReview::verify(&look.review, &active.directory)
                .map_err(Refusal::PostReview)?;
            let said = verified.statement();
            let openings = self.openings().await?;
            let own = |one: &Opening| one.request == said.request && one.glass == said.glass;
            let opening = openings.into_iter().find(own);
            let opening = opening.ok_or(Refusal::NoSuchRequest)?;
            if done {
                return Ok(opening);
            }
            let once = UniqueKey(post_review_key(&opening, &said.human));
            if self.store().unique(&once).await?.is_some() {
                return Err(Refusal::Replayed.into());
            }
        }
        Err(self.overtaken().await)
    }

    /// Tells everybody, once a day, of what too few people have looked at in time; gives of how many. Any process does it, and the
    /// first one has.
    pub(crate) async fn tell_overdue(&self, now: Timestamp) -> Result<u64, GateError> {
        let active = self.current().await?;
        let all = active.restraints.openings().open();
        let overdue: Vec<Opening> = all.filter(|one| one.is_overdue(now)).cloned().collect();
        let mut told = 0;
        for opening in overdue {
            let once = UniqueKey(glass_overdue_key(&opening, now));
            if self.store().unique(&once).await?.is_some() {
                continue;
            }
            // Somebody may have looked at it since.
            self.read_on().await?;
            let loaded = self.load("", None, None).await?;
            let world = loaded.world(None, self.settings());
            let fresh = self.fresh(loaded.now);
            let of = (opening.request, opening.glass);
            let Ok(write) = glass_overdue(of, &world, &fresh, loaded.now) else {
                continue;
            };
            if self.commit_plain(write).await?.is_some() {
                tracing::warn!(request = %opening.request, "nobody has looked in time at what break-glass let out");
                told += 1;
            }
        }
        Ok(told)
    }

    /// Where the glass was broken lately, and what nobody has looked at yet.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn openings(&self) -> Result<Vec<Opening>, GateError> {
        let active = self.read_on().await?;
        Ok(active.restraints.openings().iter().cloned().collect())
    }

    /// The same with what was asked for and why, as far as it can be read: for people, and nothing follows from it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn openings_shown(&self) -> Result<Vec<OpeningShown>, GateError> {
        let mut shown = Vec::new();
        for opening in self.openings().await? {
            let sentence = match self.request(opening.request).await {
                Ok(stored) => stored.record.sentence,
                Err(GateError::Damaged(_)) => opening.request.to_string(),
                Err(error) => return Err(error),
            };
            let why = match self.why_opened(&opening).await {
                Ok(why) => why,
                Err(GateError::Damaged(_)) => None,
                Err(error) => return Err(error),
            };
            shown.push(OpeningShown {
                opening,
                sentence,
                why,
            });
        }
        Ok(shown)
    }

    /// The words of those who signed, from the leaf that tells of the opening.
    // INVARIANT(leaf-opens): read only after they were hashed into it.
    async fn why_opened(&self, opening: &Opening) -> Result<Option<String>, GateError> {
        let key = UniqueKey(glass_key(&opening.glass));
        let Some(index) = self.store().unique(&key).await? else {
            return Ok(None);
        };
        let found = self.store().leaves(index, 1, true).await?;
        let Some(leaf) = found.into_iter().find(|leaf| leaf.index == index) else {
            return Ok(None);
        };
        let answers = opened(&leaf, "answers")?;
        let answers: Answers =
            canonical::from_canonical_bytes(answers).map_err(GateError::damaged)?;
        Ok(Some(answers.justification))
    }

    /// Reads on to the end of the leaves where a request was opened so: whether a leaf says that, is asked before it is used.
    pub(crate) async fn read_on_behind_glass(
        &self,
        record: &RequestRecord,
    ) -> Result<(), GateError> {
        if record.glass.is_some() {
            self.read_on().await?;
        }
        Ok(())
    }
}
