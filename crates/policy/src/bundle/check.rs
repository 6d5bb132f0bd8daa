//! From files to a sound bundle, or to every problem at once.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};
use gatehold_core::checkpoint::{Checkpoint, Criterion};
use gatehold_core::descriptor::Descriptor;
use gatehold_core::ids::{CheckpointName, DescriptorId};
use gatehold_core::json::ident::check_identifier;
use gatehold_core::strict_toml::{StrictTable, TomlProblem};
use gatehold_core::wording::FactChallenge;

use super::files::{FileKind, Files, stem, whole};
use super::rules::{self, Effect, Rule};
use super::{Bundle, BundleProblem, CriteriaTemplate, Definitions, Header};
use crate::golden::{self, Case};
use crate::{guard, schema};

pub(super) fn build(files: Files) -> Result<Bundle, Vec<BundleProblem>> {
    let mut problems = Problems(Vec::new());
    let header = problems.header(&files);
    let descriptors = problems.descriptors(&files);
    let checkpoints = problems.checkpoints(&files);
    let criteria = problems.criteria(&files);
    let rules = problems.rules(&files, &checkpoints);
    let cases = problems.cases(&files);
    problems.references(
        &files,
        &header,
        &descriptors,
        &checkpoints,
        &criteria,
        &cases,
    );
    problems.questions(&descriptors, &checkpoints, &criteria);
    problems.behind_glass(&descriptors, &checkpoints);

    let schema_text = schema::text(descriptors.values());
    let schema = match Schema::from_cedarschema_str(&schema_text) {
        Ok((schema, _)) => Some(schema),
        Err(error) => {
            problems.0.extend(whole(format!(
                "no schema can be made of these descriptors: {error}"
            )));
            None
        }
    };
    if let Some(schema) = &schema {
        problems.validate(schema, &rules);
    }
    let Problems(mut problems) = problems;
    problems.sort();
    match (header, schema) {
        (Some(header), Some(_)) if problems.is_empty() => Ok(Bundle {
            hash: files.hash(),
            files,
            header,
            rules,
            checkpoints,
            criteria,
            descriptors,
            cases,
            schema_text,
        }),
        _ => Err(problems),
    }
}

/// Kinds of action, checkpoints and criteria alone.
pub(super) fn definitions(files: &Files) -> Result<Definitions, Vec<BundleProblem>> {
    let mut problems = Problems(Vec::new());
    let read = Definitions {
        descriptors: problems.descriptors(files),
        checkpoints: problems.checkpoints(files),
        criteria: problems.criteria(files),
    };
    if problems.0.is_empty() {
        Ok(read)
    } else {
        Err(problems.0)
    }
}

struct Problems(Vec<BundleProblem>);

impl Problems {
    fn add(&mut self, file: &str, line: usize, problem: impl Into<String>) {
        self.0.push(BundleProblem {
            file: file.to_owned(),
            line,
            problem: problem.into(),
        });
    }

    fn toml(&mut self, file: &str, problems: Vec<TomlProblem>) {
        for TomlProblem { line, key, problem } in problems {
            let problem = if key.is_empty() {
                problem
            } else {
                format!("`{key}`: {problem}")
            };
            self.add(file, line, problem);
        }
    }

