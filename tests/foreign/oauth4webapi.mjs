// Speaks to an authorization server with oauth4webapi, as its documentation shows. A line of JSON on stdin says who is
// asking: {issuer, client, kid, key (PKCS 8, base64), dpop}; each further one is a step, [name, argument…], and is
// answered by a line.
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const given = createRequire(join(process.argv[2], "package.json"));
const oauth = await import(pathToFileURL(given.resolve("oauth4webapi")).href);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const asked = JSON.parse((await lines.next()).value);
const local = { [oauth.allowInsecureRequests]: true }; // http on this machine, as the test server has it

const der = Buffer.from(asked.key, "base64");
const key = await crypto.subtle.importKey("pkcs8", der, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
const issuer = new URL(asked.issuer);
const as = await oauth.processDiscoveryResponse(
  issuer, await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...local }),
);
const client = { client_id: asked.client };
const authentication = oauth.PrivateKeyJwt({ key, kid: asked.kid });
const DPoP = asked.dpop ? oauth.DPoP(client, await oauth.generateKeyPair("ES256")) : undefined;

// the library's own way with nonces: one more attempt when the server asks for one
async function once(attempt) {
  try {
    return await attempt();
  } catch (error) {
    if (!DPoP || !oauth.isDPoPNonceError(error)) throw error;
    return { ...(await attempt()), nonce_asked: true };
  }
}

const steps = {
  metadata: async () => as,
  token: (scope) => once(async () => oauth.processClientCredentialsResponse(as, client,
    await oauth.clientCredentialsGrantRequest(as, client, authentication, { scope }, { DPoP, ...local }))),
  exchange: (scope, subject_token) => once(async () => {
    const parameters = new URLSearchParams({ scope, subject_token,
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt" });
    const grant = "urn:ietf:params:oauth:grant-type:token-exchange";
    return oauth.processGenericTokenEndpointResponse(as, client,
      await oauth.genericTokenEndpointRequest(as, client, authentication, grant, parameters, { DPoP, ...local }));
  }),
  resource: (token, path) => once(async () => {
    const url = new URL(path, issuer);
    const answer = await oauth.protectedResourceRequest(token, "GET", url, undefined, undefined, { DPoP, ...local });
    return { status: answer.status, body: await answer.text() };
  }),
  introspect: async (token) => oauth.processIntrospectionResponse(as, client,
    await oauth.introspectionRequest(as, client, authentication, token, local)),
  introspect_signed: async (token) => oauth.processIntrospectionResponse(as, client,
    await oauth.introspectionRequest(as, client, authentication, token, { requestJwtResponse: true, ...local })),
  revoke: async (token) => {
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, authentication, token, local));
    return {};
  },
  resource_metadata: async () => oauth.processResourceDiscoveryResponse(
    issuer, await oauth.resourceDiscoveryRequest(issuer, local)),
  par: (redirect_uri, parameters) => once(async () => {
    const code_verifier = oauth.generateRandomCodeVerifier();
    const sent = new URLSearchParams({ client_id: asked.client, redirect_uri, response_type: "code",
      code_challenge: await oauth.calculatePKCECodeChallenge(code_verifier), code_challenge_method: "S256",
      state: oauth.generateRandomState(), ...parameters });
    const pushed = await oauth.processPushedAuthorizationResponse(as, client,
      await oauth.pushedAuthorizationRequest(as, client, authentication, sent, { DPoP, ...local }));
    return { ...pushed, code_verifier, state: sent.get("state"), authorization_endpoint: as.authorization_endpoint };
  }),
  code: (callback, state, redirect_uri, code_verifier) => once(async () => {
    const parameters = oauth.validateAuthResponse(as, client, new URL(callback), state);
    return oauth.processAuthorizationCodeResponse(as, client, await oauth.authorizationCodeGrantRequest(
      as, client, authentication, parameters, redirect_uri, code_verifier, { DPoP, ...local }));
  }),
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
