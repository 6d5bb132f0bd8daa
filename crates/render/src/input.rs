//! What rendering needs to know, and nothing it could be lied to with: labels come from the descriptor, values from the
//! stored action.

/// How a payload is to be read, as the descriptor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadKind {
    /// One JSON document: tool parameters, an API body.
    Json,
    /// SQL text.
    Sql,
    /// `message/http` (a whole request) or the body of one, by media type.
    Http,
    /// A JSON array of strings, executed without a shell.
    Argv,
    /// A line or script for a POSIX shell.
    Shell,
    /// Changes of files as a unified diff.
    Diff,
    /// An electronic message, RFC 5322.
    Message,
    /// Nobody described it: never inspectable.
    Opaque,
}

/// A line of the action panel: our label and the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Ours, from the descriptor.
    pub label: &'a str,
    /// A value of the envelope.
    pub value: &'a str,
}

/// A member of a JSON payload that the descriptor describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    /// Ours, from the descriptor.
    pub label: &'a str,
    /// RFC 6901, into the payload.
    pub pointer: &'a str,
    /// What its value is.
    pub shape: Shape,
}

/// What the value of a member is, beside being JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A value.
    Plain,
    /// SQL text.
    Sql,
    /// A line or script for a POSIX shell.
    Shell,
    /// A unified diff.
    Diff,
    /// A Terraform plan, as `terraform show -json` writes it.
    TerraformPlan,
    /// A Kubernetes object, or a call that holds one.
    Kubernetes,
    /// A policy of AWS IAM.
    IamPolicy,
    /// The policy that it takes the place of.
    IamPolicyBefore,
    /// A sum of money, in the units of its currency.
    Amount,
    /// A sum of money, in the smallest units of its currency.
    MinorAmount,
    /// The currency of a sum.
    Currency,
    /// Who is paid.
    Payee,
    /// The account that is paid to.
    Account,
    /// Who was paid before.
    PayeeBefore,
    /// The account that was paid to before.
    AccountBefore,
    /// Who receives something: an address or a list of them.
    Recipients,
    /// Never shown.
    Secret,
}

/// Everything that [`crate::render`] reads.
#[derive(Debug, Clone, Copy)]
pub struct RenderInput<'a> {
    /// As the envelope names it.
    pub media_type: &'a str,
    /// As the descriptor says.
    pub kind: PayloadKind,
    /// Fields of the envelope: label and value.
    pub envelope: &'a [Field<'a>],
    /// Members of a JSON payload that the descriptor describes.
    pub described: &'a [Member<'a>],
    /// Domains whose addresses are the organisation's own, as the descriptor says.
    pub internal: &'a [String],
    /// The stored payload.
    pub payload: &'a [u8],
}