    /// Reads one file as one thing; its keys are taken by `read`.
    fn one<T>(
        &mut self,
        file: &str,
        text: &str,
        read: impl FnOnce(&mut StrictTable<'_>) -> Option<T>,
    ) -> Option<T> {
        let mut table = match StrictTable::parse(text) {
            Ok(table) => table,
            Err(problems) => {
                self.toml(file, problems);
                return None;
            }
        };
        let made = read(&mut table);
        let problems = table.finish();
        let sound = problems.is_empty();
        self.toml(file, problems);
        made.filter(|_| sound)
    }

    fn header(&mut self, files: &Files) -> Option<Header> {
        let Some((file, text)) = files.of(FileKind::Header).next() else {
            self.add("bundle.toml", 1, "the file is missing; it names the bundle");
            return None;
        };
        self.one(file, text, |table| {
            let name = table.take("name");
            let version = table.take("version");
            let profile = table.take("profile");
            let owner = table.take("owner");
            let rationale = table.take("rationale");
            let routine = table.take("routine");
            let header = Header {
                name: name?,
                version: version?,
                profile: profile?,
                owner: owner?,
                rationale: rationale?,
                routine: routine?,
            };
            for (key, text) in [
                ("name", &header.name),
                ("profile", &header.profile),
                ("owner", &header.owner),
                ("rationale", &header.rationale),
            ] {
                if let Err(error) = check_identifier(text, 1_000) {
                    table.problem(key, error.to_string());
                }
            }
            Some(header)
        })
    }

    fn descriptors(&mut self, files: &Files) -> BTreeMap<DescriptorId, Descriptor> {
        let mut found = BTreeMap::new();
        for (file, text) in files.of(FileKind::Descriptor) {
            match Descriptor::parse(text) {
                Err(problems) => self.toml(file, problems),
                Ok(descriptor) => {
                    if descriptor.id.as_str() != stem(file) {
                        self.add(
                            file,
                            1,
                            format!("the file of `{}` is named for its id", descriptor.id),
                        );
                    }
                    found.insert(descriptor.id.clone(), descriptor);
                }
            }
        }
        found
    }

    fn checkpoints(&mut self, files: &Files) -> BTreeMap<CheckpointName, Checkpoint> {
        let mut found = BTreeMap::new();
        for (file, text) in files.of(FileKind::Checkpoint) {
            let Some(checkpoint) = self.one(file, text, checkpoint) else {
                continue;
            };
            if checkpoint.name.as_str() != stem(file) {
                self.add(
                    file,
                    1,
                    format!("the file of `{}` is named for it", checkpoint.name),
                );
            }
            for problem in checkpoint.check() {
                self.add(
                    file,
                    line_of(text, problem.member),
                    format!("`{}`: {}", problem.member, problem.problem),
                );
            }
            found.insert(checkpoint.name.clone(), checkpoint);
        }
        found
    }

    fn criteria(&mut self, files: &Files) -> BTreeMap<String, CriteriaTemplate> {
        let mut found = BTreeMap::new();
        for (file, text) in files.of(FileKind::Criteria) {
            let template = self.one(file, text, |table| {
                let id: Option<String> = table.take("id");
                let version = table.take("version");
                let owner = table.take("owner");
                let criteria = table.take_each("criteria");
                Some(CriteriaTemplate {
                    id: id?,
                    version: version?,
                    owner: owner?,
                    criteria,
                })
            });
            let Some(template) = template else { continue };
            if template.id != stem(file) {
                self.add(
                    file,
                    1,
                    format!("the file of `{}` is named for its id", template.id),
                );
            }
            if template.owner.trim().is_empty() || template.criteria.is_empty() {
                self.add(file, 1, "a template has an owner and at least one question");
            }
            let reserved = |one: &&Criterion| one.id.starts_with(FactChallenge::PREFIX);
            for criterion in template.criteria.iter().filter(reserved) {
                let problem = format!(
                    "`{}`: an id that begins with `{}` is of the question that is asked on red; choose another",
                    criterion.id,
                    FactChallenge::PREFIX
                );
                self.add(file, line_of(text, "criteria"), problem);
            }
            found.insert(template.id.clone(), template);
        }
        found
    }

    fn rules(
        &mut self,
        files: &Files,
        checkpoints: &BTreeMap<CheckpointName, Checkpoint>,
    ) -> Vec<Rule> {
        let mut rules: Vec<Rule> = Vec::new();
        let mut ids = BTreeSet::new();
        let told = self.0.len();
        for (file, text) in files.rules() {
            let (found, problems) = rules::parse(file, text);
            self.0.extend(problems);
            for rule in found {
                if !ids.insert(rule.id.clone()) {
                    self.add(
                        file,
                        rule.line,
                        format!("the id `{}` is taken by another rule", rule.id),
                    );
                }
                if let Effect::Hold(name) = &rule.effect
                    && !checkpoints.contains_key(name)
                {
                    self.add(
                        file,
                        rule.line,
                        format!("there is no checkpoint `{name}` in checkpoints/"),
                    );
                }
                for problem in guard::check(&rule) {
                    self.add(file, rule.line, format!("`{}`: {problem}", rule.id));
                }
                rules.push(rule);
            }
        }
        if rules.is_empty() && self.0.len() == told {
            self.add(
                "bundle",
                1,
                "there is no rule; without a permit everything is denied",
            );
        }
        rules
    }

    fn cases(&mut self, files: &Files) -> Vec<Case> {
        let mut cases = Vec::new();
        for (file, text) in files.of(FileKind::Cases) {
            match golden::parse(file, text) {
                Ok(found) => cases.extend(found),
                Err(problems) => self.toml(file, problems),
            }
        }
        cases
    }

    fn references(
        &mut self,
        files: &Files,
        header: &Option<Header>,
        descriptors: &BTreeMap<DescriptorId, Descriptor>,
        checkpoints: &BTreeMap<CheckpointName, Checkpoint>,
        criteria: &BTreeMap<String, CriteriaTemplate>,
        cases: &[Case],
    ) {
        for id in header.iter().flat_map(|header| &header.routine) {
            if !descriptors.contains_key(id) {
                self.add(
                    "bundle.toml",
                    1,
                    format!("`routine` names `{id}`, which has no descriptor"),
                );
            }
        }
        for (file, _) in files.of(FileKind::Descriptor) {
            let missing = descriptors
                .iter()
                .filter(|(id, _)| id.as_str() == stem(file))
                .flat_map(|(_, descriptor)| &descriptor.criteria)
                .filter(|template| !criteria.contains_key(*template));
            for template in missing {
                self.add(
                    file,
                    1,
                    format!("`criteria` names `{template}`, which is not in criteria/"),
                );
            }
        }
        for checkpoint in checkpoints.values() {
            let file = format!("checkpoints/{}.toml", checkpoint.name);
            for name in &checkpoint.requires {
                if !descriptors
                    .values()
                    .any(|descriptor| descriptor.offers(name))
                {
                    self.add(
                        &file,
                        1,
                        format!("`requires` names `{name}`, which no descriptor offers"),
                    );
                }
            }
        }
        for case in cases {
            if !descriptors.contains_key(&case.descriptor) {
                let problem = format!(
                    "`{}`: there is no descriptor `{}`",
                    case.name, case.descriptor
                );
                self.add(&case.file, 1, problem);
            }
            for name in case
                .expected
                .checkpoints()
                .filter(|name| !checkpoints.contains_key(*name))
            {
                self.add(
                    &case.file,
                    1,
                    format!("`{}`: there is no checkpoint `{name}`", case.name),
                );
            }
        }
    }

    /// A kind of action that is misspelt where the glass may be broken would be found out in the emergency.
    fn behind_glass(
        &mut self,
        descriptors: &BTreeMap<DescriptorId, Descriptor>,
        checkpoints: &BTreeMap<CheckpointName, Checkpoint>,
    ) {
        for checkpoint in checkpoints.values() {
            let offered = checkpoint.break_glass.iter();
            let kinds = offered.flat_map(|offered| &offered.descriptors);
            for kind in kinds.filter(|kind| !descriptors.contains_key(*kind)) {
                let file = format!("checkpoints/{}.toml", checkpoint.name);
                let problem =
                    format!("`break_glass` names `{kind}`, and there is no such descriptor");
                self.add(&file, 1, problem);
            }
        }
    }

    /// One id is one question in the whole bundle, so that one answer never counts for two; and every definition that
    /// a descriptor adds questions to is still sound.
    fn questions(
        &mut self,
        descriptors: &BTreeMap<DescriptorId, Descriptor>,
        checkpoints: &BTreeMap<CheckpointName, Checkpoint>,
        criteria: &BTreeMap<String, CriteriaTemplate>,
    ) {
        let mut known: BTreeMap<&str, &Criterion> = BTreeMap::new();
        let asked =
            checkpoints
                .values()
                .map(|checkpoint| {
                    (
                        format!("checkpoints/{}.toml", checkpoint.name),
                        &checkpoint.criteria,
                    )
                })
                .chain(criteria.values().map(|template| {
                    (format!("criteria/{}.toml", template.id), &template.criteria)
                }));
        for (file, list) in asked {
            for criterion in list {
                if *known.entry(&criterion.id).or_insert(criterion) != criterion {
                    let problem = format!(
                        "another question has the id `{}`; one id is one question",
                        criterion.id
                    );
                    self.add(&file, 1, problem);
                }
            }
        }
        for checkpoint in checkpoints
            .values()
            .filter(|checkpoint| checkpoint.check().is_empty())
        {
            for descriptor in descriptors.values() {
                let mut joined = checkpoint.clone();
                let added = descriptor
                    .criteria
                    .iter()
                    .filter_map(|id| criteria.get(id))
                    .flat_map(|t| &t.criteria);
                for criterion in added {
                    if !joined.criteria.contains(criterion) {
                        joined.criteria.push(criterion.clone());
                    }
                }
                for problem in joined.check() {
                    let file = format!("descriptors/{}.toml", descriptor.id);
                    self.add(&file, 1, format!("with its criteria, {problem}"));
                }
            }
        }
    }

    /// Cedar's strict validation of every rule against every kind of action it can meet.
    fn validate(&mut self, schema: &Schema, rules: &[Rule]) {
        let mut set = PolicySet::new();
        for rule in rules {
            // A duplicate id was told already.
            let _ = set.add(rule.policy.clone());
        }
        let result = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
        let place = |id: &cedar_policy::PolicyId| {
            let id: &str = id.as_ref();
            rules
                .iter()
                .find(|rule| rule.id == id)
                .map_or(("bundle", 1), |rule| (rule.file.as_str(), rule.line))
        };
        for error in result.validation_errors() {
            let (file, line) = place(error.policy_id());
            self.add(file, line, error.to_string());
        }
        for warning in result.validation_warnings() {
            let (file, line) = place(warning.policy_id());
            self.add(file, line, warning.to_string());
        }
    }
}

fn checkpoint(table: &mut StrictTable<'_>) -> Option<Checkpoint> {
    let name = table.take("name");
    let title = table.take("title");
    let owner = table.take("owner");
    let rationale = table.take("rationale");
    let justification = table.take("justification");
    let eligible = table.take("eligible");
    let alternatives = table.take_each("alternatives");
    let signer = table.take_or_default("signer");
    let separate = table.take("separate");
    let criteria = table.take_each("criteria");
    let decide_within_seconds = table.take("decide_within_seconds");
    let spend_within_seconds = table.take("spend_within_seconds");
    let escalation = table.take_each("escalation");
    let limits = table.take("limits");
    let requires = table.take("requires");
    let break_glass = table.take_or_default("break_glass");
    Some(Checkpoint {
        name: name?,
        title: title?,
        owner: owner?,
        rationale: rationale?,
        justification: justification?,
        eligible: eligible?,
        alternatives,
        signer: signer?,
        separate: separate?,
        criteria,
        decide_within_seconds: decide_within_seconds?,
        spend_within_seconds: spend_within_seconds?,
        escalation,
        limits: limits?,
        requires: requires?,
        break_glass: break_glass?,
    })
}

/// The line a key of a flat file begins at.
fn line_of(text: &str, key: &str) -> usize {
    let at = text.lines().position(|line| {
        line.strip_prefix(key)
            .is_some_and(|rest| rest.trim_start().starts_with('='))
    });
    at.map_or(1, |at| at + 1)
}
