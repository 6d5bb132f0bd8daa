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
