// Programs that a test starts beside the browser, and what a gate and its identity provider share.

import { spawn } from "node:child_process";

/** With every character that a form or a header would change. */
export const SECRET = "s3cret+/=&%:x~and-long-enough-for-a-shared-secret";

/** Whatever ends this test, nothing that it started goes on: whoever waits for its last word would wait for theirs. */
export const ends = (child) => {
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  return child;
};

/** Starts something; goes on once it says this. */
export function started(command, words, says, options = {}) {
  const child = ends(spawn(command, words, { stdio: ["ignore", "pipe", "inherit"], ...options }));
  child.stdout.setEncoding("utf8");
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout.on("data", (chunk) => {
      text += chunk;
      if (text.includes(says)) resolve(child);
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${command} ${words.join(" ")} ended with ${code}; \`cargo xtask packages\` installs what it needs: ${text}`)));
  });
}

/** Ends it, if it runs. */
export async function ended(child) {
  if (!child || child.exitCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await gone;
}
