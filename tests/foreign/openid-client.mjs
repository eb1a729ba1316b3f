// The same steps as oauth4webapi.mjs, through openid-client and as its documentation shows.
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const given = createRequire(join(process.argv[2], "package.json"));
const oidc = await import(pathToFileURL(given.resolve("openid-client")).href);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const asked = JSON.parse((await lines.next()).value);

const der = Buffer.from(asked.key, "base64");
const key = await crypto.subtle.importKey("pkcs8", der, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
const config = await oidc.discovery(
  new URL(asked.issuer), asked.client, undefined, oidc.PrivateKeyJwt({ key, kid: asked.kid }),
  { algorithm: "oauth2", execute: [oidc.allowInsecureRequests] }, // http on this machine, as the test server has it
);
// a handle keeps the server's nonces and tries once more by itself when one is asked for
const options = asked.dpop ? { DPoP: oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair("ES256")) } : {};

const steps = {
  metadata: async () => config.serverMetadata(),
  token: (scope) => oidc.clientCredentialsGrant(config, { scope }, options),
  exchange: (scope, subject_token) => oidc.genericGrantRequest(config,
    "urn:ietf:params:oauth:grant-type:token-exchange",
    { scope, subject_token, subject_token_type: "urn:ietf:params:oauth:token-type:jwt" }, options),
  resource: async (token, path) => {
    const url = new URL(path, asked.issuer);
    const answer = await oidc.fetchProtectedResource(config, token, url, "GET", undefined, undefined, options);
    return { status: answer.status, body: await answer.text() };
  },
  introspect: (token) => oidc.tokenIntrospection(config, token),
  revoke: async (token) => {
    await oidc.tokenRevocation(config, token);
    return {};
  },
  par: async (redirect_uri, parameters) => {
    const code_verifier = oidc.randomPKCECodeVerifier();
    const sent = { redirect_uri, code_challenge: await oidc.calculatePKCECodeChallenge(code_verifier),
      code_challenge_method: "S256", state: oidc.randomState(), ...parameters };
    const url = await oidc.buildAuthorizationUrlWithPAR(config, sent, options);
    return { request_uri: url.searchParams.get("request_uri"), code_verifier, state: sent.state,
      authorization_endpoint: url.origin + url.pathname };
  },
  code: (callback, expectedState, _redirect_uri, pkceCodeVerifier) => oidc.authorizationCodeGrant(
    config, new URL(callback), { pkceCodeVerifier, expectedState }, undefined, options),
};

for await (const line of { [Symbol.asyncIterator]: () => lines }) {
  const [name, ...given] = JSON.parse(line);
  let answer;
  try {
    answer = await steps[name](...given);
  } catch (error) {
    answer = { failed: error.code ?? error.name, error: error.error, description: error.error_description,
      status: error.status, message: error.message, challenges: Array.isArray(error.cause) ? error.cause : undefined };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
