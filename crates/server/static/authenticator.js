// The one call of an authenticator that signs: what is signed is the hash that its caller computed, and nothing else of a page
// reaches it. It gives the assertion in the form that the gate reads.

import { base64url, canonical } from "./bytes.js";

/** A signature by this credential over this challenge, after the authenticator has checked who is there. */
export async function assertion(challenge, relyingParty, credential) {
  const { response } = await navigator.credentials.get({
    publicKey: {
      challenge,
      rpId: relyingParty,
      allowCredentials: [{ type: "public-key", id: credential }],
      userVerification: "required",
      timeout: 120_000,
    },
  });
  const { authenticatorData, clientDataJSON, signature } = response;
  return canonical({
    authenticatorData: base64url(authenticatorData),
    clientDataJSON: base64url(clientDataJSON),
    signature: base64url(signature),
  });
}
