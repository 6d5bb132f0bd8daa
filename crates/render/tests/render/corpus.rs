//! The adversarial corpus: families of cases, each an action, why it is there, the flags that must be raised, and the
//! exact text a reviewer reads.
//!
//! A case begins with `== name`. `why:`, `kind:`, `media:`, `internal:`, any `envelope: Label = value` and
//! `described: Label = /pointer as shape`, and `flags:` stand in front of `payload:`, which is written in the escapes of
//! the exact block (line breaks mean nothing). Behind `--` stands the rendering, without the block of the action unless
//! the case names an `envelope:`, and without the exact bytes unless it says `whole:`: those are compared with the
//! payload itself. `flags:` is written by whoever writes the case, before it is rendered: what must be seen.
//! After a wanted change, copy the files that the failure names over the old ones and read the diff.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use gatehold_render::{
    BlockKind, Display, Field, Flag, Member, PayloadKind, RenderInput, Shape, recover, render,
    represents, to_plain,
};

const ENVELOPE: [(&str, &str); 2] = [("Target", "pg:prod-eu/orders"), ("Workload", "deploy-bot")];

#[derive(Default)]
struct Case {
    name: String,
    why: String,
    kind: String,
    media: String,
    internal: Vec<String>,
    envelope: Vec<(String, String)>,
    described: Vec<(String, String, Shape)>,
    flags: Option<BTreeSet<String>>,
    whole: bool,
    payload: Vec<u8>,
    /// As it stands in the file, to write it again.
    head: String,
    wanted: String,
}

fn read(text: &str) -> Case {
    let (name, rest) = text.split_once('\n').unwrap();
    let (head, wanted) = rest.split_once("\n--\n").unwrap();
    let mut case = Case {
        name: name.to_owned(),
        head: head.to_owned(),
        wanted: wanted.to_owned(),
        ..Case::default()
    };
    let (keys, payload) = head.split_once("payload:").unwrap();
    for line in keys.lines() {
        let (key, value) = line
            .split_once(':')
            .unwrap_or_else(|| panic!("{name}: {line}"));
        let value = value.trim();
        let list = || value.split(", ").map(str::to_owned);
        match key {
            "why" => case.why = value.to_owned(),
            "kind" => case.kind = value.to_owned(),
            "media" => case.media = value.to_owned(),
            "internal" => case.internal = list().collect(),
            "flags" => case.flags = Some(list().filter(|flag| !flag.is_empty()).collect()),
            "whole" => case.whole = true,
            "envelope" => {
                let (label, rest) = value.split_once(" = ").unwrap();
                let rest = String::from_utf8(unescape(rest)).unwrap();
                case.envelope.push((label.to_owned(), rest));
            }
            "described" => case.described.push(member(value)),
            other => panic!("{name}: unknown key {other}"),
        }
    }
    let joined: String = payload.lines().map(str::trim_start).collect();
    case.payload = match joined
        .strip_prefix("repeat ")
        .and_then(|rest| rest.split_once(' '))
    {
        Some((times, piece)) => unescape(piece).repeat(times.parse().unwrap()),
        None => unescape(&joined),
    };
    case
}

fn member(text: &str) -> (String, String, Shape) {
    let (label, rest) = text.split_once(" =").unwrap();
    let (pointer, shape) = rest.split_once(" as ").unwrap_or((rest, ""));
    let pointer = pointer.trim();
    let shape = match shape {
        "" => Shape::Plain,
        "sql" => Shape::Sql,
        "shell" => Shape::Shell,
        "diff" => Shape::Diff,
        "recipients" => Shape::Recipients,
        "secret" => Shape::Secret,
        "terraform_plan" => Shape::TerraformPlan,
        "kubernetes" => Shape::Kubernetes,
        "iam_policy" => Shape::IamPolicy,
        "iam_policy_before" => Shape::IamPolicyBefore,
        "amount" => Shape::Amount,
        "minor_amount" => Shape::MinorAmount,
        "currency" => Shape::Currency,
        "payee" => Shape::Payee,
        "account" => Shape::Account,
        "payee_before" => Shape::PayeeBefore,
        "account_before" => Shape::AccountBefore,
        other => panic!("unknown shape {other}"),
    };
    (label.to_owned(), pointer.to_owned(), shape)
}

