//! Actions of AWS that lead to more than they say, and what each makes possible.

/// `*` stands for any characters, `?` for one; case does not count.
pub(super) fn matches(pattern: &str, action: &str) -> bool {
    let lower = |byte: &u8| byte.to_ascii_lowercase();
    let pattern: Vec<u8> = pattern.bytes().map(|byte| lower(&byte)).collect();
    let action: Vec<u8> = action.bytes().map(|byte| lower(&byte)).collect();
    let (mut at, mut read) = (0, 0);
    // Where the last star stands, and what of the action it was tried with.
    let mut star: Option<(usize, usize)> = None;
    while read < action.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(byte) if *byte == b'?' || action.get(read) == Some(byte) => {
                at += 1;
                read += 1;
            }
            _ => match star {
                Some((place, tried)) => {
                    star = Some((place, tried + 1));
                    (at, read) = (place + 1, tried + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|byte| *byte == b'*')
}

pub(super) const KNOWN: [(&str, &str); 38] = [
    (
        "iam:PassRole",
        "hand a role to a service, and act with its rights",
    ),
    ("iam:CreateAccessKey", "make access keys of users"),
    ("iam:CreateLoginProfile", "set the first password of users"),
    ("iam:UpdateLoginProfile", "change passwords of users"),
    ("iam:DeactivateMFADevice", "take second factors from users"),
    ("iam:AttachUserPolicy", "give any policy to a user"),
    ("iam:AttachGroupPolicy", "give any policy to a group"),
    ("iam:AttachRolePolicy", "give any policy to a role"),
    ("iam:PutUserPolicy", "write rights of a user"),
    ("iam:PutGroupPolicy", "write rights of a group"),
    ("iam:PutRolePolicy", "write rights of a role"),
    (
        "iam:CreatePolicyVersion",
        "rewrite a policy wherever it is attached",
    ),
    ("iam:SetDefaultPolicyVersion", "bring back an older policy"),
    ("iam:AddUserToGroup", "put users into groups"),
    ("iam:UpdateAssumeRolePolicy", "let anybody take a role"),
    (
        "iam:DeleteRolePermissionsBoundary",
        "lift the boundary of a role",
    ),
    (
        "iam:DeleteUserPermissionsBoundary",
        "lift the boundary of a user",
    ),
    ("sts:AssumeRole", "act as other roles"),
    ("sts:GetFederationToken", "make credentials for others"),
    ("kms:Decrypt", "read what is encrypted"),
    ("kms:CreateGrant", "let others use keys"),
    ("kms:PutKeyPolicy", "say who may use keys"),
    (
        "kms:ScheduleKeyDeletion",
        "make what is encrypted unreadable for good",
    ),
    ("secretsmanager:GetSecretValue", "read secrets"),
    (
        "secretsmanager:PutResourcePolicy",
        "share secrets with anybody",
    ),
    ("ssm:GetParameter", "read parameters, which may be secrets"),
    ("ssm:SendCommand", "run programs on machines"),
    ("ssm:StartSession", "log in to machines"),
    ("ec2:RunInstances", "start machines"),
    ("lambda:CreateFunction", "run code of one's own"),
    (
        "lambda:UpdateFunctionCode",
        "run code with the rights of a function",
    ),
    ("lambda:AddPermission", "let anybody call a function"),
    (
        "cloudformation:CreateStack",
        "make anything through a stack",
    ),
    ("s3:PutBucketPolicy", "share buckets with anybody"),
    ("s3:PutBucketAcl", "share buckets with anybody, by list"),
    ("cloudtrail:StopLogging", "end the record of what is done"),
    (
        "cloudtrail:DeleteTrail",
        "delete the record of what is done",
    ),
    (
        "organizations:LeaveOrganization",
        "leave the organisation's rules",
    ),
];

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_aws_matches_them() {
        for (pattern, action) in [
            ("*", "iam:PassRole"),
            ("iam:*", "iam:PassRole"),
            ("IAM:passrole", "iam:PassRole"),
            ("iam:P??sRole", "iam:PassRole"),
            ("*:*Role", "iam:PassRole"),
            ("i*m:*a*R*e", "iam:PassRole"),
            ("iam:PassRole*", "iam:PassRole"),
        ] {
            assert!(matches(pattern, action), "{pattern}");
        }
        for (pattern, action) in [
            ("iam:Pass", "iam:PassRole"),
            ("iam:?", "iam:PassRole"),
            ("s3:*", "iam:PassRole"),
            ("", "iam:PassRole"),
            ("*Roles", "iam:PassRole"),
        ] {
            assert!(!matches(pattern, action), "{pattern}");
        }
    }
}
