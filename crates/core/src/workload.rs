//! What software identities are, in the words that policy and the key directory share. No kind is exempt from anything.

use crate::effect::words;

words! {
    /// What kind of software identity a workload is (M004, M044).
    WorkloadKind {
        /// An AI agent.
        AiAgent = "ai_agent",
        /// A service account.
        ServiceAccount = "service_account",
        /// A client with an API key.
        ApiKeyClient = "api_key_client",
        /// A CI job.
        CiJob = "ci_job",
        /// A platform workload identity.
        WorkloadIdentity = "workload_identity",
        /// A third party's tool.
        ContractorTool = "contractor_tool",
        /// Schedulers, IaC runners, bots with admin roles.
        PrivilegedAutomation = "privileged_automation",
    }
}

impl WorkloadKind {
    /// As people say it, after an article: everybody is told when it is an AI that asks.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::AiAgent => "an AI agent",
            Self::ServiceAccount => "a service account",
            Self::ApiKeyClient => "a client with an API key",
            Self::CiJob => "a CI job",
            Self::WorkloadIdentity => "a workload of a platform",
            Self::ContractorTool => "a contractor's tool",
            Self::PrivilegedAutomation => "privileged automation",
        }
    }
}

impl WorkloadAssurance {
    /// In words, for people.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Local => "known by its local account alone",
            Self::Pop => "proven by its key",
            Self::Attested => "proven by its key and its platform",
        }
    }
}

words! {
    /// How well a workload's key is tied to the workload. Ordered from weak to strong.
    WorkloadAssurance {
        /// Same host, known by its uid: held execution only, never a credential.
        Local = "local",
        /// It proves possession of its registered key on every call.
        Pop = "pop",
        /// A platform attested that the key is that workload's.
        Attested = "attested",
    }
}