fn kind(name: &str) -> PayloadKind {
    match name {
        "json" => PayloadKind::Json,
        "sql" => PayloadKind::Sql,
        "http" => PayloadKind::Http,
        "argv" => PayloadKind::Argv,
        "shell" => PayloadKind::Shell,
        "diff" => PayloadKind::Diff,
        "message" => PayloadKind::Message,
        "opaque" => PayloadKind::Opaque,
        other => panic!("unknown kind {other}"),
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next().unwrap() {
                b'n' => b'\n',
                b'x' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                plain => plain,
            },
            plain => plain,
        });
    }
    bytes
}

fn rendered(case: &Case) -> Display {
    let mut envelope: Vec<Field<'_>> = case
        .envelope
        .iter()
        .map(|(label, value)| Field { label, value })
        .collect();
    if envelope.is_empty() {
        envelope.extend(ENVELOPE.map(|(label, value)| Field { label, value }));
    }
    let described: Vec<Member<'_>> = case
        .described
        .iter()
        .map(|(label, pointer, shape)| Member {
            label,
            pointer,
            shape: *shape,
        })
        .collect();
    render(&RenderInput {
        media_type: &case.media,
        kind: kind(&case.kind),
        envelope: &envelope,
        described: &described,
        internal: &case.internal,
        payload: &case.payload,
    })
}

fn flags(display: &Display) -> BTreeSet<String> {
    let name = |flag| {
        let quoted = gatehold_core::json::canonical::to_bytes(flag).unwrap();
        String::from_utf8(quoted).unwrap().replace('"', "")
    };
    display.flags.iter().map(name).collect()
}

/// What the case has to show: without what is the same in every case.
fn shown(case: &Case, display: &Display) -> String {
    let mut display = display.clone();
    let large = display.block(BlockKind::Exact).is_none();
    display.blocks.retain(|block| match block.kind {
        BlockKind::Action => case.whole || !case.envelope.is_empty(),
        BlockKind::Exact => case.whole,
        _ => case.whole || !large || block.kind == BlockKind::Warnings,
    });
    to_plain(&display)
}

/// What is wrong with a case, if anything.
fn check(case: &Case) -> (String, String) {
    let display = rendered(case);
    let large = case.payload.len() > 64 << 10;
    let mut wrong = String::new();
    let hidden = flags(&display).contains("hidden");
    if represents(&display, &case.payload) == large {
        writeln!(wrong, "its bytes are not represented").unwrap();
    }
    if !large && !hidden && recover(&display).as_deref() != Some(&case.payload) {
        writeln!(wrong, "its bytes do not come back").unwrap();
    }
    if Display::from_bytes(&display.to_bytes().unwrap()).unwrap() != display {
        writeln!(wrong, "its display does not come back").unwrap();
    }
    let raised = flags(&display);
    if case.flags.as_ref() != Some(&raised) {
        let wanted = case.flags.clone().unwrap_or_default();
        let missing: Vec<_> = wanted.difference(&raised).collect();
        let more: Vec<_> = raised.difference(&wanted).collect();
        writeln!(wrong, "not raised: {missing:?}; raised beyond: {more:?}").unwrap();
    }
    if case.why.len() < 10 {
        writeln!(wrong, "it does not say why").unwrap();
    }
    let made = shown(case, &display);
    if made != case.wanted {
        writeln!(wrong, "it renders otherwise").unwrap();
    }
    let mut head = case.head.clone();
    if case.flags.is_none() {
        let list: Vec<String> = raised.into_iter().collect();
        head = head.replacen(
            "payload:",
            &format!("flags: {}\npayload:", list.join(", ")),
            1,
        );
    }
    (wrong, format!("== {}\n{head}\n--\n{made}", case.name))
}

#[test]
fn every_case_renders_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let new = Path::new(env!("CARGO_TARGET_TMPDIR")).join("corpus");
    fs::create_dir_all(&new).unwrap();
    let mut problems = String::new();
    let mut names = BTreeSet::new();
    let mut payloads = BTreeSet::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let mut made = String::new();
        for piece in format!("\n{text}").split("\n== ").skip(1) {
            // The split takes the line feed of every case but the last.
            let case = read(&format!("{}\n", piece.trim_end_matches('\n')));
            let (wrong, again) = check(&case);
            if !wrong.is_empty() {
                writeln!(problems, "{}: {wrong}", case.name).unwrap();
            }
            made.push_str(&again);
            assert!(names.insert(case.name.clone()), "{} twice", case.name);
            let described = format!("{:?}{:?}", case.described, case.internal);
            let action = (
                case.kind,
                case.media,
                described,
                case.envelope,
                case.payload,
            );
            assert!(payloads.insert(action), "{} repeats another", case.name);
        }
        if made != text {
            let copy = new.join(path.file_name().unwrap());
            fs::write(&copy, made).unwrap();
            writeln!(problems, "written: {}", copy.display()).unwrap();
        }
    }
    assert!(names.len() >= 679, "{} cases", names.len());
    assert!(problems.is_empty(), "{problems}");
}

/// Every flag; a new one does not compile until it is named here.
macro_rules! every_flag {
    ($($flag:ident),* $(,)?) => {{
        fn _named(flag: Flag) {
            match flag {
                $(Flag::$flag => {})*
            }
        }
        [$(Flag::$flag),*]
    }};
}

#[test]
fn every_flag_has_a_case_and_a_row_in_the_reference() {
    let every = every_flag!(
        Uninspectable,
        TooLargeToShow,
        InvalidUtf8,
        Bidi,
        RightToLeft,
        Control,
        ZeroWidth,
        Tag,
        VariationSelector,
        Separator,
        OddSpace,
        Private,
        Combining,
        OwnMarks,
        Padding,
        LongLine,
        MixedScript,
        Confusable,
        Punycode,
        Encoded,
        Exposed,
        Hidden,
        Malformed,
        NotDescribed,
        Absent,
        HugeNumber,
        Ambiguous,
        SeveralStatements,
        NoWhere,
        BeyondRows,
        CallsFunctions,
        Comments,
        HttpSmuggling,
        HttpHost,
        HttpPath,
        HttpCredentials,
        InlineProgram,
        SeveralCommands,
        ShellExpansion,
        ShellProgram,
        Redirect,
        HereDocument,
        Symlink,
        FileMode,
        FilePlace,
        BinaryFile,
        Destroys,
        KnownLater,
        HostAccess,
        RunsAsRoot,
        ImageTag,
        GrantsRights,
        Wildcard,
        PayeeChanged,
        AccountCheck,
        OddAmount,
        External,
        OddRecipient,
        Attachment,
        Markup
    );
    let name = |flag: &Flag| {
        let quoted = gatehold_core::json::canonical::to_bytes(flag).unwrap();
        String::from_utf8(quoted).unwrap().replace('"', "")
    };
    let every: BTreeSet<String> = every.iter().map(name).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut raised = BTreeSet::new();
    for entry in fs::read_dir(root.join("tests/corpus")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let lists = text.lines().filter_map(|line| line.strip_prefix("flags: "));
        raised.extend(lists.flat_map(|list| list.split(", ")).map(str::to_owned));
    }
    raised.remove("");
    assert_eq!(raised, every);
    let reference = fs::read_to_string(root.join("../../docs/reference/rendering.md")).unwrap();
    let rows = reference.split_once("<!-- flags -->").unwrap().1;
    let explained: BTreeSet<String> = rows
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned()))
        .collect();
    assert_eq!(explained, every);
}
